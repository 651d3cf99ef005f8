"""What every command shares: which database was named, and asking before writing to it."""

import contextlib
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

import click

from aclue_pipeline.cli.outlets import plain
from aclue_pipeline.errors import Cancelled, DatabaseNotNamed, NotJudged, VerificationFailed

if TYPE_CHECKING:
    from aclue_pipeline.catalog import Catalog
    from aclue_pipeline.checks import Judgement
    from aclue_pipeline.postgres import Database
    from aclue_pipeline.postgres.server import EmbeddedServer

yes_option = click.option("--yes", is_flag=True, help="Do not ask before writing.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for machines.")


class _Date(click.DateTime):
    def __init__(self, form: str, written: str) -> None:
        super().__init__([form])
        self.written = written

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(f"{value!r} is no date: write {self.written}.", param, ctx)


#: A day, and a month, as they are written on the command line.
DAY, MONTH = _Date("%Y-%m-%d", "YYYY-MM-DD, as 2026-03-31"), _Date("%Y-%m", "YYYY-MM, as 2026-03")


def in_order(first: date, last: date) -> None:
    """Raises UsageError where a range of days to look at ends before it begins."""
    if first > last:
        raise click.UsageError(f"--from {first} is after the last day, {last}")


class Context:
    """The object commands receive by `@click.pass_obj`."""

    def __init__(self, demo: bool = False) -> None:
        self.demo = demo

    @cached_property
    def catalog(self) -> "Catalog":
        """What the SQL files say, read when a command first asks."""
        from aclue_pipeline.catalog import Catalog

        return Catalog.load()

    @cached_property
    def server(self) -> "EmbeddedServer":
        """The checkout's embedded server, not started."""
        from aclue_pipeline.postgres.server import EmbeddedServer
        from aclue_pipeline.settings import get_settings

        settings = get_settings()
        return EmbeddedServer(settings.make_home(), settings.pg_bin)

    def admin_url(self) -> str:
        """The demo's database as its superuser."""
        from aclue_pipeline.postgres.server import SUPERUSER

        return self.server.url("aclue", SUPERUSER)

    def name_demo(self) -> None:
        """Start the embedded server and name its two databases in this process's environment, in place of any other,
        so that Dagster's definitions and child processes mean the same ones."""
        from aclue_pipeline.settings import get_settings

        self.server.start()
        os.environ["ACLUE_DATABASE_URL"] = self.server.url("aclue")
        os.environ["ACLUE_DAGSTER_URL"] = self.server.url("dagster")
        get_settings.cache_clear()
        self.name_first_day()

    def name_first_day(self) -> None:
        """In the demo, days begin with its first one, unless ACLUE_FIRST_DAY says otherwise: no years of empty ones."""
        import psycopg

        from aclue_pipeline.settings import get_settings

        if os.environ.get("ACLUE_FIRST_DAY"):
            return
        with psycopg.connect(os.environ["ACLUE_DATABASE_URL"]) as pg:
            there = pg.execute("select to_regclass('demo.loaded')").fetchone() != (None,)
            row = pg.execute("select first_day from demo.loaded").fetchone() if there else None
        if row is not None:
            os.environ["ACLUE_FIRST_DAY"] = row[0].isoformat()
            get_settings.cache_clear()

    def database(self) -> "Database":
        """The named database, closed when the command ends. Raises DatabaseNotNamed where none is."""
        from aclue_pipeline.postgres import Database
        from aclue_pipeline.settings import get_settings

        if self.demo:
            self.name_demo()
        url = get_settings().database_url
        if url is None:
            raise DatabaseNotNamed("no database is named: set ACLUE_DATABASE_URL, or say --demo (aclue --demo …)")
        database = Database(url.get_secret_value())
        click.get_current_context().call_on_close(database.close)
        return database

    def writable(self, yes: bool, destroys: str = "") -> "Database":
        """The named database, once it is clear that it may be written to; raises what `database` and `confirm_write` do."""
        database = self.database()
        self.confirm_write(database, yes, destroys)
        return database

    def confirm_write(self, database: "Database", yes: bool, destroys: str = "") -> None:
        """Ask before writing to any database but the demo's: also on this machine, where a tunnel may lead anywhere.
        What `destroys` something (said in its own words) asks for the database's name.

        Raises Cancelled where the answer is no, or nobody is there to ask.
        """
        if self.demo or yes:
            return
        where = f"database {database.name} on {database.host}"
        if not sys.stdin.isatty():
            raise Cancelled(f"this would {destroys or 'write'} in {where}; say --yes to allow it without being asked")
        if destroys:
            question = f"This will {destroys} in {where}. Type the database's name to go on"
            agreed = click.prompt(question, default="", show_default=False, err=True).strip() == database.name
        else:
            agreed = click.confirm(f"Write to {where}?", err=True)
        if not agreed:
            raise Cancelled(f"nothing was written to {database.label}")


def print_json(value: Any) -> None:
    """JSON as machines read it, and a terminal can; dates and decimals as text."""
    import json

    is_ascii = sys.stdout.encoding.lower().replace("-", "") != "utf8"
    text = json.dumps(value, default=str, ensure_ascii=is_ascii, indent=2)
    click.echo("\n".join(line if line.isprintable() else _escaped(line) for line in text.split("\n")))


