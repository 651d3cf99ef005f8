"""`aclue plan`, `deploy`, `drift` and `history`: the deployed tables, what differs from what is declared, and what was done about it."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aclue_pipeline.cli.context import Context, give_up_option, json_option, print_json, progress, yes_option

if TYPE_CHECKING:
    from aclue_pipeline.schema import Deployment, Plan


def _hazards(_: click.Context, __: click.Parameter, words: tuple[str, ...]) -> tuple[str, ...]:
    for word in words:
        if ":" not in word:
            raise click.BadParameter(f"{word!r} is no hazard: write HAZARD:NAME, as `aclue plan` prints it.")
    return words


allow_option = click.option(
    "--allow",
    multiple=True,
    callback=_hazards,
    metavar="HAZARD:NAME",
    help="A hazard that is meant, as the plan prints it; may be repeated.",
)


def _ours(_: click.Context, __: click.Parameter, names: tuple[str, ...]) -> tuple[str, ...]:
    from aclue_pipeline.schema.declared import declared

    for name in names:
        if name not in declared().tables:
            raise click.BadParameter(f"{name!r} is none of {', '.join(sorted(declared().tables))}.")
    return names


adopt_option = click.option(
    "--adopt",
    multiple=True,
    callback=_ours,
    metavar="TABLE",
    help="A table to take for ours that does not look like it.",
)


@click.command(epilog="Example:  aclue plan --out plan.json")
@allow_option
@adopt_option
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write it to a file, for `deploy --plan`.")
@click.option("--sql", is_flag=True, help="Print the statements that deploying would run.")
@json_option
@click.pass_obj
def plan(
    context: Context, allow: tuple[str, ...], adopt: tuple[str, ...], out: Path | None, sql: bool, as_json: bool
) -> None:
    """Say what differs from sql/schema, and what deploying would do about it. Changes nothing."""
    from aclue_pipeline import schema

    todo = schema.plan(context.database(), allow=allow, adopt=adopt)
    if out:
        import json

        out.write_text(json.dumps(todo.as_data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if as_json:
        print_json(todo.as_data)
    elif sql:
        click.echo(todo.sql)
    else:
        _show(todo)


def _show(todo: "Plan") -> None:
    for line, red in todo.lines():
        click.secho(line, fg="red" if red else None)
    if not todo.changes and not todo.accepted:
        click.echo("all is as declared")
    click.echo(f"fingerprint {todo.fingerprint}")


@click.command(epilog="Example:  aclue deploy --allow drops:product_views.old_index")
@click.option(
    "--plan",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file of `plan --out`: that, or nothing.",
)
@allow_option
@adopt_option
@give_up_option
@yes_option
@json_option
@click.pass_obj
def deploy(
    context: Context,
    file: Path | None,
    allow: tuple[str, ...],
    adopt: tuple[str, ...],
    give_up: timedelta,
    yes: bool,
    as_json: bool,
) -> None:
    """Make the five tables what sql/schema declares.

    Runs only what is missing or different and keeps nobody waiting; what would destroy something needs --allow. Stopped anywhere,
    run it again.
    """
    from aclue_pipeline import schema

    database = context.writable(yes)
    done = schema.deploy(database, allow=allow, adopt=adopt, plan=file, give_up=give_up, progress=progress())
    if as_json:
        return print_json(_as_data(done))
    for line in (*done.notes, *map(str, done.having("as before"))):
        click.echo(f"note: {line}", err=True)
    click.echo(f"{database.label}: {done.sentence}")


def _as_data(done: "Deployment") -> dict[str, Any]:
    return {
        "changed": done.changed,
        "plan": done.plan.hash,
        "objects": [{"object": str(one.key), "outcome": one.state, "says": one.says} for one in done.outcomes],
        "notes": done.notes,
        "fingerprint": done.fingerprint,
        "seconds": round(done.seconds, 3),
    }


@click.command(epilog="Example:  aclue --demo drift")
@json_option
@click.pass_obj
def drift(context: Context, as_json: bool) -> None:
    """Say whether what is deployed is what is declared: exit code 25 if not. Accepted differences are named, and are none."""
    from aclue_pipeline import schema
    from aclue_pipeline.errors import Drifted

    database = context.database()
    todo = schema.plan(database)
    if as_json:
        print_json(todo.as_data)
    else:
        _show(todo)
    if todo.changes:
        count = len(todo.changes)
        raise Drifted(
            f"{count} difference{'s' * (count != 1)} on {database.label}; `aclue plan` says what deploying would do about them"
        )


@click.command(epilog="Example:  aclue --demo history")
@json_option
@click.pass_obj
def history(context: Context, as_json: bool) -> None:
    """List what was deployed and taken back: when, who, from which version, what was allowed, what brings back what was closed."""
    from aclue_pipeline import schema
    from aclue_pipeline.schema.history import who

    rows = schema.deployments(context.database())
    if as_json:
        return print_json(rows)
    for row in rows:
        ended = "killed, or still runs" if row["seconds"] is None else f"{row['seconds']:.1f} s"
        version = " at ".join(filter(None, (row["version"], (row["revision"] or "")[:12])))
        click.echo(
            f"{row['deployment']:>4}  {row['began_at']:%Y-%m-%d %H:%M}  {row['action']}  by {who(row['done_by'])}  {version}  {ended}"
        )
        click.echo(f"      fingerprint {row['before']} → {row['after'] or 'unknown'}, plan {row['plan']}")
        for word in row["allowed"]:
            click.echo(f"      allowed {word}")
        for said in (row["outcome"] or {}).values():
            click.echo(f"      {said}")
        for statement in row["brings_back"]:
            click.echo(f"      brings back what was closed: {statement}")
    if not rows:
        click.echo("nothing was deployed yet, as far as this role may see")


@click.command(epilog="Example:  aclue export supabase supabase/migrations --mark")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--mark", is_flag=True, help="Note it as run in the named database, where `deploy` has done the same.")
@yes_option
@click.pass_obj
def supabase(context: Context, folder: Path, mark: bool, yes: bool) -> None:
    """Write a first deployment as one migration for Supabase's own tools.

    It can be run again, ends within the SQL editor's minute and keeps nobody waiting; all that comes later is `aclue deploy`'s work.
    """
    from aclue_pipeline import schema
    from aclue_pipeline.errors import Drifted
    from aclue_pipeline.schema import migration

    if not mark:
        click.echo(migration.export(folder))
        return
    database = context.writable(yes)
    if schema.plan(database).changes:
        raise Drifted(
            f"{database.label} is not as declared, so that the migration is still to be run: run `aclue deploy` first"
        )
    path = migration.export(folder)
    with database.psycopg() as pg:
        listed = migration.marked(pg, path)
    said = "noted as run" if listed else "not noted, since there is no supabase_migrations.schema_migrations"
    click.echo(f"{said} on {database.label}", err=True)
    click.echo(path)
