"""Pictures in an asset's metadata: sparklines that stand on its page without a click, and charts behind one, drawn at each run, so that
the latest event has them whether or not anything changed. What they show, the charts' room says."""

import base64
import textwrap
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from aclue_pipeline.catalog import Catalog, Table
from aclue_pipeline.defs.metadata import INLINE, Markdown, escaped, tabular, written
from aclue_pipeline.derived import glance

if TYPE_CHECKING:
    import altair as alt
    import dagster as dg
    import sqlalchemy as sa

_SPARK_DAYS = 60
_TABLE_ROWS = 60
_WIDTH, _HEIGHT = 240, 40
_TEXT_WIDTH = 40  # characters, which a page of 1440 pixels shows beside the other columns of the metadata
_BLUE = "#4c6ef5"


def of_daily(connection: "sa.Connection", catalog: Catalog, table: Table) -> dict[str, Any]:
    """How a daily table's newest days look: its money first, then what is counted."""
    rows = glance.per_day(connection, table)
    if not rows:
        return sections(connection, table)
    from aclue_pipeline.charts import shapes

    names = [name for name in rows[0] if name != "day"]
    money, open_since = glance.money_per_day(connection, table), glance.open_since(connection, catalog, table)
    days = [row["day"] for row in rows[-_SPARK_DAYS:]]
    span = f"{days[0].day} {days[0]:%b} to {days[-1].day} {days[-1]:%b %Y}"
    figures: dict[str, Any] = {}
    if money:
        figures |= _commission(money, days, span, open_since)
    drawn = sections(connection, table, days[0], days[-1])
    counts = [row[names[0]] for row in rows[-_SPARK_DAYS:]]
    says = f"{span}: {counts[-1]:,.0f} on the last day, at most {max(counts):,.0f}"
    figures |= {f"{names[0]} a day": sparkline(counts, f"{names[0]} a day", says), **drawn}
    beside = [] if drawn else money  # else a section of its own says better what money there is
    title = f"{_listed(names)} a day" + (", and actual commission" if beside else "")
    figures[title] = embedded(
        lambda days: shapes.time_chart(days, names, beside, open_since), rows[::-1], f"{title}, to {days[-1]}"
    )
    return figures


def _commission(
    money: Sequence[Mapping[str, Any]], days: Sequence[date], span: str, open_since: date | None
) -> dict[str, Markdown]:
    currency, of = _largest((row["series"], row["day"], row["value"]) for row in money)
    values = [of.get(day, 0.0) for day in days]
    unfinished = sum(day >= open_since for day in days) if open_since else 0
    says = (
        f"{span}: {sum(values):,.2f} {currency} in all, {values[-1]:,.2f} on the last day, at most {max(values):,.2f}"
        f"{'; pale: not final' if unfinished else ''}"
    )
    return {"actual commission a day": sparkline(values, "commission a day", says, unfinished)}


_UNIT = 12  # characters of a currency's name, which a client may have written


def _largest(money: Iterable[tuple[str, Any, Any]]) -> tuple[str, dict[Any, float]]:
    """The currency in which there is most, for Markdown, and its amounts by day or group: there is no sum of several."""
    of: dict[str, dict[Any, float]] = defaultdict(lambda: defaultdict(float))
    for currency, day, amount in money:
        of[currency][day] += float(amount or 0)
    currency = max(of, key=lambda currency: (sum(of[currency].values()), currency))
    return escaped(currency[:_UNIT]), of[currency]


def _listed(names: Sequence[str]) -> str:
    """a, b and c; of many the first and the last."""
    if len(names) > 4:
        return f"{names[0]} … {names[-1]}"
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def sections(
    connection: "sa.Connection", table: Table, first: date | None = None, last: date | None = None
) -> dict[str, Any]:
    """What the report shows of the table, of these days or of the newest half year."""
    from aclue_pipeline import charts

    today = glance.today(connection)
    last = last or today
    first = first or last - timedelta(days=182)
    figures: dict[str, Any] = {}
    for section in charts.sections.of(table.key):
        if not section.draw or not charts.sections.is_there(connection, section):
            continue
        if rows := section.read(connection, first, last):
            if section.line:
                by_time = isinstance(rows[0][section.line[0]], date)
                figures |= _by_period(rows, *section.line, today) if by_time else _by_group(rows, *section.line)
            figures[section.title] = embedded(section.draw, rows, section.title)
    return figures


