"""`aclue ui`: the Dagster UI on the named database. Here is what is served and with which environment; how the processes
live and die is the supervisor's."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from aclue_pipeline.cli.context import Context, json_option, port_option, tell
from aclue_pipeline.errors import AclueError, AlreadyRunning, DatabaseNotNamed, SettingsError, Unreachable
from aclue_pipeline.settings import checkout, get_settings

if TYPE_CHECKING:
    from aclue_pipeline.checks import Judgement

LOCK_FILE = "ui.lock"  # in the data directory; holds the address of the UI that runs
ENVIRONMENT_COPY = "environment"  # in the data directory: what another shell needs to speak to the same instance


@click.command(short_help="Serve the Dagster UI until Ctrl-C.", epilog="Example:  aclue --demo ui --port 3100")
@port_option
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen on; a name goes to ACLUE_UI_HOSTS."
)
@click.option(
    "--read-only",
    is_flag=True,
    help="For looking only, also beside a UI that schedules: nothing can be started or switched, no daemon runs.",
)
@click.option(
    "--health", is_flag=True, help="Start nothing; say whether the one that runs does its work, and exit 15 if not."
)
@json_option
@click.pass_obj
def ui(context: Context, port: int | None, host: str, read_only: bool, health: bool, as_json: bool) -> None:
    """Serve the Dagster UI until Ctrl-C, which also cancels what is running.

    Dagster's own tables live in the database that ACLUE_DAGSTER_URL names, which is never the app's. On one storage
    one UI schedules; any number look on.

    --health asks the one of ACLUE_HOME, or at --host and --port: does the storage answer, do the daemons live, is the location
    loaded, has each running schedule done what its cron says. A dead scheduler and a quiet night are told apart.
    """
    if health:
        return tell(list(_examined(context, host, port)), as_json, "aclue ui --health")
    if as_json:
        raise click.UsageError("--json is for --health")
    serve(context, port, host, read_only)


def _examined(context: Context, host: str, port: int | None) -> "Iterator[Judgement]":
    """Starts nothing, not even the demo's server."""
    from aclue_pipeline.cli.ui_health import examine

    settings = get_settings()
    if context.demo and not context.server.status()["running"]:
        raise Unreachable("the embedded server does not run: aclue --demo ui starts it")
    if not context.demo and settings.dagster_url is None:
        raise SettingsError("Dagster's own storage is not named: set ACLUE_DAGSTER_URL")
    storage = context.server.url("dagster") if context.demo else settings.dagster_url.get_secret_value()  # type: ignore[union-attr]
    told = (settings.home / LOCK_FILE).read_text() if port is None and (settings.home / LOCK_FILE).exists() else ""
    here = {"0.0.0.0": "127.0.0.1"}.get(host, host)
    yield from examine(told or f"http://{here}:{port or settings.ui_port}{settings.ui_prefix}", storage)


def serve(context: Context, port: int | None = None, host: str = "127.0.0.1", read_only: bool = False) -> None:
    """The UI in the foreground, on the database of `context`; returns when a signal has ended it.

    Raises DatabaseNotNamed, SettingsError (no ACLUE_DAGSTER_URL, or the app's database), AlreadyRunning, ServerFailed.
    """
    from aclue_pipeline.catalog.atlas import ADDRESS
    from aclue_pipeline.cli.scheduler import schedule_alone
    from aclue_pipeline.cli.supervisor import Family, free_port, holder

    context.database().close()  # names the demo's databases, or raises DatabaseNotNamed
    settings = get_settings()
    home = settings.make_home()
    environment = instance_environment(context.demo)
    with nullcontext() if read_only else alone(home) as lock:
        _keep_copy(home, environment)
        wanted = port or settings.ui_port
        free = free_port(wanted, host)
        if free != wanted:
            click.echo(f"port {wanted} is taken by {holder(wanted)}; the UI takes {free}", err=True)

        def ready(url: str) -> None:
            if lock:
                print(url, end="", file=lock, flush=True)
            click.echo(
                f"Dagster UI: {url}   (what each column rests on: {url}{ADDRESS}; Ctrl-C ends it; logs in {family.logs})"
            )

        family = Family(
            home=home,
            host=host,
            port=free,
            prefix=settings.ui_prefix,
            environment={**os.environ, **environment},
            read_only=read_only,
            say=lambda line: click.echo(line, err=True),
            ready=ready,
        )
        if not read_only:
            schedule_alone(environment["ACLUE_DAGSTER_URL"], family.say, family.forbid)
        click.echo("starting the Dagster UI …", err=True)
        family.run()


