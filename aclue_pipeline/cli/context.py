"""What every command shares: which database was named, and asking before writing to another host."""

import os
import sys
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import click

from aclue_pipeline.errors import Cancelled, DatabaseNotNamed

if TYPE_CHECKING:
    from aclue_pipeline.postgres import Database
    from aclue_pipeline.postgres.server import EmbeddedServer

yes_option = click.option("--yes", is_flag=True, help="Do not ask before writing to another host.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for machines.")


class Context:
    """The object commands receive by `@click.pass_obj`."""

    def __init__(self, demo: bool) -> None:
        self.demo = demo

    @cached_property
    def server(self) -> "EmbeddedServer":
        """The checkout's embedded server, not started."""
        from aclue_pipeline.postgres.server import EmbeddedServer
        from aclue_pipeline.settings import get_settings

        settings = get_settings()
        return EmbeddedServer(settings.home, settings.pg_bin)

    def name_demo(self) -> None:
        """Start the embedded server and name its two databases in this process's environment, in place of any other,
        so that Dagster's definitions and child processes mean the same ones."""
        from aclue_pipeline.settings import get_settings

        self.server.start()
        os.environ["ACLUE_DATABASE_URL"] = self.server.url("aclue")
        os.environ["ACLUE_DAGSTER_URL"] = self.server.url("dagster")
        get_settings.cache_clear()

    def database(self) -> "Database":
        """The named database. Raises DatabaseNotNamed where none is."""
        from aclue_pipeline.postgres import Database
        from aclue_pipeline.settings import get_settings

        if self.demo:
            self.name_demo()
        url = get_settings().database_url
        if url is None:
            raise DatabaseNotNamed("no database is named: set ACLUE_DATABASE_URL, or say --demo (aclue --demo …)")
        return Database(url.get_secret_value())

    def confirm_write(self, database: "Database", yes: bool) -> None:
        """Ask, naming host and database, before writing to another host.

        Raises Cancelled where the answer is no, or nobody is there to ask.
        """
        if database.is_local or yes:
            return
        if not sys.stdin.isatty():
            raise Cancelled(f"this would write to {database.label}; say --yes to allow it without being asked")
        if not click.confirm(f"Write to database {database.name} on {database.host}?", err=True):
            raise Cancelled(f"nothing was written to {database.label}")


def print_json(value: Any) -> None:
    """JSON as machines read it; dates and decimals as text."""
    import json

    click.echo(json.dumps(value, default=str, ensure_ascii=False, indent=2))


def progress() -> Callable[[str], None]:
    """Progress lines go to stderr, so that stdout stays the result."""
    return lambda line: click.echo(line, err=True)