def _by_period(rows: Sequence[Mapping[str, Any]], period: str, what: str, today: date) -> dict[str, Markdown]:
    """Of money, that in the currency with most; a month that is not over is pale."""
    unit, of = _largest((row.get("currency", ""), row[period], row[what]) for row in rows if row[period])
    form = ",.2f" if unit else ",.0f"
    values = [of[at] for at in sorted(of)]
    is_open = period == "month" and max(of) >= today.replace(day=1)
    says = (
        f"{min(of):%b %Y} to {max(of):%b %Y}: {values[-1]:{form}}{' ' if unit else ''}{unit} in the last {period}, at most"
        f" {max(values):{form}}{'; pale: not over' if is_open else ''}"
    )
    return {f"{what} a {period}": sparkline(values, f"{what} a {period}", says, int(is_open))}


def _by_group(rows: Sequence[Mapping[str, Any]], group: str, what: str) -> dict[str, Markdown]:
    """A bar for each group, in the order of the rows, and all of them in words: of money, that in the currency with most."""
    unit, of = _largest((row.get("currency", ""), row[group], row[what]) for row in rows)
    says = ", ".join(f"{escaped(str(at))}: {written(what, value) or f'{value:,.2f}'}" for at, value in of.items())
    title = f"{what.replace('_', ' ')} by {group}{', ' if unit else ''}{unit}"
    return {title: sparkline(list(of.values()), title, says, as_bars=True)}


# --- drawing ----------------------------------------------------------------------------------------------------------


def sparkline(values: Sequence[float], title: str, says: str, unfinished: int = 0, as_bars: bool = False) -> Markdown:
    """A line, or bars, and below it the sentence: at most 1,000 characters, Markdown included, so that the UI shows it
    without a click. The last values are pale where they are `unfinished`."""
    low, high = min(0.0, *values), max(1e-9, *values)
    step = _WIDTH / max(len(values) - 1, 1)
    points = [
        f"{n * step:.0f},{_HEIGHT - 2 - (value - low) / (high - low) * (_HEIGHT - 4):.0f}"
        for n, value in enumerate(values)
    ]
    if as_bars:
        wide, base = _WIDTH / len(values), _HEIGHT - 2
        tops = [point.partition(",")[2] for point in points]
        points = [
            f"{at:.0f},{y}"
            for n, top in enumerate(tops)
            for at, y in ((n * wide, base), (n * wide, top), ((n + 0.8) * wide, top), ((n + 0.8) * wide, base))
        ]
    known = len(points) - unfinished
    fill = f" fill='{_BLUE}'" if as_bars else ""
    lines = f"<path stroke='{_BLUE}'{fill} d='{_path(points[:known])}'/>" if known else ""
    lines += f"<path stroke='{_BLUE}' opacity='.4' d='{_path(points[max(known - 1, 0) :])}'/>" if unfinished else ""
    svg = f"<svg xmlns='http://www.w3.org/2000/svg' width='{_WIDTH}' height='{_HEIGHT}' fill='none'>{lines}</svg>"
    lines_of_text = "  \n".join(textwrap.wrap(says, _TEXT_WIDTH, break_on_hyphens=False))
    text = f"![{title}](data:image/svg+xml,{quote(svg, safe=_SAFE)})\n\n{lines_of_text}"
    assert len(text) < INLINE, f"a sparkline of {len(text)} characters"
    return Markdown(text)


def _path(points: Sequence[str]) -> str:
    return "M" + "L".join(points)


_SAFE = "/:=',-!."  # characters that a data URI inside Markdown may hold as they are


def embedded(
    draw: "Callable[[Sequence[Mapping[str, Any]]], alt.TopLevelMixin]", rows: Sequence[Mapping[str, Any]], title: str
) -> "Markdown | dg.MetadataValue[Any]":
    """The rows' chart as an SVG image inside Markdown, the title in it; where nothing draws (the extra [charts] is not installed) a table
    of the first of them."""
    from aclue_pipeline.charts import style

    if not style.CAN_DRAW:
        return tabular(rows[:_TABLE_ROWS])
    drawing = style.svg(draw(rows).properties(title=title))
    return Markdown(f"![{title}](data:image/svg+xml;base64,{base64.b64encode(drawing.encode()).decode()})")
