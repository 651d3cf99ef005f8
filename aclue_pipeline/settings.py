"""Settings: what the environment says, typed and checked. Every one has a name, a default and a line in .env.example.
Where a value is *used* is each room's business; nothing here opens a connection, and the one file that is read is .env."""

import difflib
import getpass
import os
import re
import subprocess
from collections.abc import Iterable, Iterator
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dotenv.parser import parse_stream
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from aclue_pipeline.errors import SettingsError

#: The code location's name in every workspace. Dagster keeps by it which schedules are on, and whose a run was.
LOCATION = "aclue_pipeline"

#: A run's tag that says which process of which machine it is, PID@HOST: of those that a command runs by itself.
PROCESS_TAG = "aclue/process"

#: Abbreviations that pass for zones: the server reads most of them as a fixed offset, without the summer time that IANA gives them.
_PLACES = {
    "CET": "Europe/Brussels",
    "CST6CDT": "America/Chicago",
    "EET": "Europe/Athens",
    "EST": "America/Panama",
    "EST5EDT": "America/New_York",
    "HST": "Pacific/Honolulu",
    "MET": "Europe/Brussels",
    "MST": "America/Phoenix",
    "MST7MDT": "America/Denver",
    "PST8PDT": "America/Los_Angeles",
    "WET": "Europe/Lisbon",
}


def checkout() -> Path | None:
    """The folder of the checkout this package runs from; None in an installed wheel."""
    root = Path(__file__).resolve().parent.parent
    return root if (root / "workspace.yaml").is_file() else None


