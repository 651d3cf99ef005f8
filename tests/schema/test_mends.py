"""Everything that somebody may have done by hand (mutations.sql) ends as declared, once what it asks for is allowed."""

import pytest

from aclue_pipeline import schema
from aclue_pipeline.errors import NotAllowed
from aclue_pipeline.postgres import Database, script
from tests.schema.test_census import Mutation, functions, mutations
from tests.support.words import allowed

pytestmark = [pytest.mark.database, pytest.mark.slow]


@pytest.mark.parametrize("mutation", mutations(), ids=str)
def test_whatever_is_done_by_hand_is_mended_or_asks_for_the_word_that_mends_it(
    databases, schema_db: Database, mutation: Mutation
) -> None:
    admin = databases.admin(schema_db)
    with admin.begin() as connection:
        if connection.dialect.server_version_info[0] < mutation.version:
            pytest.skip(f"for PostgreSQL {mutation.version} and newer")
        before = schema.fingerprint(connection)
        script(connection, "set local search_path = public; " + mutation.statements.format(**functions()))
    try:
        schema.deploy(admin)
    except NotAllowed as asked:
        schema.deploy(admin, allow=allowed(asked))
    assert not schema.plan(admin).changes
    with admin.begin() as connection:
        after = schema.fingerprint(connection)
    assert after == before or mutation.keys.startswith(("publication", "reader"))
