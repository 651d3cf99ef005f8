"""The report: one HTML page that holds all it shows. It runs no script, asks for nothing, is light or dark with the reader's screen,
and prints; beside every chart stands the table it is drawn from."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from html import escape
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from psycopg import errors

from aclue_pipeline.charts import sections, style
from aclue_pipeline.charts.sections import Section
from aclue_pipeline.charts.shapes import Rows
from aclue_pipeline.postgres import Database
from aclue_pipeline.settings import get_settings

if TYPE_CHECKING:
    import altair as alt

#: Rows of a table that are shown, and that are printed; for all of them there is `aclue extract`.
_ROWS, _PRINTED = 400, 31

_SHARES = ("share", "rate", "low", "high")


def report(db: Database, first: date, last: date) -> str:
    """The page of these days, both counted, as they are published now: all of it of one moment."""
    with db.begin() as connection:
        connection.execute(sa.text("set transaction isolation level repeatable read, read only"))
        parts = [(one.title, _section(connection, one, first, last)) for one in sections.SECTIONS]
    return page(
        "Revenue and funnel",
        f"{_day(first)} to {_day(last)}",
        f"Days of {get_settings().timezone}, both ends counted; read from what was published on {datetime.now(UTC):%d %b %Y, %H:%M} UTC."
        " Numbers move for as long as networks report: what is unfinished is said where it is shown. Money is never summed across"
        " currencies.",
        parts,
    )


def page(title: str, of: str, says: str, parts: Sequence[tuple[str, str]]) -> str:
    """A whole page: what it is called, what it is of, what one must know to read it, and its parts, each a title and HTML."""
    contents = "".join(f'<li><a href="#s{n}">{escape(name)}</a></li>' for n, (name, _) in enumerate(parts))
    body = "".join(f'<section id="s{n}">{part}</section>' for n, (_, part) in enumerate(parts))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{escape(title)}, {escape(of)}</title>
<style>{_CSS}</style>
</head>
<body>
<header>
<h1>{escape(title)}</h1>
<p class="days">{escape(of)}</p>
<p>{escape(says)}</p>
<nav><ol>{contents}</ol></nav>
</header>
<main>{body}</main>
</body>
</html>
"""


def _section(connection: sa.Connection, section: Section, first: date, last: date) -> str:
    head = f"<h2>{escape(section.title)}</h2><p>{escape(section.says)}</p>"
    try:
        with connection.begin_nested():
            if not sections.is_there(connection, section):
                return f'{head}<p class="none">{escape(section.of)} is not in this database yet.</p>'
            rows = section.read(connection, first, last)
    except sa.exc.ProgrammingError as error:
        if not isinstance(error.orig, errors.InsufficientPrivilege):
            raise
        return f'{head}<p class="none">This role may not read {escape(section.of)}.</p>'
    if not rows:
        return f'{head}<p class="none">Nothing in these days.</p>'
    return part(section.title, section.says, rows, section.draw)


def part(
    title: str,
    says: str,
    rows: Rows,
    draw: "Callable[[Rows], alt.TopLevelMixin] | None" = None,
    fractions: str = ",.2f",
) -> str:
    """A part of a page: the table of the rows, beside their drawing. `fractions`: how a column of such is written, unless its name
    says better."""
    head = f"<h2>{escape(title)}</h2><p>{escape(says)}</p>"
    table = _table(rows, title, fractions)
    if draw is None or not style.CAN_DRAW:
        return head + table
    drawing = style.svg(draw(rows), page=True)
    return f'{head}<div class="both"><figure aria-hidden="true">{drawing}</figure>{table}</div>'


def _table(rows: Rows, title: str, fractions: str) -> str:
    forms = {name: _form(name, [row[name] for row in rows if row[name] is not None], fractions) for name in rows[0]}
    sides = {name: "" if form is None else ' class="n"' for name, form in forms.items()}
    head = "".join(f'<th scope="col"{sides[name]}>{escape(name.replace("_", " "))}</th>' for name in forms)
    body = "".join(
        "<tr>"
        + "".join(f"<td{sides[name]}>{escape(_text(row[name], form))}</td>" for name, form in forms.items())
        + "</tr>"
        for row in rows[:_ROWS]
    )
    more = "".join(
        f'<p class="{where}">The first {shown} of {len(rows):,} rows.</p>'
        for where, shown in (("screen", _ROWS), ("print", _PRINTED))
        if len(rows) > shown
    )
    return (
        f'<div class="rows" tabindex="0" role="region" aria-label="{escape(title)}: the numbers">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}</div>"
    )


