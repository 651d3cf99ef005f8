"""Rows become charts, and nothing else happens here: no database, no Dagster, no page. What a row is, each function says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import date
from decimal import Decimal
from typing import Any

from aclue_pipeline.charts.style import BLUE, GREY, ORANGE, RED, TEAL, WIDTH

with suppress(ImportError):  # style.CAN_DRAW says whether it is there
    import altair as alt

Row = Mapping[str, Any]
Rows = Sequence[Row]

#: Currencies that have a panel of their own, the largest first; more of them nobody compares.
_PANELS = 3


def _money() -> alt.Axis:
    return alt.Axis(tickCount=5, format=",.2~f")


def data(rows: Rows) -> alt.Data:
    """In JSON's types; a Decimal is as exact as a pixel."""
    return alt.Data(values=[{name: _plain(value) for name, value in row.items()} for row in rows])


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else value


def by_currency(rows: Rows, amount: str, draw: Callable[[Rows], Any], alone: int | None = None) -> alt.VConcatChart:
    """A panel for each of the currencies in which there is most: money is never summed across them. `alone`: the height of a panel
    that has the chart for itself, where that is another."""
    sums: dict[str, float] = {}
    for row in rows:
        sums[row["currency"]] = sums.get(row["currency"], 0) + abs(float(row[amount] or 0))
    largest = sorted(sums, key=lambda currency: (-sums[currency], currency))[:_PANELS]
    panels = [draw([row for row in rows if row["currency"] == of]).properties(title=of) for of in largest]
    if alone and len(panels) == 1:
        panels = [panels[0].properties(height=alone)]
    return alt.vconcat(*panels)


# --- day by day -------------------------------------------------------------------------------------------------------


def time_chart(rows: Rows, names: Sequence[str], money: Rows = (), open_since: date | None = None) -> alt.VConcatChart:
    """The named columns in one panel, a line each; below it commission (`day`, `series`, `value`), a line per currency. The days from
    `open_since` on are shaded."""
    counts = [{"day": row["day"], "series": name, "value": row[name]} for name in names for row in rows]
    panels = [_lines(counts, "", list(names), open_since)]
    if money:
        currencies = sorted({row["series"] for row in money})
        panels.append(_lines(money, "actual commission a day", currencies, open_since))
    return alt.vconcat(*panels).resolve_scale(color="independent")


def _lines(values: Rows, title: str, series: list[str], open_since: date | None) -> Any:
    lines = (
        alt.Chart(data(values))
        .mark_line()
        .encode(
            x=alt.X("day:T", title=None, axis=alt.Axis(tickCount=6, format="%d %b")),
            y=alt.Y("value:Q", title=None, axis=alt.Axis(tickCount=4)),
            color=alt.Color("series:N", sort=series, legend=alt.Legend(title=None, orient="top")),
        )
    )
    last = max(row["day"] for row in values)
    if open_since is None or open_since >= last:
        return lines.properties(width=WIDTH, height=150, title=title)
    first = max(open_since, min(row["day"] for row in values))
    base = alt.Chart(data([{"first": first, "last": last, "says": "what these days led to is not final"}])).encode(
        x="first:T"
    )
    shade = base.mark_rect(color=GREY, opacity=0.12).encode(x2="last:T")
    says = base.mark_text(align="left", dx=4, color=GREY).encode(y=alt.value(8), text="says:N")
    return alt.layer(shade, lines, says).properties(width=WIDTH, height=150, title=title)


#: The parts of a day's bar, from below, and their colours.
_PARTS = {"as first published": BLUE, "added since": TEAL, "taken back since": RED}


def revenue_chart(rows: Rows) -> alt.VConcatChart:
    """Rows of `day`, `currency`, `first_published`, `commission` and `open_share` (0…1 of the clicks whose window is open): bars of
    what was first published, what came to it and, hollow, what went; the paler, the more of the day is open."""
    return by_currency(rows, "commission", _revenue_panel, alone=260)


