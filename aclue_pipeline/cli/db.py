"""`aclue db`: the embedded server, always the checkout's own."""

import os
import subprocess
import sys

import click

from aclue_pipeline.cli.context import Context, json_option, print_json, yes_option
from aclue_pipeline.errors import Cancelled, NothingFound


@click.group(epilog="Example:  aclue db psql --as anon")
def db() -> None:
    """Start, stop and look into the embedded server."""


@db.command(epilog="Example:  aclue db start")
@json_option
@click.pass_obj
def start(context: Context, as_json: bool) -> None:
    """Start the server; it goes on when this command ends."""
    context.server.start()
    state = context.server.status()
    print_json(state) if as_json else click.echo(f"running on port {state['port']}")


@db.command(epilog="Example:  aclue db stop")
@json_option
@click.pass_obj
def stop(context: Context, as_json: bool) -> None:
    """Stop the server, rolling back what is under way."""
    did = context.server.stop()
    print_json({"stopped": did}) if as_json else click.echo("stopped" if did else "was not running")


@db.command(epilog="Example:  aclue db remove")
@yes_option
@json_option
@click.pass_obj
def remove(context: Context, yes: bool, as_json: bool) -> None:
    """Stop the server and delete the demo's data; a UI on it is to be ended first.

    Of a data directory that ACLUE_HOME names only what is the embedded server's goes. The differences that were accepted of a
    database (accepted.csv) always stay.
    """
    import shutil

    from aclue_pipeline.cli.ui import alone
    from aclue_pipeline.settings import default_home, get_settings

    home, accepted = get_settings().home, get_settings().accepted_file
    if home != default_home():
        parts = [part for part in (*home.glob("postgres-*"), home / "reports") if part.exists()]
    elif accepted.exists() and accepted.parent == home:
        parts = sorted({*home.iterdir()} - {accepted, home / "ui.lock"})
    else:
        parts = [home] if home.exists() else []
    if not parts:
        return print_json({"deleted": []}) if as_json else click.echo(f"there is nothing in {home}")
    said = ", ".join(map(str, parts))
    if not yes:
        if not sys.stdin.isatty():
            raise Cancelled(f"this would delete {said}; say --yes to allow it without being asked")
        if not click.confirm(f"Delete {said}?", err=True):
            raise Cancelled("nothing was deleted")
    with alone(home):
        context.server.stop()
        for part in parts:
            shutil.rmtree(part) if part.is_dir() and not part.is_symlink() else part.unlink()
    print_json({"deleted": list(map(str, parts))}) if as_json else click.echo(f"deleted {said}")


@db.command(epilog="Example:  aclue db status --json")
@json_option
@click.pass_obj
def status(context: Context, as_json: bool) -> None:
    """Say whether the server runs, and where."""
    state = context.server.status()
    if as_json:
        print_json(state)
    else:
        running = f"running on port {state['port']}" if state["running"] else "not running"
        click.echo(f"PostgreSQL {state['version']}, {running}, data in {state['data']}")


@db.command(epilog='Example:  ACLUE_DATABASE_URL="$(aclue db url)" aclue verify')
@click.argument("database", default="aclue")
@click.pass_obj
def url(context: Context, database: str) -> None:
    """Print the URL of DATABASE (aclue or dagster), password included, starting the server if need be."""
    context.server.start()
    if database not in context.server.databases():
        raise NothingFound(f"there is no database {database} on the embedded server; name aclue or dagster")
    click.echo(context.server.url(database))


@db.command(
    context_settings={"ignore_unknown_options": True},
    epilog='Example:  aclue db psql --as anon -- -c "select count(*) from products"',
)
@click.option(
    "--as", "who", metavar="anon|USER_ID|service_role", help="Take this role and its JWT claims, as a request does."
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def psql(context: Context, who: str | None, arguments: tuple[str, ...]) -> None:
    """Open psql on the demo's database; what follows -- goes to psql."""
    context.server.start()
    environment = os.environ | context.server.libpq_environment("aclue")
    if who is not None:
        from aclue_pipeline.postgres.claims import claims_options

        environment["PGOPTIONS"] = claims_options(who)
    sys.exit(subprocess.run([str(context.server.bin / "psql"), *arguments], env=environment).returncode)
