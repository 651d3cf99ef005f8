"""`aclue doctor`: is everything there that running it needs? Each check is a line, whatever became of the others; nothing is written."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aclue_pipeline.cli.context import Context, json_option, print_json, show
from aclue_pipeline.errors import AclueError, FileUnusable, PooledConnection, SettingsError, VerificationFailed

if TYPE_CHECKING:
    from aclue_pipeline.checks import Judgement

_ROOM, _SOME_ROOM = 100 * 2**20, 2 * 2**30  # bytes free at ACLUE_HOME: too few, and few
_POOLED = "no lock, no setting and no deployment holds over it, and Dagster's storage loses its connections"


@click.command(short_help="What is wrong with this installation?", epilog="Example:  aclue doctor --json")
@json_option
@click.pass_obj
def doctor(context: Context, as_json: bool) -> None:
    """Look at settings, packages, disk, alerts, both databases, the role and the definitions, and say of each what is wrong.

    Writes nothing, shows no password, and judges the rest where something is down. Exit code 0 where nothing or only warnings (!)
    are found, else that of the first ✗ (docs/exit-codes.md).
    """
    found: list[Judgement] = []
    errors: list[AclueError] = []
    for check, look in (
        ("settings", _settings),
        ("packages", _packages),
        ("disk", _disk),
        ("alerts", _alerts),
        ("definitions", _definitions),
        ("database", lambda: _app(context)),
        ("storage", _storage),
    ):
        judged, error = _all(check, look)
        if error and errors and str(error) == str(errors[0]):  # settings that cannot be read are told once
            judged, error = [replace(judged[-1], outcome="not judged", sentence="as the settings cannot be used")], None
        found += judged
        errors += [error] if error else []
        if not as_json:
            for one in judged:
                show(one)
    if as_json:
        print_json([asdict(one) for one in found])
    red = ", ".join(dict.fromkeys(one.check for one in found if not one.passed and not one.warns))
    if red:
        kind = type(errors[0]) if errors else VerificationFailed
        raise kind(f"{red}: do as said above, then aclue doctor again")


def _all(check: str, look: "Callable[[], Iterator[Judgement]]") -> "tuple[list[Judgement], AclueError | None]":
    """What a look found, and the error that it ended with, which is a finding as well."""
    from aclue_pipeline.checks import Judgement

    found: list[Judgement] = []
    try:
        found.extend(look())
    except AclueError as error:
        remedy = _POOLED if isinstance(error, PooledConnection) else ""
        return [*found, Judgement(check, check, "failed", "error", str(error), remedy=remedy)], error
    return found, None


def _settings() -> "Iterator[Judgement]":
    """Raises SettingsError for a value that cannot be used, or a name that is no setting."""
    from aclue_pipeline.checks import Judgement
    from aclue_pipeline.settings import get_settings, unknown

    settings = get_settings()
    if wrong := list(unknown(os.environ)):
        raise SettingsError("; ".join(wrong))
    named = sorted(f"ACLUE_{name.upper()}" for name in settings.model_fields_set)
    yield Judgement("settings", "settings", "passed", "error", f"named: {', '.join(named) or 'none'}")


def _packages() -> "Iterator[Judgement]":
    """What is installed beside what is required: another version of one of Dagster's parts fails late and oddly."""
    from packaging.requirements import Requirement

    from aclue_pipeline.checks import Judgement

    needed = [Requirement(line) for line in requires("aclue-pipeline") or ()]
    needed = [one for one in needed if one.marker is None or one.marker.evaluate({"extra": ""})]
    wrong = [f"{one} (here: {_version(one.name)})" for one in needed if _version(one.name) not in one.specifier]
    says = f"Python {sys.version_info.major}.{sys.version_info.minor}, {len(needed)} packages"
    yield Judgement(
        "packages", "packages", "failed" if wrong else "passed", "warn",
        f"not as required: {', '.join(wrong)}" if wrong else f"{says} as required",
        remedy="pip install --require-hashes -r requirements.lock",
    )  # fmt: skip


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "0"