def _revenue_panel(rows: Rows) -> alt.LayerChart:
    parts = []
    for row in rows:
        first, now = float(row["first_published"]), float(row["commission"])
        ends = {
            "as first published": (0.0, min(first, now)),
            "added since": (min(first, now), now),
            "taken back since": (now, first) if first > now else (now, now),
        }
        solid = 1 - 0.65 * float(row["open_share"] or 0)
        for part, (low, high) in ends.items():
            if low != high:
                parts.append({"day": row["day"], "part": part, "low": low, "high": high, "solid": solid})
    base = alt.Chart(data(parts)).encode(
        x=alt.X("yearmonthdate(day):T", title=None, axis=alt.Axis(tickCount=8, format="%d %b"), bandPosition=0),
        y=alt.Y("low:Q", title="actual commission", axis=_money()),
        y2="high:Q",
    )
    colour = alt.Color(
        "part:N",
        scale=alt.Scale(domain=list(_PARTS), range=list(_PARTS.values())),
        legend=alt.Legend(title=None, orient="top"),
    )
    is_gone = alt.datum.part == "taken back since"
    bars = (
        base.transform_filter(~is_gone)
        .mark_bar()
        .encode(color=colour, opacity=alt.Opacity("solid:Q", scale=None, legend=None))
    )
    gone = base.transform_filter(is_gone).mark_bar(filled=False, strokeDash=[2, 2]).encode(stroke=alt.value(RED))
    return (bars + gone).properties(width=WIDTH, height=150)


#: Of a month's commission, the amounts as they are booked.
_BOOKED = {"closed": BLUE, "adjustments": ORANGE, "open": TEAL}


def month_chart(rows: Rows) -> alt.VConcatChart:
    """Rows of `month` (None: sales without a date), `currency`, `commission` and what of it is `closed`, `open` and `adjustments`."""
    return by_currency(rows, "commission", _month_panel, alone=200)


def _month_panel(rows: Rows) -> alt.Chart:
    values = [
        {
            "month": f"{row['month']:%b %Y}" if row["month"] else "(no date)",
            "part": part,
            "amount": row[part],
            "place": place,
        }
        for row in reversed(rows)
        for place, part in enumerate(_BOOKED)
        if row[part]
    ]
    return (
        alt.Chart(data(values))
        .mark_bar()
        .encode(
            x=alt.X("month:N", sort=None, title=None, axis=alt.Axis(labelAngle=0)),
            y=alt.Y("amount:Q", title="commission", axis=_money()),
            color=alt.Color(
                "part:N",
                scale=alt.Scale(domain=list(_BOOKED), range=list(_BOOKED.values())),
                legend=alt.Legend(title=None, orient="top"),
            ),
            order="place:Q",
        )
        .properties(width=min(WIDTH, 60 * max(len(rows), 2)), height=150)
    )


# --- funnels ----------------------------------------------------------------------------------------------------------


def share_chart(rows: Rows) -> alt.LayerChart:
    """Rows of `step`, `sessions`, `share` of the first step (None: not told yet), `low` and `high`: bars with their bounds."""
    values = [
        {
            **row,
            "label": f"{row['sessions']:,}" + (f"  ({row['share']:.1%})" if row["share"] is not None else "  (open)"),
        }
        for row in rows
    ]
    base = alt.Chart(data(values)).encode(y=alt.Y("step:N", sort=None, title=None))
    share = alt.X(
        "share:Q",
        title="share of landings",
        axis=alt.Axis(format="%", values=[0, 0.2, 0.4, 0.6, 0.8, 1]),
        scale=alt.Scale(domain=[0, 1.3], nice=False),
    )
    bars = base.mark_bar(color=BLUE, opacity=0.75).encode(x=share)
    bounds = base.mark_rule(strokeWidth=2).encode(x="low:Q", x2="high:Q")
    label = base.transform_calculate(end="max(datum.high, datum.share, 0)").mark_text(align="left", dx=8)
    return (bars + bounds + label.encode(x="end:Q", text="label:N")).properties(
        width=WIDTH, height=34 * max(len(values), 2)
    )


def compared_chart(
    rows: Rows, name: str, value: str, bounds: tuple[str, str], says: str, form: str
) -> alt.TopLevelMixin:
    """Rows with a `name`, a `value` and its bounds (None: not told yet): a point each, so that one sees what differs for sure."""
    known = [row for row in rows if row[value] is not None]
    base = alt.Chart(data(known)).encode(y=alt.Y(f"{name}:N", sort=[row[name] for row in known], title=None))
    axis = alt.Axis(tickCount=5, format=form)
    points = base.mark_point(filled=True, size=70, color=BLUE, opacity=1).encode(
        x=alt.X(f"{value}:Q", title=says, axis=axis, scale=alt.Scale(zero=True))
    )
    rules = base.mark_rule(strokeWidth=2, opacity=0.5).encode(x=f"{bounds[0]}:Q", x2=f"{bounds[1]}:Q")
    return alt.layer(rules, points).properties(width=WIDTH - 90, height=30 * max(len(known), 1))


