"""Pictures in an asset's metadata: a sparkline that stands on its page without a click, and charts behind one. Charts are drawn only
when numbers moved (of a view, which cannot tell, at each run), since every one is kept in the event log for ever; none is larger than
50 kB. What they show, the charts' room says."""

import base64
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from aclue_pipeline.catalog import Table
from aclue_pipeline.defs.metadata import INLINE, Markdown, tabular
from aclue_pipeline.derived import glance

if TYPE_CHECKING:
    import altair as alt
    import dagster as dg
    import sqlalchemy as sa

MAX_BYTES = 50_000

_SPARK_DAYS = 60
_TABLE_ROWS = 60
_WIDTH, _HEIGHT = 240, 40
_BLUE = "#4c6ef5"


def of_daily(connection: "sa.Connection", table: Table, moved: bool) -> dict[str, Any]:
    """Sparkline of a daily table's newest days, where there is something to show day by day; where numbers moved the charts."""
    rows = glance.per_day(connection, table)
    if not rows:
        return sections(connection, table) if moved else {}
    names = [name for name in rows[0] if name != "day"]
    first = names[0]
    recent = [row[first] for row in rows[-_SPARK_DAYS:]]
    since, last = rows[-len(recent)]["day"], rows[-1]["day"]
    metadata: dict[str, Any] = {f"{first} a day": sparkline(recent, f"{first} a day, {since} to {last}")}
    if not moved:
        return metadata
    from aclue_pipeline.charts import shapes

    metadata["chart"] = embedded(
        lambda days: shapes.time_chart(days, names, glance.money_per_day(connection, table)), rows[::-1], table.name
    )
    return metadata | sections(connection, table, since, last)


def sections(
    connection: "sa.Connection", table: Table, first: date | None = None, last: date | None = None
) -> dict[str, Any]:
    """What the report shows of the table, of these days or of the newest half year."""
    from aclue_pipeline import charts

    last = last or glance.today(connection)
    first = first or last - timedelta(days=182)
    return {
        section.title: embedded(section.draw, rows, section.title)
        for section in charts.sections.of(table.key)
        if section.draw
        and charts.sections.is_there(connection, section)
        and (rows := section.read(connection, first, last))
    }


# --- drawing ----------------------------------------------------------------------------------------------------------


def sparkline(values: Sequence[float], title: str, last: str = "on the last day", form: str = ",.0f") -> Markdown:
    """A line of at most 1,000 characters, Markdown included: the UI shows it without a click. `last` says what the last value is."""
    low, high = min(0.0, *values), max(1e-9, *values)
    step = _WIDTH / max(len(values) - 1, 1)
    points = " ".join(
        f"{n * step:.0f},{_HEIGHT - 2 - (value - low) / (high - low) * (_HEIGHT - 4):.0f}"
        for n, value in enumerate(values)
    )
    svg = (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{_WIDTH}' height='{_HEIGHT}'>"
        f"<polyline fill='none' stroke='{_BLUE}' points='{points}'/></svg>"
    )
    picture = f"![{title}](data:image/svg+xml,{quote(svg, safe=_SAFE)})"
    text = f"{picture}\n\n{values[-1]:{form}} {last}, at most {high:{form}}"
    assert len(text) < INLINE, f"a sparkline of {len(text)} characters"
    return Markdown(text)


_SAFE = "/:=',-!."  # characters that a data URI inside Markdown may hold as they are


def embedded(
    draw: "Callable[[Sequence[Mapping[str, Any]]], alt.TopLevelMixin]", rows: Sequence[Mapping[str, Any]], title: str
) -> "Markdown | str | dg.MetadataValue[Any]":
    """The rows' chart as an SVG image inside Markdown; a sentence instead where it would be too large, and where nothing draws
    (the extra [charts] is not installed) a table of the first of them."""
    from aclue_pipeline.charts import style

    if not style.CAN_DRAW:
        return tabular(rows[:_TABLE_ROWS])
    drawing = style.svg(draw(rows))
    text = f"![{title}](data:image/svg+xml;base64,{base64.b64encode(drawing.encode()).decode()})"
    if len(text) > MAX_BYTES:
        return f"the chart is left out: {len(text):,} bytes are too many for the event log"
    return Markdown(text)
