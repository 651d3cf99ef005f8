"""`aclue doctor`: each of its checks seen red, the others judged all the same, and nothing shown that is secret."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from aclue_pipeline.cli import doctor
from aclue_pipeline.cli.context import Context
from aclue_pipeline.errors import (
    AclueError,
    MissingPrerequisite,
    MissingPrivilege,
    PooledConnection,
    SettingsError,
    Unreachable,
)
from aclue_pipeline.postgres import Database, script
from aclue_pipeline.postgres.server import EmbeddedServer
from aclue_pipeline.schema import connected
from aclue_pipeline.settings import get_settings
from tests.support.catalogs import CATALOG
from tests.support.command import said
from tests.support.pooler import pooler

NOWHERE = "postgresql://u:hidden-word@localhost:1/nowhere"


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("ACLUE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ACLUE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("aclue_pipeline.definitions.defs", dg.Definitions)  # ours take seconds
    monkeypatch.setattr(Context, "catalog", CATALOG)
    get_settings.cache_clear()
    return monkeypatch


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    return said(capsys, "doctor", *arguments)


def of_app(database: Database) -> dict[str, Any]:
    return {one.check: one for one in connected.of_app(database, CATALOG)}


def test_with_both_databases_down_the_rest_is_judged_and_no_secret_is_shown(capsys, settings, tmp_path: Path) -> None:
    settings.setenv("ACLUE_DATABASE_URL", NOWHERE)
    settings.setenv("ACLUE_DAGSTER_URL", NOWHERE.replace("nowhere", "dagster"))
    for name in ("PORT_80_TCP_ADDR", "CODE_SERVICE_HOST", "CODE_PORT", "CODE_PORT_4000_TCP_PROTO"):
        settings.setenv(f"ACLUE_{name}", "made by Kubernetes of services named aclue and aclue-code")
    settings.setenv("ACLUE_ALERT_URLS", "mailtos://somebody:hidden-word@mail.example.com")
    code, out, err = run(capsys, "--json")
    found = {one["check"]: one for one in json.loads(out)}
    red = {name for name, one in found.items() if one["outcome"] != "passed"}
    assert (red, found.keys() - red) == (
        {"database", "storage"},
        {"settings", "packages", "disk", "alerts", "definitions"},
    )
    assert (code, "database, storage: do as said above" in err) == (Unreachable.exit_code, True)
    assert "hidden-word" not in out + err
    assert list(tmp_path.iterdir()) == [], "nothing is written"


@pytest.fixture
def storage(server: EmbeddedServer) -> Iterator[Database]:
    """An empty database for Dagster's tables."""
    server.create_database("doctors")
    database = Database(server.url("doctors"))
    yield database
    database.close()
    server.drop_database("doctors")


@pytest.mark.database
def test_on_a_sound_installation_it_ends_well_also_where_something_is_unset(
    capsys, settings, deployed_db: Database, storage: Database, tmp_path: Path
) -> None:
    settings.setenv("ACLUE_DATABASE_URL", deployed_db.url)
    settings.setenv("ACLUE_DAGSTER_URL", storage.url)
    get_settings.cache_clear()  # read by what made the databases
    code, out, err = run(capsys)
    assert (code, err, "✗" in out) == (0, "", False), out
    assert "instance: 127.0.0.1/doctors empty: the first start makes Dagster's tables" in out
    assert "! alerts: nobody is told what is wrong" in out
    assert "! least privilege: postgres makes roles, makes databases, owns deployed tables" in out

    settings.setenv("ACLUE_DAGSTER_URL", deployed_db.url)
    settings.setenv("ACLUE_DATABSE_URL", "mistyped")
    get_settings.cache_clear()
    code, out, err = run(capsys)
    assert code == SettingsError.exit_code
    assert "✗ settings: ACLUE_DATABSE_URL is no setting; did you mean ACLUE_DATABASE_URL?" in out
    assert "✗ storage: ACLUE_DAGSTER_URL names the app's database" in out
    assert "✓ rights" in out

    settings.delenv("ACLUE_DAGSTER_URL")
    settings.delenv("DAGSTER_HOME", raising=False)
    get_settings.cache_clear()
    (tmp_path / "dagster.yaml").touch()  # a checkout has one, and means no instance by it
    with pytest.raises(SettingsError, match="ACLUE_DAGSTER_URL is not set"):
        list(doctor._storage())
    settings.setenv("DAGSTER_HOME", str(tmp_path))
    assert [one.outcome for one in doctor._storage()] == ["not judged"], "the chart's pods"


@pytest.mark.database
def test_an_instance_of_another_version_is_to_be_migrated(settings, storage: Database) -> None:
    with storage.begin() as connection:
        script(
            connection, "create table alembic_version (version_num text); insert into alembic_version values ('0old')"
        )
    settings.setenv("ACLUE_DAGSTER_URL", storage.url)
    get_settings.cache_clear()
    instance = list(doctor._storage())[-1]
    assert (instance.outcome, "revision 0old" in instance.sentence) == ("failed", True)
    assert "dagster instance migrate" in instance.remedy


