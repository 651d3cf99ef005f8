"""`aclue deploy` and the group `schema`: the deployed tables."""

import re
from datetime import timedelta
from typing import Any

import click

from aclue_pipeline.cli.context import Context, json_option, print_json, progress, yes_option


class Duration(click.ParamType):
    """A length of time as people write it: 45s, 10min, 2h."""

    name = "duration"
    _UNITS = {"s": "seconds", "sec": "seconds", "m": "minutes", "min": "minutes", "h": "hours"}  # noqa: RUF012

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|sec|m|min|h)", str(value).strip())
        if found is None:
            self.fail(f"{value} is no length of time; write 45s, 10min or 2h", param, ctx)
        return timedelta(**{self._UNITS[found[2]]: float(found[1])})


give_up_option = click.option(
    "--give-up",
    type=Duration(),
    default="10min",
    show_default=True,
    help="How long to wait for locks that others hold.",
)


@click.command(epilog="Example:  aclue deploy --dry-run")
@click.option("--dry-run", is_flag=True, help="Print the statements still needed; change nothing.")
@give_up_option
@yes_option
@json_option
@click.pass_obj
def deploy(context: Context, dry_run: bool, give_up: timedelta, yes: bool, as_json: bool) -> None:
    """Make the five tables what sql/schema declares.

    Runs only what is missing or different and keeps nobody waiting; stopped anywhere, run it again.
    """
    from aclue_pipeline import schema

    database = context.database()
    if not dry_run:
        context.confirm_write(database, yes)
    done = schema.deploy(database, give_up=give_up, dry_run=dry_run, progress=progress())
    if as_json:
        print_json(_as_data(done))
    elif dry_run:
        for step in done.steps:
            click.echo(f"-- {step.title}\n{step.script}\n")
    if not as_json:
        for line in (*done.notes, *(f"left alone: {left}" for left in done.left)):
            click.echo(f"note: {line}", err=True)
        click.echo(_summary(done, database.label), err=dry_run)


def _as_data(done: Any) -> dict[str, Any]:
    return {
        "dry_run": done.dry_run,
        "changed": done.changed,
        "statements": [
            {"object": str(one.key), "why": one.why, "sql": one.sql} for step in done.steps for one in step.statements
        ],
        "left_alone": [{"object": str(left.key), "reason": left.reason} for left in done.left],
        "notes": done.notes,
        "fingerprint": done.fingerprint,
        "seconds": round(done.seconds, 3),
    }


def _summary(done: Any, label: str) -> str:
    count = sum(len(step.statements) for step in done.steps)
    if done.dry_run:
        return f"{count} statements would be run on {label}" if count else f"nothing to do on {label}"
    outcome = f"{count} statements run" if count else "nothing to do"
    return f"{label}: {outcome}, fingerprint {done.fingerprint}, {done.seconds:.1f} s"


@click.group(epilog="Example:  aclue --demo schema fingerprint")
def schema() -> None:
    """Look at what is deployed, without changing it."""


@schema.command(epilog="Example:  aclue --demo schema plan")
@click.pass_obj
def plan(context: Context) -> None:
    """List what differs from sql/schema: what deploying would change, and what it would leave, with the reason."""
    from aclue_pipeline.schema import plan as planned

    todo = planned(context.database())
    for statement in todo.statements:
        click.echo(f"{statement.key}: {statement.why}")
    for left in todo.left:
        click.echo(f"{left.key}: left alone, {left.reason}")
    if not todo.statements and not todo.left:
        click.echo("all is as declared")


@schema.command(epilog="Example:  aclue --demo schema fingerprint")
@click.pass_obj
def fingerprint(context: Context) -> None:
    """Print the fingerprint of everything that is deployed; equal ones mean equal schemas."""
    from aclue_pipeline.schema import fingerprint as taken

    with context.database().begin() as connection:
        click.echo(taken(connection))
