"""`aclue demo`: everything at once on the checkout's embedded server, and the switches for loading more and breaking things."""

import os
import time
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

import click

from aclue_pipeline.cli.context import Context, json_option, port_option, print_json, progress, tell_hint, waiting

if TYPE_CHECKING:
    import dagster as dg

    from aclue_pipeline.demo.tour import Step


@click.group(
    invoke_without_command=True, short_help="The whole graph on sample data.", epilog="Example:  aclue demo --no-ui"
)
@click.option("--no-ui", is_flag=True, help="End after the summary instead of serving the UI.")
@port_option
@click.pass_context
def demo(click_context: click.Context, no_ui: bool, port: int | None) -> None:
    """Deploy, load, compute and check everything on sample data, then serve the UI.

    Run again, it takes in what is new. Nothing but the embedded server is touched.
    """
    if click_context.invoked_subcommand is not None:
        return
    context = click_context.find_object(Context)
    assert context is not None
    _whole(context)
    if no_ui:
        tell_hint(
            "The Dagster UI on it: aclue demo, or aclue --demo ui; a page of charts: aclue --demo report --out report.html"
        )
    else:
        from aclue_pipeline.cli.ui import serve

        serve(context, port)


def _whole(context: Context) -> None:
    from aclue_pipeline.demo.tour import Stage, figures, tour

    began = time.monotonic()
    said = [""]

    def say(line: str) -> None:
        said.append(line)
        click.echo(f"{time.monotonic() - began:6.1f} s  {line}", err=True)

    say("the embedded PostgreSQL server")
    database = context.database()
    stage = Stage(database, context.catalog, context.admin_url, _instance, say)
    steps, ends = [], [time.monotonic()]
    with waiting(lambda: said[-1], 10):
        for step in tour(stage):
            steps.append(step)
            ends.append(time.monotonic())
            context.name_first_day()  # known once the first step has loaded something
    _summary(steps, [end - begin for begin, end in pairwise(ends)], figures(database), time.monotonic() - began)
    database.close()


@cache
def _instance() -> "dg.DagsterInstance":
    """The instance that the UI shows, on the embedded server; opened when the first job runs."""
    from aclue_pipeline.cli.ui import instance_environment

    os.environ.update(instance_environment(demo=True))
    import dagster as dg

    instance = dg.DagsterInstance.get()
    # Its storage opens a connection for each of the thousands of events of a year's backfill, unless it is told to keep one.
    instance.optimize_for_webserver(statement_timeout=600_000, pool_recycle=3600, max_overflow=20)
    return instance


def _summary(steps: "list[Step]", took: list[float], figures: dict[str, str], seconds: float) -> None:
    from rich.console import Console
    from rich.table import Table

    last = {step.name: step for step in steps}  # of a job that ran twice, what it says now
    table = Table(title=f"The demo, in {seconds:.0f} s", title_justify="left", show_header=False)
    for step, each in zip(steps, took, strict=True):
        table.add_row(
            step.name, step.result, f"{each:.1f} s", style="red" if step.red and step is last[step.name] else None
        )
    table.add_section()
    for name, figure in figures.items():
        table.add_row(name, figure, "")
    Console().print(table)
    for step in last.values():
        for check in step.red:
            click.secho(f"red: {check} ({step.name})", fg="red")
        for check in step.warned:
            click.secho(f"warns: {check} ({step.name})", fg="yellow")


@demo.command(epilog="Example:  aclue demo load --users 50000 --days 90")
@click.option(
    "--users",
    type=click.IntRange(1, 10_000_000),
    help="People: the shop's real customers first, invented ones after them.  [default: 929]",
)
@click.option("--days", type=click.IntRange(1, 10_000), help="Days back from yesterday.  [default: the real year]")
@click.option("--seed", type=int, help="Seed of what is simulated; only for the first load.")
@json_option
@click.pass_obj
def load(context: Context, users: int | None, days: int | None, seed: int | None, as_json: bool) -> None:
    """Load sample data up to yesterday, or what is missing of it.

    What is loaded stays; more people or earlier days are added. The tables are made where they are missing; nothing is computed.
    """
    from aclue_pipeline import schema
    from aclue_pipeline.demo import load as loading

    database = context.database()
    loading.install(database, context.admin_url, progress())
    schema.deploy(database)
    rows = loading.load(database, users, days, seed, progress=progress())
    if as_json:
        return print_json(rows)
    for table, count in rows.items():
        click.echo(f"{table:<32}{count:>12,}")
    if not rows:
        click.echo("nothing is missing")


@demo.command(name="break", epilog="Example:  aclue demo break policy")
@click.argument("what", type=click.Choice(["policy", "duplicate-clicks", "late-conversion"]))
@json_option
@click.pass_obj
def break_(context: Context, what: str, as_json: bool) -> None:
    """Break one thing on purpose, to see what notices.

    \b
    policy            a check of `schema` turns red, with its remedy
    duplicate-clicks  clicks_are_facts turns red, with its remedy; no valid click is added
    late-conversion   once synced and rebuilt, two published days are restated
    """
    from aclue_pipeline.demo.breaks import break_ as break_rows

    done = break_rows(context.database(), what)
    if as_json:
        print_json({"what": what, "says": done.says, "days": done.days})
        return
    click.echo(done.says)
    for line in _LOOK[what]:
        tell_hint(f"look:  {line}")
    tell_hint("undo:  aclue demo reset")


#: Where each break shows; in the UI the jobs verify_schema, sync_facts and rebuild_revenue_and_funnel show the same.
_LOOK = {
    "policy": ["aclue --demo verify    (its one red line names the remedy)"],
    "duplicate-clicks": [
        "aclue --demo ui    (the job sync_facts: clicks_are_facts is red)",
        "aclue --demo sync --full    (its remedy: they are repeats, none is valid)",
        "aclue --demo revenue rebuild",
    ],
    "late-conversion": ["aclue --demo sync", "aclue --demo revenue rebuild    (these two days are restated)"],
}


@demo.command(epilog="Example:  aclue demo reset")
@json_option
@click.pass_obj
def reset(context: Context, as_json: bool) -> None:
    """Undo everything that was broken on purpose."""
    from aclue_pipeline.demo.breaks import reset as undo

    names = undo(context.database())
    if as_json:
        return print_json({"undone": list(names)})
    click.echo(f"undone: {', '.join(names)}" if names else "nothing was broken")
    if {"duplicate-clicks", "late-conversion"} & {*names}:
        tell_hint("the published tables follow:  aclue --demo sync --full, then aclue --demo revenue rebuild")


@demo.command(epilog="Example:  aclue demo status --json")
@json_option
@click.pass_obj
def status(context: Context, as_json: bool) -> None:
    """Say what is loaded and what is broken; starts nothing."""
    from aclue_pipeline.demo.breaks import broken
    from aclue_pipeline.demo.load import loaded

    if not context.server.status()["running"]:
        if as_json:
            print_json({"running": False, "loaded": None, "broken": []})
        else:
            tell_hint("the embedded server does not run: aclue db start starts it, aclue demo loads and computes")
        return
    with context.database().begin() as connection:
        now = loaded(connection)
        wrong = broken(connection)
    if as_json:
        print_json({"running": True, "loaded": None if now is None else now._asdict(), "broken": wrong})
        return
    click.echo(f"{now}, seed {now.seed}" if now else "nothing is loaded")
    click.echo(f"broken: {', '.join(wrong)}" if wrong else "nothing is broken")
