"""`aclue alerts`: what is wrong now, whom it is told, and who wants to hear no more of it."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from aclue_pipeline.cli.context import Context, Duration, json_option, print_json, tell_hint, waiting, yes_option
from aclue_pipeline.errors import AlertsStand, AlreadyRunning, NotDelivered, SettingsError

if TYPE_CHECKING:
    from aclue_pipeline.alerts import Source
    from aclue_pipeline.alerts.decide import State
    from aclue_pipeline.checks import Judgement
    from aclue_pipeline.postgres import Database


@click.group(
    invoke_without_command=True,
    short_help="What is wrong now, and telling somebody.",
    epilog="Example:  aclue alerts silence drift:schema --for 2d",
)
@json_option
@click.pass_context
def alerts(ctx: click.Context, as_json: bool) -> None:
    """Say what is wrong now, whichever room judges it; exit code 42 where nobody took it on or silenced it. Only reads.

    The sensor send_alerts tells the addresses of ACLUE_ALERT_URLS every five minutes: what is new, worse, still so after three days,
    or over. While Dagster stands still, `aclue alerts send` does the same by cron.
    """
    if ctx.invoked_subcommand is None:
        _list(ctx.obj, as_json)


def _list(context: Context, as_json: bool) -> None:
    from aclue_pipeline.alerts import standing

    database = context.database()
    with waiting("judging"):
        states = standing(database, _sources(context, database))
    now = datetime.now(UTC)
    if as_json:
        print_json([{name: value for name, value in vars(state).items() if name != "told"} for state in states])
    else:
        for state in states:
            _show(state, now)
        if not states:
            click.echo("nothing is wrong")
    open_ones = [state.key for state in states if not state.silent(now) and state.acknowledged_at is None]
    if open_ones:
        raise AlertsStand(
            f"nobody took on {', '.join(open_ones)}: aclue alerts ack KEY, or aclue alerts silence KEY --for 2d"
        )


def _show(state: "State", now: datetime) -> None:
    mark, colour = ("✗", "red") if state.severity == "error" else ("!", "yellow")
    notes = []
    if state.silent(now):
        notes.append(f"silenced until {state.silenced_until:%Y-%m-%d %H:%M} UTC")
    if state.acknowledged_at is not None:
        notes.append(f"taken on by {state.acknowledged_by}")
    click.echo(f"{click.style(mark, fg=colour)} {state.key} {state.sentence}" + "".join(f" [{note}]" for note in notes))
    if state.remedy:
        tell_hint(f"    remedy: {state.remedy}")


@alerts.command(epilog="Example:  aclue alerts send --yes")
@yes_option
@click.pass_obj
def send(context: Context, yes: bool) -> None:
    """Judge everything, and tell what has not been told: what the sensor send_alerts does, for cron or a systemd timer.

    Exit code 41 where an address did not take its message; the next time tries again. Beside the sensor nothing is told twice.
    """
    from aclue_pipeline.alerts import sweep, targets

    addresses = targets()
    if not addresses:
        return tell_hint("ACLUE_ALERT_URLS names no address: nobody is told; `aclue alerts` says what is wrong")
    database = context.writable(yes)
    try:
        with waiting("judging"):
            swept = sweep(database, context.catalog, _sources(context, database), addresses)
    except AlreadyRunning:
        return click.echo("another sweep is under way: it tells what there is to tell")
    for line in swept.says or ["nothing new to tell"]:
        click.echo(line)
    if swept.refused:
        raise NotDelivered(swept.refused)


@alerts.command(epilog="Example:  aclue alerts test")
@json_option
@click.pass_obj
def test(context: Context, as_json: bool) -> None:
    """Send every address of ACLUE_ALERT_URLS a test message; say of each, by scheme and host, whether it arrived.

    Exit code 41 where one did not.
    """
    from aclue_pipeline.alerts import send, targets

    addresses = targets()
    if not addresses:
        raise SettingsError("ACLUE_ALERT_URLS names no address: nobody would be told; see .env.example")
    outcomes = {target.label: send(target, "aclue: a test", "Alerts arrive here.", "info") for target in addresses}
    if as_json:
        print_json(
            [
                {"address": label, "arrived": outcome == "arrived", "says": outcome}
                for label, outcome in outcomes.items()
            ]
        )
    else:
        for label, outcome in outcomes.items():
            click.echo(f"{'✓' if outcome == 'arrived' else '✗'} {label} {outcome}")
    if refused := {label: outcome for label, outcome in outcomes.items() if outcome != "arrived"}:
        raise NotDelivered(refused)


@alerts.command(epilog="Example:  aclue alerts silence freshness:public.recommendations --for 2d")
@click.argument("key")
@click.option("--for", "span", type=Duration(), required=True, help="How long nothing is said of it: 2h, 2d.")
@yes_option
@click.pass_obj
def silence(context: Context, key: str, span: timedelta, yes: bool) -> None:
    """Say nothing of an alert for some time; what became of it meanwhile is told then. --for 0s ends that."""
    from aclue_pipeline.alerts import silence

    database = context.writable(yes)
    until = datetime.now(UTC) + span
    with waiting("looking for it"):
        silence(database, context.catalog, key, until, lambda: _sources(context, database))
    click.echo(f"nothing is said of {key} until {until:%Y-%m-%d %H:%M} UTC")


@alerts.command(epilog="Example:  aclue alerts ack drift:schema")
@click.argument("key")
@yes_option
@click.pass_obj
def ack(context: Context, key: str, yes: bool) -> None:
    """Take an alert on: nobody is reminded of it; it is told again if it gets worse; its end, to whom it was told."""
    from aclue_pipeline.alerts import acknowledge
    from aclue_pipeline.settings import person

    database = context.writable(yes)
    with waiting("looking for it"):
        acknowledge(database, context.catalog, key, person(), lambda: _sources(context, database))
    click.echo(f"{key} is taken on by {person()}")


def _sources(context: Context, database: "Database") -> "list[Source]":
    from aclue_pipeline.defs.alerts import sources
    from aclue_pipeline.settings import get_settings

    if get_settings().dagster_url is None:
        click.echo("ACLUE_DAGSTER_URL is not set: runs, and the checks that they make, are not judged", err=True)
        return sources(database, context.catalog, None)
    return sources(database, context.catalog, lambda: _dagster(context))


def _dagster(context: Context) -> "Iterator[Judgement]":
    """What Dagster's storage says is wrong."""
    from aclue_pipeline.cli.ui import instance_environment
    from aclue_pipeline.definitions import build_defs
    from aclue_pipeline.defs import happened

    os.environ.update(instance_environment(context.demo))
    import dagster as dg

    with dg.DagsterInstance.get() as instance:
        yield from happened.all_of(instance, build_defs(context.catalog).get_repository_def(), datetime.now(UTC))