# --- people -----------------------------------------------------------------------------------------------------------


def people_chart(rows: Rows) -> alt.Chart:
    """Rows of `week` (the newest first), `first_time` and `returned`: one on the other."""
    series = {"first_time": "for the first time", "returned": "had been here before"}
    values = [
        {"week": f"{row['week']:%d %b}", "series": says, "people": row[name], "place": place}
        for row in reversed(rows)
        for place, (name, says) in enumerate(series.items())
    ]
    return (
        alt.Chart(data(values))
        .mark_bar()
        .encode(
            x=alt.X("week:N", sort=None, title="week from", axis=alt.Axis(labelAngle=-40)),
            y=alt.Y("people:Q", title="people", axis=alt.Axis(tickCount=5)),
            color=alt.Color("series:N", sort=list(series.values()), legend=alt.Legend(title=None, orient="top")),
            order="place:Q",
        )
        .properties(width=WIDTH, height=200)
    )


def retention_chart(rows: Rows) -> alt.TopLevelMixin:
    """Rows of `cohort_week`, `weeks_since` from 1 and `share`: the darker, the more came back."""
    values = [
        {**row, "cohort": f"{row['cohort_week']:%d %b %Y}", "label": f"{row['share']:.0%}"}
        for row in rows
        if row["share"] is not None
    ]
    most = float(max((row["share"] for row in values), default=1) or 1)
    base = alt.Chart(data(values)).encode(
        x=alt.X("weeks_since:O", title="weeks since", axis=alt.Axis(labelAngle=0)),
        y=alt.Y("cohort:N", sort=None, title=None),
    )
    cells = base.mark_rect(color=BLUE, stroke=None).encode(
        opacity=alt.Opacity("share:Q", scale=alt.Scale(domain=[0, most], range=[0.06, 0.9]), legend=None)
    )
    text = base.mark_text(fontSize=9).encode(text="label:N")
    weeks = len({row["weeks_since"] for row in values})
    return alt.layer(*([cells, text] if weeks <= 20 else [cells])).properties(
        width=min(WIDTH - 90, 46 * max(weeks, 1)), height=17 * max(len({row["cohort"] for row in values}), 1)
    )


def cohort_chart(rows: Rows) -> alt.VConcatChart:
    """Rows of `currency`, `cohort_month`, `months_since` and `per_person`: a line each month."""
    return by_currency(rows, "per_person", _cohort_panel)


def _cohort_panel(rows: Rows) -> alt.Chart:
    return (
        alt.Chart(data([{**row, "cohort": f"{row['cohort_month']:%Y-%m}"} for row in rows]))
        .mark_line(point=True, strokeWidth=2)
        .encode(
            x=alt.X("months_since:O", title="months since", axis=alt.Axis(labelAngle=0)),
            y=alt.Y("per_person:Q", title="commission per person to date", axis=alt.Axis(tickCount=5)),
            color=alt.Color(
                "cohort:O",
                scale=alt.Scale(scheme=alt.SchemeParams("viridis", extent=[0.25, 0.85])),
                legend=alt.Legend(title="first here in"),
            ),
        )
        .properties(width=WIDTH - 110, height=200)
    )


# --- money ------------------------------------------------------------------------------------------------------------


def models_chart(rows: Rows) -> alt.VConcatChart:
    """Rows of `currency`, `touch` and a column for each model: the commission that it credits to the touch, side by side."""
    models = [name for name in rows[0] if name not in ("currency", "touch")]
    values = [
        {"currency": row["currency"], "touch": row["touch"], "model": model.replace("_", " "), "commission": row[model]}
        for row in rows
        for model in models
    ]
    return by_currency(values, "commission", _models_panel)


def _models_panel(rows: Rows) -> alt.Chart:
    models = list(dict.fromkeys(row["model"] for row in rows))
    touches = list(dict.fromkeys(row["touch"] for row in rows))
    return (
        alt.Chart(data(rows))
        .mark_bar()
        .encode(
            y=alt.Y("touch:N", sort=touches, title=None),
            yOffset=alt.YOffset("model:N", sort=models),
            x=alt.X("commission:Q", title="commission credited", axis=_money()),
            color=alt.Color("model:N", sort=models, legend=alt.Legend(title=None, orient="top")),
        )
        .properties(width=WIDTH - 90, height=alt.Step(7))
    )