def instance_environment(demo: bool) -> dict[str, str]:
    """What Dagster's processes must find in their environment; the data directory becomes their DAGSTER_HOME.

    Raises SettingsError where Dagster's storage is not named, or would be in the schema `public` of an app's database.
    """
    settings = get_settings()
    if settings.dagster_url is None:
        raise SettingsError(
            "Dagster's own storage is not named: set ACLUE_DAGSTER_URL to a database of its own (create database dagster), not the app's"
        )
    if settings.database_url is None:
        raise DatabaseNotNamed("no database is named: set ACLUE_DATABASE_URL")
    storage = storage_url(settings.dagster_url.get_secret_value(), settings.database_url.get_secret_value())
    _link_instance(settings.make_home())
    first_day = os.environ.get("ACLUE_FIRST_DAY")
    return {
        **({"ACLUE_FIRST_DAY": first_day} if first_day else {}),
        "DAGSTER_HOME": str(settings.home.resolve()),
        "ACLUE_HOME": str(settings.home.resolve()),
        "ACLUE_DATABASE_URL": settings.database_url.get_secret_value(),
        "ACLUE_DAGSTER_URL": storage,
        "ACLUE_AUTOSTART": "1" if demo or settings.autostart else "0",
        # Backfills write one event per day; in batches they take a tenth of the time.
        "DAGSTER_EVENT_BATCH_SIZE": "500",
    }


def name_instance() -> None:
    """For a process that nobody started for us, as in a container: Dagster's instance is the one in ACLUE_HOME, unless DAGSTER_HOME
    holds another, complete one."""
    url, home = get_settings().dagster_url, os.environ.get("DAGSTER_HOME")
    ready = url is None or url.get_secret_value().startswith("postgresql+psycopg2:")
    if not (home and ready and (Path(home) / "dagster.yaml").exists()):
        os.environ.update(instance_environment(demo=False))


def storage_url(url: str, app_url: str) -> str:
    """The storage's URL for psycopg2, looked at: its tables must not land in `public` of an app's database.

    The server is asked, not the URL, since a pooler may drop `options=-csearch_path=…`.
    """
    from aclue_pipeline.postgres import Database, query
    from aclue_pipeline.postgres.connection import parse_url

    try:
        storage, app = parse_url(url, "postgresql+psycopg2"), parse_url(app_url)
        database = Database(url)
        with database.begin() as connection:
            found = query(
                connection,
                "select current_schema() as schema, coalesce(to_regclass('public.products'), to_regclass('auth.users')) is not null as app",
            )[0]
    except AclueError as error:
        raise type(error)(f"ACLUE_DAGSTER_URL: {str(error).partition('; check the URL')[0]}") from None
    database.close()
    same = (storage.host, storage.port or 5432, storage.database) == (app.host, app.port or 5432, app.database)
    if (found["app"] or same) and found["schema"] in (None, "public"):
        raise SettingsError(
            f"ACLUE_DAGSTER_URL names the app's database {database.label}, whose schema public Supabase's API exposes:"
            " give Dagster a database of its own"
        )
    return storage.render_as_string(hide_password=False)


def _link_instance(home: Path) -> None:
    """dagster.yaml in the data directory: a link to the checkout's, a copy of the wheel's."""
    root, new = checkout(), home / f"dagster.yaml.{os.getpid()}"
    if root is not None:
        new.symlink_to(root / "dagster.yaml")
    else:
        shutil.copyfile(Path(__file__).resolve().parent.parent / "dagster.yaml", new)
    new.replace(home / "dagster.yaml")  # at once: another process may be reading it


def _keep_copy(home: Path, environment: dict[str, str]) -> None:
    """For `set -a; . …/environment; dagster …` in another shell; it holds passwords, so it is the owner's alone."""
    path = home / ENVIRONMENT_COPY
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
        # PG* would redirect Dagster's own storage, as aclue_pipeline.postgres says.
        handle.write("unset $(env | sed -n 's/^\\(PG[A-Z_]*\\)=.*/\\1/p')\n")
        handle.writelines(f"{name}='{value}'\n" for name, value in environment.items())


@contextmanager
def alone(home: Path) -> Iterator[IO[str]]:
    """One UI per data directory: two daemons would start every schedule twice."""
    with (home / LOCK_FILE).open("a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            raise AlreadyRunning(
                f"a UI is already running on the data directory {home} ({handle.read() or 'starting'}); end it first, or set ACLUE_HOME"
            ) from None
        handle.truncate(0)
        yield handle
        handle.truncate(0)
