"""`aclue roles`: who works on a deployment, and who may not because of what it would not see."""

from collections.abc import Iterator
from typing import Any

import pytest

from aclue_pipeline import derived, schema
from aclue_pipeline.errors import MissingPrivilege
from aclue_pipeline.postgres import Database, query, script
from aclue_pipeline.schema import roles
from aclue_pipeline.schema.verify import verify
from tests.support.catalogs import CATALOG
from tests.support.statements import run

pytestmark = pytest.mark.database


@pytest.fixture
def worked_on(app_db: Database, databases: Any) -> Iterator[Database]:
    """An empty project; the roles are gone afterwards."""
    yield app_db
    with databases.admin(app_db).begin() as connection:
        for role in (roles.ANALYST, roles.PIPELINE, roles.DEPLOYER, "bound"):
            if query(connection, "select from pg_roles where rolname = :role", role=role):
                script(connection, f"drop owned by {role} cascade; drop role {role}")


def logged_in(database: Database, databases: Any, role: str) -> Database:
    run(databases.admin(database), f"alter role {role} password 'secret'")
    return Database(
        database.url.replace(database.url.removeprefix("postgresql://").partition("@")[0], f"{role}:secret")
    )


def test_the_roles_do_their_work_and_no_more(worked_on: Database, databases: Any) -> None:
    assert "create role" in roles.script(worked_on)
    with pytest.raises(
        MissingPrivilege,
        match=r"left for a role that may, as `aclue roles --sql` prints it: .*grant select, .* on table auth.users to aclue_deployer",
    ):
        roles.roles(worked_on)
    assert roles.roles(databases.admin(worked_on)), "what was left"
    assert roles.roles(worked_on) == []
    assert roles.script(worked_on) == ""

    deployer = logged_in(worked_on, databases, roles.DEPLOYER)
    schema.deploy(deployer)
    assert [(one.check, one.sentence) for one in verify(deployer) if not one.passed] == []

    roles.roles(deployer)  # what it keeps, the pipeline works on

    pipeline = logged_in(worked_on, databases, roles.PIPELINE)
    changes = map(str, derived.ensure_tables(pipeline, CATALOG))
    assert "pipeline.erasures: left to whoever deployed it" in changes
    with pytest.raises(MissingPrivilege, match=r"grant select on table analytics.revenue_daily to aclue_analyst"):
        roles.roles(worked_on)  # it is the pipeline's
    roles.roles(databases.admin(worked_on))

    analyst = logged_in(worked_on, databases, roles.ANALYST)
    with analyst.begin() as connection:
        assert query(connection, "select * from analytics.revenue_daily") == []
    with worked_on.begin() as connection:
        script(connection, "set local role service_role")
        assert query(connection, "select * from pipeline.likely('00000000-0000-0000-0000-000000000001')") == []
    with analyst.psycopg() as pg, pytest.raises(Exception, match="permission denied for table affiliate_clicks"):
        pg.execute("select from public.affiliate_clicks")
    for database in (deployer, pipeline, analyst):
        database.close()


def test_a_pipeline_that_would_read_nothing_in_silence_is_refused(worked_on: Database, databases: Any) -> None:
    schema.deploy(worked_on)
    run(
        databases.admin(worked_on),
        f"create role bound login; grant service_role to bound; grant create on database {worked_on.name} to bound",
    )
    bound = logged_in(worked_on, databases, "bound")
    with pytest.raises(
        MissingPrivilege, match=r"row level security binds bound on auth.users, public.categories, .* in silence"
    ):
        derived.ensure_tables(bound, CATALOG)
    bound.close()