def lag_chart(rows: Rows) -> alt.Chart:
    """Rows of `affiliate_network`, `days_since` and `share` of the sales that are there after so many days: a line each."""
    return (
        alt.Chart(data([row for row in rows if row["share"] is not None]))
        .mark_line(strokeWidth=2, point=True)
        .encode(
            x=alt.X("days_since:Q", title="days since the click"),
            y=alt.Y("share:Q", title="of the sales to date", axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1])),
            color=alt.Color("affiliate_network:N", legend=alt.Legend(title=None, orient="top")),
        )
        .properties(width=WIDTH, height=200)
    )


def open_chart(rows: Rows) -> alt.VConcatChart:
    """Rows of `currency`, `affiliate_network`, `age` and `expected_open`: bars by age, a part per network."""
    return by_currency(rows, "expected_open", _open_panel)


def _open_panel(rows: Rows) -> alt.Chart:
    ages = list(dict.fromkeys(row["age"] for row in rows))
    return (
        alt.Chart(data(rows))
        .mark_bar()
        .encode(
            y=alt.Y("age:N", sort=ages, title=None),
            x=alt.X("expected_open:Q", title="expected and not paid yet", axis=_money()),
            color=alt.Color("affiliate_network:N", legend=alt.Legend(title=None, orient="top")),
        )
        .properties(width=WIDTH - 60, height=22 * max(len(ages), 1))
    )


# --- how well something predicts --------------------------------------------------------------------------------------


def calibration_chart(rows: Rows, predicted: str, observed: str) -> alt.TopLevelMixin:
    """Rows of `predicted` and `observed` (0…1), `n` and perhaps `low` and `high`: a point each, sized by n, with its bounds, and the
    diagonal on which they would stand."""
    diagonal = (
        alt.Chart(data([{"p": 0, "o": 0}, {"p": 1, "o": 1}]))
        .mark_line(color=GREY, strokeDash=[4, 4])
        .encode(x="p:Q", y="o:Q")
    )
    base = alt.Chart(data(rows)).encode(
        x=alt.X("predicted:Q", title=predicted, scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%", tickCount=5)),
    )
    points = base.mark_point(filled=True, color=BLUE, opacity=1).encode(
        y=alt.Y("observed:Q", title=observed, scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%", tickCount=5)),
        size=alt.Size("n:Q", legend=alt.Legend(title="counted")),
    )
    layers = [diagonal, points]
    if rows and "low" in rows[0]:
        layers.insert(1, base.mark_rule(opacity=0.6).encode(y="low:Q", y2="high:Q"))
    return alt.layer(*layers).properties(width=330, height=330)


def cold_chart(rows: Rows, names: Sequence[str]) -> alt.TopLevelMixin:
    """Rows of `after` and the log-loss of each of `names`: a line each, the lower the better."""
    values = [
        {"after": str(row["after"]), "predictor": name, "loss": row[name]}
        for row in rows
        for name in names
        if row[name] is not None
    ]
    base = alt.Chart(data(values)).encode(
        x=alt.X("after:N", sort=None, title="judgements known", axis=alt.Axis(labelAngle=0)),
        y=alt.Y("loss:Q", title="log-loss", scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=5)),
        color=alt.Color("predictor:N", sort=list(names), legend=alt.Legend(title=None, orient="top")),
    )
    return alt.layer(base.mark_line(strokeWidth=2), base.mark_point(filled=True, size=50, opacity=1)).properties(
        width=420, height=240
    )


def confidence_chart(rows: Rows) -> alt.Chart:
    """Profiles by confidence (20 bins of 0 to 1), coloured by segment. Each row: `bin` from 1, `segment`, `profiles`."""
    values = [
        {"confidence": (row["bin"] - 0.5) / 20, "segment": str(row["segment"]), "profiles": row["profiles"]}
        for row in rows
    ]
    return (
        alt.Chart(data(values))
        .mark_bar(size=22)
        .encode(
            x=alt.X("confidence:Q", title="confidence level", scale=alt.Scale(domain=[0, 1])),
            y=alt.Y("sum(profiles):Q", title="profiles"),
            color=alt.Color("segment:N", title="segment"),
        )
        .properties(width=560, height=220)
    )