def _escaped(line: str) -> str:
    """A line of JSON with what a terminal would obey, and JSON leaves as it is, as its escapes."""
    import json

    return "".join(one if one.isprintable() else json.dumps(one)[1:-1] for one in line)


def pasteable(text: str, demo: bool | None = None) -> str:
    """A hint's commands as they are to be typed here: `aclue --demo …` in the demo, .venv/bin/aclue where that was typed."""
    if demo is None:
        context = click.get_current_context(silent=True)
        named = context.find_object(Context) if context else None
        demo = named is not None and named.demo
    from aclue_pipeline.cli import COMMANDS

    commands = "|".join(name for name in COMMANDS if name not in ("db", "demo"))
    typed = sys.argv[0] if re.fullmatch(r"(?!/).*/aclue", sys.argv[0]) else "aclue"
    text = re.sub(rf"(?<![\w/.-])aclue (?=(--demo|db|demo|{commands})\b)", f"{typed} ", text)
    return re.sub(rf"\baclue (?=({commands})\b)", "aclue --demo ", text) if demo else text


def tell_hint(text: str) -> None:
    """A line that holds a command."""
    click.echo(pasteable(text))


def progress() -> Callable[[str], None]:
    """Progress lines go to stderr, so that stdout stays the result."""
    return lambda line: click.echo(line, err=True)


@contextlib.contextmanager
def waiting(what: str | Callable[[], str], first: float = 5) -> Iterator[None]:
    """Tells who looks at a terminal that `what` goes on and for how long: after some seconds, then ever more seldom."""
    if not sys.stderr.isatty():
        yield
        return
    ended, began = threading.Event(), time.monotonic()

    def tell() -> None:
        pause = first
        while not ended.wait(pause):
            click.echo(f"… {what if isinstance(what, str) else what()}, {time.monotonic() - began:.0f} s", err=True)
            pause = min(2 * pause, 60)

    thread = threading.Thread(target=tell, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


_MARKS = {"passed": ("✓", "green"), "not judged": ("–", "yellow"), "info": ("i", "blue"), "warn": ("!", "yellow")}


def show(one: "Judgement") -> None:
    """A line for a judgement, and below it what to do where it did not pass."""
    mark, colour = _MARKS.get(one.severity if one.outcome == "failed" else one.outcome, ("✗", "red"))
    of = f" {one.object}" if one.object not in ("schema", one.check) else ""
    tell_hint(f"{click.style(mark, fg=colour)} {one.check}:{plain(of)} {plain(one.says)}")
    if not one.passed and one.remedy:
        tell_hint(f"    remedy: {plain(one.remedy)}")


def tell(judgements: "Sequence[Judgement]", as_json: bool, again: str) -> None:
    """All of them, then an error that names those that are red, or could not be judged: VerificationFailed, NotJudged."""
    from dataclasses import asdict

    if as_json:
        print_json([asdict(one) for one in judgements])
    else:
        for one in judgements:
            show(one)
    raise_for(judgements, again)


def raise_for(judgements: "Sequence[Judgement]", again: str) -> None:
    """Where one is red, or could not be judged."""
    red = dict.fromkeys(one.check for one in judgements if one.outcome == "failed")
    if red:
        raise VerificationFailed(f"{', '.join(red)} failed; do as said above, then {again} again")
    unjudged = dict.fromkeys(one.check for one in judgements if one.outcome == "not judged")
    if unjudged:
        raise NotJudged(f"{', '.join(unjudged)} could not be judged; do as said above, then {again} again")


class TableName(click.ParamType):
    """Completed by the Tab key; whether there is such a table is the catalog's to say."""

    name = "table"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> Any:
        from click.shell_completion import CompletionItem

        from aclue_pipeline.catalog.read import DERIVED_ROOMS
        from aclue_pipeline.settings import sql_folder

        names = sorted(path.stem for room in DERIVED_ROOMS for path in (sql_folder() / room).glob("*.sql"))
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]


TABLE = TableName()


class Duration(click.ParamType):
    """A length of time as people write it: 45s, 10min, 2h, 3d."""

    name = "duration"
    _UNITS = {"s": "seconds", "sec": "seconds", "m": "minutes", "min": "minutes", "h": "hours", "d": "days"}  # noqa: RUF012

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|sec|m|min|h|d)", str(value).strip())
        with contextlib.suppress(TypeError, OverflowError):
            return timedelta(**{self._UNITS[found[2]]: float(found[1])})  # type: ignore[index]
        self.fail(f"{value} is no length of time; write 45s, 10min, 2h or 3d", param, ctx)


port_option = click.option(
    "--port",
    type=click.IntRange(1, 65535),
    help="Port of the UI; the next free one if taken.  [default: ACLUE_UI_PORT, 3000]",
)

give_up_option = click.option(
    "--give-up",
    type=Duration(),
    default="10min",
    show_default=True,
    help="How long to wait for locks that others hold.",
)