def revision() -> str:
    """The commit of that checkout; "" without one, or without git."""
    root = checkout()
    try:
        done = root and subprocess.run(
            ["git", "-C", str(root), "rev-parse", "HEAD"], capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done and done.returncode == 0 else ""


def person() -> str:
    """Who runs this, by the system's word, for what is recorded with a name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return "unknown"


def sql_folder() -> Path:
    """The folder of SQL files: inside the package in an installed wheel, beside it in a checkout."""
    package = Path(__file__).resolve().parent
    inside = package / "sql"
    return inside if inside.is_dir() else package.parent / "sql"


def default_home() -> Path:
    root = checkout()
    if root is not None:
        return root / ".aclue"
    data = Path(os.environ.get("XDG_DATA_HOME", ""))
    try:  # a relative one does not count, as its specification says
        return (data if data.is_absolute() else Path("~/.local/share").expanduser()) / "aclue"
    except RuntimeError:
        raise SettingsError("this user has no home folder: name a data directory in ACLUE_HOME") from None


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="ACLUE_", env_ignore_empty=True, frozen=True)

    database_url: SecretStr | None = Field(
        None, description="The app's database: a Supabase or any PostgreSQL ≥ 15 URL."
    )
    dagster_url: SecretStr | None = Field(None, description="Dagster's own storage: a database of its own.")
    timezone: str = Field(
        "Europe/London", description="Reporting zone: whose calendar days are counted (IANA name, Area/City)."
    )
    first_day: date = Field(date(2024, 1, 1), description="First daily partition of revenue and funnel.")
    funnel_window_days: int = Field(30, ge=1, le=365, description="Days from landing in which a funnel step counts.")
    half_life_days: float | None = Field(
        None,
        ge=1,
        le=36_500,
        allow_inf_nan=False,
        description="Days after which an event weighs half in a profile; unset: as fits the data best, else 180.",
    )
    retention_days: int = Field(
        30, ge=1, description="Days after which addresses and browsers of clicks without owner are cleared."
    )
    database_limit_gb: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="What the app's database may take of the disk or the plan, in GB; unset: not judged.",
    )
    ui_port: int = Field(3000, ge=1, le=65535, description="Port of the Dagster UI; the next free one if taken.")
    ui_hosts: str = Field("", description="Names the UI answers to besides localhost, comma separated.")
    ui_prefix: str = Field(
        "", pattern=r"^(/[A-Za-z0-9_.~-]+)*$", description="Path under which a proxy serves the UI, such as /pipeline."
    )
    git_url: str = Field(
        "", description="Repository to which the UI's links to SQL and Python lead; empty: files of this machine."
    )
    autostart: bool = Field(False, description="1: schedules are running from the start, instead of stopped.")
    history_days: int = Field(
        90, ge=1, description="Days for which Dagster keeps the events of ended runs, their logs and ticks."
    )
    executor: Literal["in_process", "multiprocess", "celery", "kubernetes"] = Field(
        "in_process", description="Where the steps of a run are computed; see docs/scaling.md."
    )
    broker_url: SecretStr | None = Field(None, description="Celery's broker, such as redis://broker:6379/0.")
    result_backend: SecretStr | None = Field(None, description="Where Celery keeps results; unset: the broker.")
    pg_bin: Path | None = Field(None, description="Folder of other server binaries for the embedded server.")
    schema_owner: str = Field(
        "",
        description="Role that owns the deployed tables; empty: as the last deployment left them, else whoever deploys.",
    )
    readers: str = Field("", description="Roles that may read deployed tables: role:table, comma separated.")
    accepted: Path | None = Field(
        None, description="File of accepted differences (object,reason,until); empty: accepted.csv in ACLUE_HOME."
    )
    alert_urls: SecretStr | None = Field(
        None, description="Addresses that alerts go to, as apprise writes them, separated by blanks or lines."
    )
    home: Path = Field(default_factory=default_home, description="Data directory: embedded server, Dagster's home.")

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"{value!r} is no IANA time zone, such as Europe/London") from error
        if value in _PLACES:
            raise ValueError(f"{value!r} is an abbreviation, which PostgreSQL reads otherwise; use {_PLACES[value]}")
        return value

    @field_validator("alert_urls")
    @classmethod
    def _addresses(cls, value: SecretStr | None) -> SecretStr | None:
        for place, url in enumerate(value.get_secret_value().split() if value else (), 1):
            if not re.match(r"[A-Za-z][A-Za-z0-9+.-]*://.", url):  # never repeated: it may be half of a secret
                raise ValueError(f"the {place}. is no address: it begins like slack:// or mailtos://")
        return value

    @property
    def alert_addresses(self) -> list[str]:
        return self.alert_urls.get_secret_value().split() if self.alert_urls else []

    @field_validator("readers")
    @classmethod
    def _role_and_table(cls, value: str) -> str:
        for pair in value.split(",") if value else ():
            if not re.fullmatch(r"\s*[^:\s]+:[^:\s]+\s*", pair):
                raise ValueError(f"{pair.strip()!r} is no role:table, such as metabase:product_views")
        return value

    @property
    def reader_grants(self) -> tuple[tuple[str, str], ...]:
        """(role, table) of each."""
        pairs = (pair.strip().split(":") for pair in self.readers.split(",") if pair.strip())
        return tuple((role, table) for role, table in pairs)

    def make_home(self) -> Path:
        """The data directory, made where it is not there: its owner's alone, since passwords lie in it."""
        try:
            self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
            mode = self.home.stat().st_mode
            if (
                mode & 0o066 and self.home == default_home()
            ):  # made by an older version; one that was named is somebody's choice
                self.home.chmod(mode & ~0o066)
        except OSError as error:
            raise SettingsError(
                f"ACLUE_HOME: {self.home} cannot be made ({error.strerror}); name another folder"
            ) from None
        return self.home

    @property
    def accepted_file(self) -> Path:
        return self.accepted or self.home / "accepted.csv"

    @field_validator("git_url")
    @classmethod
    def _bare_repository(cls, value: str) -> str:
        bare = value.removesuffix("/").removesuffix(".git")
        if not re.fullmatch(r"(https?://[\w.:-]+(/[\w.~-]+){2,})?", bare):
            # Not repeated: a token may stand in it.
            raise ValueError(
                "a repository's page is meant: write https://github.com/OWNER/NAME, without user or password"
            )
        return bare

    @field_validator("ui_hosts")
    @classmethod
    def _bare_names(cls, value: str) -> str:
        for name in _names(value):
            if not re.fullmatch(r"[a-z0-9_.-]+|\[[0-9a-f:.]+\]", name):
                raise ValueError(f"{name!r} is no host name: write ui.example.com, without scheme, port or wildcard")
        return value

    @property
    def ui_host_names(self) -> frozenset[str]:
        return _names(self.ui_hosts)


def _names(value: str) -> frozenset[str]:
    return frozenset(name.strip().lower() for name in value.split(",") if name.strip())


def unknown(names: Iterable[str]) -> Iterator[str]:
    """A line for each name that begins like a setting's and is none; what Kubernetes makes of services named aclue or aclue-… is let be."""
    known, given = [f"ACLUE_{name.upper()}" for name in Settings.model_fields], set(names)
    services = {name.removesuffix("SERVICE_HOST") for name in given if name.endswith("_SERVICE_HOST")} | {"ACLUE_"}
    made = tuple(f"{service}{kind}_" for service in services for kind in ("SERVICE", "PORT"))
    for name in sorted(given - {*known}):
        if name.startswith("ACLUE_") and not f"{name}_".startswith(made):
            near = difflib.get_close_matches(name, known, 1)
            yield f"{name} is no setting{f'; did you mean {near[0]}?' if near else ''}"


def _is_unset(name: str | None, value: str | None) -> bool:
    """A setting's name without =, or with something before it that belongs to no name: its value would be lost without a word."""
    is_ours = name is not None and name.upper().startswith("ACLUE_")
    return is_ours and (value is None or not str(name).isidentifier())


def _read_env_file() -> None:
    """What .env in the current folder says of our settings, for this process and its children; the environment comes first."""
    path = Path(".env")
    if not path.is_file():
        return
    # Not the shell's reading: a URL holds & and $, and is taken as it stands.
    try:
        with path.open(encoding="utf-8") as stream:
            lines = list(parse_stream(stream))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f".env cannot be read: {error}") from None
    for said in (line.original for line in lines if line.error or _is_unset(line.key, line.value)):
        blank = len(said.string) - len(said.string.lstrip())
        place = said.line + said.string[:blank].count("\n")  # nothing of it is repeated: a password may stand there
        raise SettingsError(f".env: line {place} is no setting; write NAME=value")
    found = {line.key.upper(): line.value for line in lines if line.key}
    for text in unknown(found):
        raise SettingsError(f".env: {text}")
    for name, value in found.items():
        if name.startswith("ACLUE_") and value:
            os.environ.setdefault(name, value)


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process, read once.

    Raises SettingsError naming the variable and what is wrong with it (a URL's value is never repeated).
    """
    _read_env_file()
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "ACLUE_" + str(first["loc"][0]).upper()
        said = first["msg"].removeprefix("Value error, ")
        if first["type"].startswith("date"):
            said = f"{first['input']!r} is no date: write YYYY-MM-DD, as 2026-03-31"
        raise SettingsError(f"{name}: {said}; see .env.example") from None