def test_a_setting_that_cannot_be_used_is_told_once(capsys, settings) -> None:
    settings.setenv("ACLUE_TIMEZONE", "Europe/Camelot")
    settings.setattr("aclue_pipeline.definitions.defs", lambda: [get_settings()])
    code, out, _ = run(capsys)
    assert (code, out.count("Camelot")) == (SettingsError.exit_code, 1), out
    assert out.count("not judged: as the settings cannot be used") == 5
    assert "✓ packages" in out


def test_packages_of_other_versions_are_named(settings) -> None:
    settings.setattr(doctor, "requires", lambda _: ["dagster==0.1", "not-installed>=2", 'other>=9; extra == "dev"'])
    (one,) = doctor._packages()
    assert one.outcome == "failed"
    assert one.sentence.startswith("not as required: dagster==0.1 (here: 1.")
    assert "not-installed" in one.sentence
    assert "other" not in one.sentence


def test_a_data_directory_that_cannot_be_used_is_told(settings, tmp_path: Path) -> None:
    def judged(home: Path) -> Any:
        settings.setenv("ACLUE_HOME", str(home))
        get_settings.cache_clear()
        (one,) = doctor._disk()
        return one

    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=r"ACLUE_HOME: .*/file is no folder"):
        judged(tmp_path / "file" / "home")
    (tmp_path / "open").mkdir(mode=0o755)
    assert "others may look" in judged(tmp_path / "open").remedy
    settings.setattr(doctor, "_SOME_ROOM", 2**80)
    assert judged(tmp_path / "new").remedy == "make room"
    settings.setattr(doctor, "_ROOM", 2**80)
    with pytest.raises(AclueError, match="runs and their logs have no room"):
        judged(tmp_path / "new")


def test_definitions_that_do_not_load_are_one_line(settings) -> None:
    def broken() -> None:
        raise KeyError("no such asset\nand a trace")

    settings.setattr("aclue_pipeline.definitions.defs", broken)
    with pytest.raises(SettingsError, match=r"^do not load: KeyError: 'no such asset"):
        list(doctor._definitions())


@pytest.mark.database
def test_a_server_newer_than_tried_and_a_clock_that_is_wrong_are_told(settings, deployed_db: Database) -> None:
    assert {one.outcome for one in of_app(deployed_db).values() if one.check != "least privilege"} == {"passed"}
    settings.setattr(connected, "NEWEST", 14)
    now = connected.time.time
    settings.setattr(connected.time, "time", lambda: now() + 5)
    found = of_app(deployed_db)
    assert (found["server"].outcome, found["server"].warns) == ("failed", True)
    assert (found["clock"].sentence, found["clock"].warns) == ("5.0 s apart from this machine's", True)
    settings.setattr(connected.time, "time", lambda: now() - 90)
    assert not of_app(deployed_db)["clock"].warns


@pytest.mark.database
def test_what_is_not_there_is_told(empty_db: Database, app_db: Database) -> None:
    with pytest.raises(MissingPrerequisite, match=r"public\.products"):
        of_app(empty_db)
    deployed = of_app(app_db)["deployed"]
    assert (deployed.outcome, deployed.warns) == ("failed", True)
    assert "affiliate_clicks" in deployed.sentence


@pytest.mark.database
def test_too_many_rights_warn_and_too_few_stop(databases: Any, deployed_db: Database) -> None:
    admin = databases.admin(deployed_db)
    assert of_app(admin)["least privilege"].sentence == "is a superuser"
    with admin.begin() as connection:
        script(connection, "create role narrow login password 'narrow'")
    narrow = Database(deployed_db.url.replace(deployed_db.url[13:].partition("@")[0], "narrow:narrow"))
    try:
        with pytest.raises(
            MissingPrivilege, match=r"narrow lacks create on the database, select on .*, usage and create"
        ):
            of_app(narrow)
        with pytest.raises(
            MissingPrivilege, match=r"narrow may not make Dagster's tables .* grant create on schema public to narrow"
        ):
            list(connected.of_storage(narrow))
        with admin.begin() as connection:
            script(
                connection, f"grant create on database {deployed_db.name} to narrow; grant pg_read_all_data to narrow"
            )
            for schema in ("pipeline", "staging", "analytics", "history"):
                script(connection, f"grant create on schema {schema} to narrow")
            script(connection, "grant insert, update, delete on public.user_preferences to narrow")
        with pytest.raises(MissingPrivilege, match="row level security binds narrow"):
            of_app(narrow)
        with admin.begin() as connection:
            script(connection, "alter role narrow bypassrls")
        found = of_app(narrow)
        assert found["rights"].passed
        assert found["least privilege"].sentence == "may no more than is needed"
    finally:
        narrow.close()
        with admin.begin() as connection:
            script(connection, "drop owned by narrow cascade; drop role narrow")


@pytest.mark.database
def test_a_pooler_in_transaction_mode_is_named_with_what_does_not_work(
    server: EmbeddedServer, deployed_db: Database, tmp_path: Path
) -> None:
    with pooler(server, deployed_db, tmp_path, "transaction") as pooled:
        judged, error = doctor._all("database", lambda: connected.of_app(pooled, CATALOG))
        assert isinstance(error, PooledConnection)
        assert "no lock, no setting and no deployment holds over it" in judged[-1].remedy
