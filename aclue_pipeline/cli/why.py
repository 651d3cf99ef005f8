"""`aclue why`: why a published day says what it says. What there is to say, `derived` finds."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import click

from aclue_pipeline.cli.context import DAY, TABLE, Context, json_option, print_json
from aclue_pipeline.cli.outlets import plain


@click.command(
    short_help="Why a day of a table says what it says.", epilog="Example:  aclue why revenue_daily 2026-03-01"
)
@click.argument("table", type=TABLE)
@click.argument("day", type=DAY, metavar="DAY")
@click.option("--column", metavar="NAME", help="Only this column.  [default: the table's headline]")
@click.option("--since", type=DAY, metavar="DAY", help="Restatements published from that day on.  [default: all]")
@json_option
@click.pass_obj
def why(context: Context, table: str, day: datetime, column: str | None, since: datetime | None, as_json: bool) -> None:
    """Explain a day of a daily table: its largest rows, the clicks behind it by verdict, what computed it from what, what waits
    to be taken in, and how its published numbers moved and why."""
    from aclue_pipeline.derived import explain

    explained = explain(
        context.database(), context.catalog, context.catalog.table(table), day.date(),
        column=column, since=since.date() if since else None,
    )  # fmt: skip
    if as_json:
        print_json(explained)
    else:
        for line in _lines(explained):
            click.echo(plain(line))


def _lines(explained: Mapping[str, Any]) -> Iterator[str]:
    current = "the version there is now" if explained["is_current"] else "another version than there is now"
    yield f"{explained['table']} {explained['day']}: {explained['rows']:,} rows, computed {_time(explained['computed_at'])} by {current}"
    for name, said in (explained["figures"] or {}).items():
        yield f"  computed from {said} {name}"
    if explained["lost"]:
        yield f"  {explained['lost']:,} source rows went since; the day keeps what was published"
    for waiting in explained["waiting"]:
        yield f"  waits to be taken in: {waiting['cause']} ({waiting['changes']:,}, last noticed {_time(waiting['noted_at'])})"
    yield from _section("largest rows", explained["values"])
    yield from _section("clicks behind it", explained["clicks"])
    if explained["restatements"]:
        yield "how its numbers moved, over the rows that did"
    for move in explained["restatements"]:
        currency = f" {move['currency']}" if move["currency"] else ""
        causes = ", ".join(move["causes"])
        yield f"  {_time(move['at'])}  {move['column']}{currency} {move['before']:,} → {move['after']:,}: {causes}"


def _section(title: str, rows: list[dict[str, Any]]) -> Iterator[str]:
    if rows:
        yield title
    for row in rows:
        yield "  " + ", ".join(f"{name} {'–' if value is None else value}" for name, value in row.items())


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