def _form(name: str, values: list[Any], fractions: str) -> str | None:
    """How a column's numbers are written; None where it holds something else."""
    if not all(isinstance(value, int | float | Decimal) for value in values):
        return None
    if name.split("_")[-1] in _SHARES:
        return ".1%"
    if name.startswith("epc") or name.endswith("per_person"):
        return ",.4f"
    return ",.0f" if "seconds" in name or all(value == int(value) for value in values) else fractions


def _text(value: Any, form: str | None) -> str:
    if value is None:
        return "–"
    if form is not None:
        return format(value, form)
    return _day(value) if isinstance(value, date) else str(value)


def _day(day: date) -> str:
    return f"{day.day} {day:%b %Y}"


_CSS = (
    f"""
.rows p {{ margin: .4rem .5rem; color: var(--soft); }}
.print {{ display: none; }}
@media print {{ .screen, tbody tr:nth-child(n+{_PRINTED + 1}) {{ display: none; }} .print {{ display: block; }} }}
"""
    + """
:root { color-scheme: light dark; --ink: #212529; --ground: #fff; --soft: #868e96; --line: #dee2e6; --shade: #f8f9fa; }
@media (prefers-color-scheme: dark) {
    :root { --ink: #e9ecef; --ground: #16181d; --soft: #adb5bd; --line: #343a40; --shade: #1f2228; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1320px; padding: 2rem 2rem 4rem; color: var(--ink); background: var(--ground);
    font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "Liberation Sans", sans-serif; }
h1 { margin: 0; font-size: 1.7rem; line-height: 1.2; }
h2 { margin: 0 0 .25rem; font-size: 1.15rem; }
p { margin: 0 0 .75rem; max-width: 76ch; }
.days { font-size: 1.15rem; color: var(--soft); }
nav ol { margin: 0; padding-left: 1.3rem; columns: 2; max-width: 76ch; }
a { color: inherit; }
section { margin-top: 2rem; padding-top: 1.5rem; border-top: 1px solid var(--line); }
.none { color: var(--soft); font-style: italic; }
.both { display: grid; grid-template-columns: minmax(0, 1fr) fit-content(47%); gap: 2rem; align-items: start; }
figure { margin: 0; }
figure svg { display: block; overflow: visible; max-width: 100%; height: auto; }
section > .rows { width: fit-content; max-width: 100%; }
.rows { max-height: 26rem; overflow: auto; border: 1px solid var(--line); border-radius: 6px; }
table { width: 100%; border-collapse: collapse; font-size: .82rem; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .5rem; text-align: left; white-space: nowrap; }
td { max-width: 18rem; overflow: hidden; text-overflow: ellipsis; border-top: 1px solid var(--line); }
th { position: sticky; top: 0; background: var(--shade); font-weight: 600; white-space: normal; vertical-align: bottom; }
.n { text-align: right; }
@media (max-width: 1000px) { .both { grid-template-columns: minmax(0, 1fr); } }
@page { size: A4; margin: 14mm; }
@media print {
    :root { color-scheme: light; --ink: #000; --ground: #fff; --soft: #555; --line: #ccc; --shade: #f1f3f5; }
    body { padding: 0; font-size: 10pt; }
    nav { display: none; }
    .both { display: block; }
    figure { margin-bottom: 4mm; break-inside: avoid; }
    h2, section > p { break-after: avoid; }
    .rows { max-height: none; overflow: visible; border: 0; }
    table { font-size: 7.5pt; }
    th { position: static; }
    th, td { padding: .5mm 1.5mm; }
    thead { display: table-header-group; }
    tr { break-inside: avoid; }
}
"""
)
