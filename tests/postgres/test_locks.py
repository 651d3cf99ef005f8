"""Advisory locks: one worker at a time, named to whoever comes second, free again however the first ends."""

import pytest

from aclue_pipeline.errors import AlreadyRunning
from aclue_pipeline.postgres import Database, query
from aclue_pipeline.postgres.locks import advisory_lock

pytestmark = pytest.mark.database


def test_the_second_is_told_who_holds_it(empty_db: Database) -> None:
    with empty_db.autocommit() as first, empty_db.autocommit() as second, advisory_lock(first, "deploy"):
        pid = query(first, "select pg_backend_pid() as pid")[0]["pid"]
        with pytest.raises(AlreadyRunning, match=rf"pid {pid}, since"), advisory_lock(second, "deploy"):
            pass
        with advisory_lock(second, "something else"):
            pass


def test_it_is_free_after_an_error(empty_db: Database) -> None:
    with empty_db.autocommit() as first, empty_db.autocommit() as second:
        with pytest.raises(RuntimeError), advisory_lock(first, "deploy"):
            raise RuntimeError
        with advisory_lock(second, "deploy"):
            pass
