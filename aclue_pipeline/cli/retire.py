"""`aclue rollback`, `restore` and `purge`: the deployed tables taken back, brought back, dropped."""

from datetime import timedelta

import click

from aclue_pipeline.cli.context import Context, give_up_option, json_option, print_json, progress, tell_hint, yes_option

allow_option = click.option(
    "--allow", multiple=True, metavar="HAZARD:NAME", help="Allow what was refused, as it was named."
)


@click.command(epilog="Example:  aclue rollback product_views")
@click.argument("tables", nargs=-1, metavar="[TABLE]…")
@allow_option
@give_up_option
@yes_option
@json_option
@click.pass_obj
def rollback(
    context: Context, tables: tuple[str, ...], allow: tuple[str, ...], give_up: timedelta, yes: bool, as_json: bool
) -> None:
    """Retire the named tables, or all five, with their rows.

    They move into a schema where nobody but their owner may look, and their foreign keys go on acting; `aclue restore` brings them back.
    """
    from aclue_pipeline import schema

    database = context.database()
    todo = schema.retirement(database, tables)
    if not todo.tables:
        return print_json({"retired": [], "schema": None}) if as_json else click.echo("nothing to retire")
    for line in todo.stops:
        click.echo(f"will stop answering: {line}", err=True)
    context.confirm_write(database, yes, f"retire {', '.join(todo.tables)}")
    done = schema.rollback(database, tables, allow=allow, give_up=give_up, progress=progress())
    if as_json:
        return print_json({"retired": done.tables, "schema": done.schema})
    click.echo(f"retired {', '.join(done.tables)} into {done.schema} on {database.label}")


@click.command(epilog="Example:  aclue restore 2 --swap")
@click.argument("number", type=click.IntRange(min=1), required=False)
@click.option("--swap", is_flag=True, help="Retire what stands in their place, in the same transaction.")
@give_up_option
@yes_option
@json_option
@click.pass_obj
def restore(context: Context, number: int | None, swap: bool, give_up: timedelta, yes: bool, as_json: bool) -> None:
    """Bring back what rollback NUMBER retired, or the last one."""
    from aclue_pipeline import schema

    database = context.writable(yes)
    back = schema.restore(database, number, swap=swap, give_up=give_up, progress=progress())
    if as_json:
        return print_json({"restored": back})
    said = f"restored {', '.join(back)} on {database.label}; `aclue deploy` mends what is newer"
    tell_hint(said if back else "nothing to restore")


@click.command(epilog="Example:  aclue purge 2 --discard-data")
@click.argument("number", type=click.IntRange(min=1), required=False)
@click.option("--discard-data", is_flag=True, help="Drop tables that hold rows, too; the rows are gone.")
@give_up_option
@yes_option
@json_option
@click.pass_obj
def purge(
    context: Context, number: int | None, discard_data: bool, give_up: timedelta, yes: bool, as_json: bool
) -> None:
    """Drop what rollback NUMBER retired, or what all of them did, if it holds no rows."""
    from aclue_pipeline import schema

    database = context.database()
    what = f"what rollback {number} retired" if number else "all that was retired"
    context.confirm_write(database, yes, f"drop {what}{' with its rows' * discard_data}")
    gone = schema.purge(database, number, discard_data=discard_data, give_up=give_up, progress=progress())
    if as_json:
        return print_json({"dropped": gone})
    click.echo(f"dropped {', '.join(gone)} on {database.label}" if gone else "nothing to drop")
