"""Pictures in an asset's metadata: a sparkline that stands on its page without a click, and a chart behind one. Charts
are drawn only when numbers moved, since every one is kept in the event log for ever; none is larger than 50 kB. Altair is imported
when drawing."""

import base64
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from aclue_pipeline.catalog import Table
from aclue_pipeline.defs.metadata import INLINE, Markdown
from aclue_pipeline.derived import glance

if TYPE_CHECKING:
    import altair as alt
    import sqlalchemy as sa

MAX_BYTES = 50_000

_SPARK_DAYS = 60
_WIDTH, _HEIGHT = 240, 40
_BLUE = "#4263eb"


def of_daily(connection: "sa.Connection", table: Table, moved: bool) -> dict[str, Markdown | str]:
    """Sparkline of a daily table's newest days, and where numbers moved the charts; empty where there is nothing to show day by day."""
    rows = glance.per_day(connection, table)
    if not rows:
        return {}
    names = [name for name in rows[0] if name != "day"]
    first = names[0]
    recent = [row[first] for row in rows[-_SPARK_DAYS:]]
    metadata: dict[str, Markdown | str] = {
        f"{first} a day": sparkline(recent, f"{first} a day, {rows[-len(recent)]['day']} to {rows[-1]['day']}")
    }
    if moved:
        metadata["chart"] = embedded(time_chart(rows, names, glance.money_per_day(connection, table)), table.name)
    if moved and glance.is_funnel(table):
        steps = {name: sum(row[name] for row in rows[-30:]) for name in names}
        metadata["funnel"] = embedded(funnel_chart(steps), table.name)
    return metadata


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


def embedded(chart: "alt.TopLevelMixin", title: str) -> Markdown | str:
    """The chart as an SVG image inside Markdown; a sentence instead where it would be too large."""
    import vl_convert

    svg = re.sub(
        r"(\d+\.\d)\d+", r"\1", vl_convert.vegalite_to_svg(chart.to_json())
    )  # a tenth of a pixel is exact enough
    text = f"![{title}](data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()})"
    if len(text) > MAX_BYTES:
        return f"the chart is left out: {len(text):,} bytes are too many for the event log"
    return Markdown(text)


def time_chart(
    rows: Sequence[Mapping[str, Any]], names: Sequence[str], money: Sequence[Mapping[str, Any]] = ()
) -> "alt.VConcatChart":
    """The named columns in one panel, a line each; below it commission, a line per currency."""
    import altair as alt

    counts = [{"day": row["day"], "series": name, "value": row[name]} for name in names for row in rows]
    panels = [_panel(counts, "a day", list(names))]
    if money:
        panels.append(_panel(money, "actual commission a day", sorted({row["series"] for row in money})))
    return alt.vconcat(*panels).resolve_scale(color="independent")


def _panel(values: Sequence[Mapping[str, Any]], title: str, series: list[str]) -> "alt.Chart":
    import altair as alt

    data = [{**row, "day": row["day"].isoformat()} for row in values]
    return (
        alt.Chart(alt.Data(values=data))
        .mark_line()
        .encode(
            x=alt.X("day:T", title=None, axis=alt.Axis(tickCount=6, format="%d %b")),
            y=alt.Y("value:Q", title=None, axis=alt.Axis(tickCount=4)),
            color=alt.Color("series:N", sort=series, legend=alt.Legend(title=None, orient="top")),
        )
        .properties(width=640, height=150, title=title)
    )


def funnel_chart(steps: Mapping[str, float]) -> "alt.LayerChart":
    """Bars of the newest 30 days, each with its count and its share of the first."""
    import altair as alt

    first = next(iter(steps.values())) or 1
    values = [{"step": name, "n": n, "label": f"{n:,.0f}  ({n / first:.1%})"} for name, n in steps.items()]
    base = alt.Chart(alt.Data(values=values)).encode(
        y=alt.Y("step:N", sort=None, title=None), x=alt.X("n:Q", title="sessions, newest 30 days")
    )
    return (base.mark_bar(color=_BLUE) + base.mark_text(align="left", dx=4).encode(text="label:N")).properties(
        width=560, height=180
    )


def reliability_chart(bins: Sequence[Mapping[str, Any]]) -> "alt.LayerChart":
    """Predicted against observed share of likes, a point per bin sized by its judgements, and the diagonal of perfect calibration.

    Each bin: `predicted`, `observed` (0..1), `judgements`.
    """
    import altair as alt

    diagonal = (
        alt.Chart(alt.Data(values=[{"p": 0, "o": 0}, {"p": 1, "o": 1}]))
        .mark_line(color="#999", strokeDash=[4, 4])
        .encode(x="p:Q", y="o:Q")
    )
    points = (
        alt.Chart(
            alt.Data(values=[{k: float(row[k]) for k in ("predicted", "observed", "judgements")} for row in bins])
        )
        .mark_point(filled=True, color=_BLUE)
        .encode(
            x=alt.X("predicted:Q", title="predicted share of likes", scale=alt.Scale(domain=[0, 1])),
            y=alt.Y("observed:Q", title="observed share of likes", scale=alt.Scale(domain=[0, 1])),
            size=alt.Size("judgements:Q", legend=alt.Legend(title="judgements")),
        )
    )
    return (diagonal + points).properties(width=360, height=360)


def confidence_chart(rows: Sequence[Mapping[str, Any]]) -> "alt.Chart":
    """Profiles by confidence (20 bins of 0 to 1), coloured by segment. Each row: `bin` from 1, `segment`, `profiles`."""
    import altair as alt

    values = [
        {"confidence": (row["bin"] - 0.5) / 20, "segment": str(row["segment"]), "profiles": row["profiles"]}
        for row in rows
    ]
    return (
        alt.Chart(alt.Data(values=values))
        .mark_bar(size=22)
        .encode(
            x=alt.X("confidence:Q", title="confidence level", scale=alt.Scale(domain=[0, 1])),
            y=alt.Y("sum(profiles):Q", title="profiles"),
            color=alt.Color("segment:N", title="segment"),
        )
        .properties(width=560, height=220)
    )