def _disk() -> "Iterator[Judgement]":
    """Raises SettingsError or FileUnusable for a data directory that cannot be used."""
    from aclue_pipeline.checks import Judgement
    from aclue_pipeline.settings import get_settings

    home = get_settings().home
    there = next(path for path in (home, *home.resolve().parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise SettingsError(f"ACLUE_HOME: {there} is no folder that this user may write to; name another")
    free = shutil.disk_usage(there).free
    says = f"{free / 2**30:.1f} GB free"
    if free < _ROOM:
        raise FileUnusable(f"{says} at {home}: runs and their logs have no room; make some")
    if there == home and home.stat().st_mode & 0o077:
        open_ = "passwords lie there, and others may look: chmod 700"
    else:
        open_ = "make room" if free < _SOME_ROOM else ""
    yield Judgement("disk", str(home), "failed" if open_ else "passed", "warn", says, remedy=open_)


def _alerts() -> "Iterator[Judgement]":
    """Raises SettingsError for an address that nothing could be sent to."""
    from aclue_pipeline.alerts import targets
    from aclue_pipeline.checks import Judgement

    told = [target.label for target in targets()]
    yield Judgement(
        "alerts", "alerts", "passed" if told else "failed", "warn",
        f"told to {', '.join(told)}" if told else "nobody is told what is wrong",
        remedy="name addresses in ACLUE_ALERT_URLS, then aclue alerts test",
    )  # fmt: skip


def _definitions() -> "Iterator[Judgement]":
    """Whether Dagster would load them. Raises what they do where it is an error with a name."""
    from dagster import Definitions

    from aclue_pipeline import definitions
    from aclue_pipeline.checks import Judgement

    try:
        loaded = definitions.defs()
        Definitions.validate_loadable(loaded)
    except AclueError:
        raise
    except Exception as error:
        says = f"do not load: {type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
        raise SettingsError(says) from error
    yield Judgement(
        "definitions", "definitions", "passed", "error", f"{len(loaded.resolve_all_asset_keys())} assets load"
    )


def _app(context: Context) -> "Iterator[Judgement]":
    """Raises DatabaseNotNamed, or what the connection ends with."""
    from aclue_pipeline.schema.connected import of_app

    yield from of_app(context.database(), context.catalog)


def _storage() -> "Iterator[Judgement]":
    """Raises SettingsError, or what the connection ends with."""
    from dagster._core.storage.sql import check_alembic_revision
    from dagster_postgres.run_storage import run_storage
    from dagster_postgres.utils import pg_alembic_config

    from aclue_pipeline.checks import Judgement
    from aclue_pipeline.cli.ui import storage_url
    from aclue_pipeline.postgres import Database
    from aclue_pipeline.schema.connected import of_storage
    from aclue_pipeline.settings import get_settings

    settings = get_settings()
    if settings.dagster_url is None:
        home = os.environ.get("DAGSTER_HOME")
        if home and (Path(home) / "dagster.yaml").is_file():
            says = "named in DAGSTER_HOME's dagster.yaml, as by Dagster's chart, and not in ACLUE_DAGSTER_URL"
            yield Judgement("storage", "storage", "not judged", "warn", says, remedy="dagster instance info")
            return
        raise SettingsError("ACLUE_DAGSTER_URL is not set: Dagster's own tables need a database of their own")
    url, app = settings.dagster_url.get_secret_value(), settings.database_url
    storage_url(url, app.get_secret_value() if app else "postgresql://")
    database = Database(url)
    try:
        yield from of_storage(database)
        with database.begin() as connection:
            here, head = check_alembic_revision(pg_alembic_config(run_storage.__file__), connection)
    finally:
        database.close()
    current = here in (None, head)
    yield Judgement(
        "instance", database.label, "passed" if current else "failed", "error",
        ("Dagster's tables are as this version has them" if here else "empty: the first start makes Dagster's tables") if current
        else f"Dagster's tables are of revision {here}, this version's of {head}",
        remedy="end all that runs on it, dump it, then dagster instance migrate (docs/running.md, Upgrading and backup)",
    )  # fmt: skip
