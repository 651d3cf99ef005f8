"""Whatever changes the tables may be ended anywhere: what it leaves is closed and whole, and running it again finishes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from aclue_pipeline import schema
from aclue_pipeline.errors import NothingFound, Unreachable
from aclue_pipeline.postgres import Database
from aclue_pipeline.postgres.server import SUPERUSER, EmbeddedServer
from aclue_pipeline.schema.declared import declared
from tests.schema.conftest import fingerprint
from tests.support.statements import ask, run

pytestmark = pytest.mark.database

FILL = """
insert into auth.users (id, email) values ('11111111-1111-1111-1111-111111111111', 'ann@example.com');
insert into public.products (id, title) values ('11111111-1111-1111-1111-111111111111', 'mug');
insert into public.product_views (product_id, user_id, session_id)
    select id, id, 's' || n from public.products, generate_series(1, 3) n;
insert into public.user_preferences (user_id, total_swipes, right_swipes) select id, 3, 1 from auth.users;
insert into public.session_analytics (session_id, landing_page) values ('s', '/');
"""

#: Of many kinds, with what opens and what asks for a word.
HARM = """
create index extra on public.product_views (created_at);
alter table public.product_views drop constraint product_views_pkey, alter column session_id drop not null;
create policy extra on public.product_views for select to anon using (true);
drop index public.idx_affiliate_clicks_user;
alter table public.affiliate_clicks drop constraint affiliate_clicks_product_id_fkey;
alter table public.session_analytics drop constraint session_analytics_city_length, drop column utm_term;
"""


def deploy(database: Database) -> None:
    schema.deploy(database, allow=["drops:product_views.extra"])


def retire(database: Database) -> None:
    schema.rollback(database)


def restore(database: Database) -> None:
    schema.restore(database)


def swap(database: Database) -> None:
    """What comes back holds the rows, what stands in its place none."""
    schema.restore(database, swap=True)


def purge(database: Database) -> None:
    schema.purge(database, discard_data=True)


@dataclass(frozen=True)
class Case:
    """`before`: what is done first; `home`: the schemas that hold tables of ours in the end; `least`: statements, at least."""

    name: str
    act: Callable[[Database], None]
    before: tuple[Callable[[Database], None] | str, ...]
    home: frozenset[str]
    least: int

    def __str__(self) -> str:
        return self.name


PUBLIC, RETIRED = frozenset({"public"}), frozenset({"aclue_retired_1"})
CASES = [
    Case("deploy", deploy, (), PUBLIC, 20),
    Case("mend", deploy, (deploy, FILL, HARM), PUBLIC, 40),
    Case("rollback", retire, (deploy, FILL), RETIRED, 20),
    Case("restore", restore, (deploy, FILL, retire), PUBLIC, 20),
    Case("swap", swap, (deploy, FILL, retire, deploy), frozenset({"public", "aclue_retired_2"}), 20),
    Case("purge", purge, (deploy, FILL, retire), frozenset(), 20),
]

_TABLES = """
select n.nspname as home, c.relname as name, c.relrowsecurity as secured, format('%I.%I', n.nspname, c.relname) as relation,
    coalesce((select count(*) from pg_constraint where conrelid = c.oid and contype = 'f'), 0) as keys,
    exists (select from aclexplode(c.relacl) held where held.grantee <> c.relowner) as granted
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relname = any(:names) and c.relkind = 'r' and (n.nspname = 'public' or starts_with(n.nspname, 'aclue_retired_'))
"""


def tables(database: Database) -> list[dict[str, Any]]:
    return ask(database, _TABLES, names=list(declared().tables))


def homes(database: Database) -> set[str]:
    return {one["home"] for one in tables(database)}


def schemas(database: Database) -> dict[str, str]:
    """Those of retired tables, with what each says of itself."""
    found = ask(
        database,
        """select nspname as name, obj_description(oid, 'pg_namespace') as said from pg_namespace
           where starts_with(nspname, 'aclue_retired_')""",
    )
    return {one["name"]: one["said"] for one in found}


def rows(database: Database) -> dict[str, int]:
    """Of each table, retired or not, by its bare name; none where it holds none."""
    held: dict[str, int] = {}
    for one in tables(database):
        (found,) = ask(database, f"select count(*) as n from {one['relation']}")
        held[one["name"]] = held.get(one["name"], 0) + found["n"]
    return {name: n for name, n in held.items() if n}


class Cutter:
    """Ends the server of whoever sends statements, before the one of that number."""

    def __init__(self, server: EmbeddedServer) -> None:
        self._admin = psycopg.connect(server.url("postgres", SUPERUSER), autocommit=True)

    @contextmanager
    def before(self, number: int) -> Iterator[list[int]]:
        """`[how many were sent]`. All that the driver sends, a transaction's begin and end too, goes through `wait`."""
        wait, sent = psycopg.Connection.wait, [0]

        def counting(connection: Any, *arguments: Any, **options: Any) -> Any:
            if connection is not self._admin:
                sent[0] += 1
                if sent[0] == number:
                    ended = "select pg_terminate_backend(%s, 5000)"
                    assert self._admin.execute(ended, [connection.info.backend_pid]).fetchone() == (True,)
            return wait(connection, *arguments, **options)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(psycopg.Connection, "wait", counting)
            yield sent

    def written(self) -> int:
        """Goes up with every transaction of the server that writes anything."""
        (xid,) = self._admin.execute("select pg_snapshot_xmax(pg_current_snapshot())::text::bigint").fetchone() or (0,)
        return int(xid)

    def locks(self, database: Database) -> list[tuple[Any, ...]]:
        held = "select l.* from pg_locks l join pg_database d on d.oid = l.database and d.datname = %s where l.locktype <> 'virtualxid'"
        return self._admin.execute(held, [database.name]).fetchall()

    def close(self) -> None:
        self._admin.close()


@pytest.fixture
def cutter(server: EmbeddedServer) -> Iterator[Cutter]:
    cutter = Cutter(server)
    yield cutter
    cutter.close()


def consistent(case: Case, database: Database, kept: dict[str, int]) -> None:
    """Nothing is open, no row is lost, and each is still reached by its user's deletion."""
    there, left = tables(database), rows(database)
    assert all(one["secured"] for one in there)
    assert not [one["relation"] for one in there if one["granted"] and one["home"] != "public"]
    grants = [change for change in schema.plan(database).changes if change.key.kind == "grant"]
    assert not [change for change in grants if "closes" in change.mend.hazards]
    if case.act is purge:
        assert left.items() <= kept.items()
        assert all(one["keys"] for one in there if one["name"] in left and one["name"] != "session_analytics")
    else:
        assert left == kept


def honest(database: Database) -> None:
    """What the history says has ended is as it says, and tells how to bring back whatever was closed, once."""
    told = schema.deployments(database)
    if told and told[0]["after"]:
        assert told[0]["after"] == fingerprint(database)
    assert all((one["after"] is None) == (one["outcome"] is None) for one in told)


def finished(case: Case, database: Database, kept: dict[str, int], whole: str) -> None:
    assert homes(database) == case.home
    assert rows(database) == ({} if case.act is purge else kept)
    assert schemas(database).keys() == case.home - PUBLIC
    assert all(said.startswith("Tables that") for said in schemas(database).values())
    if case.home >= PUBLIC:
        assert not schema.plan(database).changes
        assert fingerprint(database) == whole
    if case.name == "mend":
        assert [len(one["brings_back"]) for one in schema.deployments(database) if one["brings_back"]] == [1]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_ended_before_any_statement_it_is_closed_and_whole_and_running_it_again_finishes(
    server: EmbeddedServer, databases, cutter: Cutter, case: Case
) -> None:
    """Where a statement wrote nothing, what is left is what the one before it left, and is not looked at again."""
    start, other = databases.copy("app_a"), databases.copy("app_a")
    deploy(other)
    whole = fingerprint(other)
    for one in case.before:
        run(start, one) if isinstance(one, str) else one(start)
    kept = rows(start)
    start.close()
    number, last, database = 0, 0, None
    while True:
        number += 1
        if database is None:
            database = databases.copy(start.name)
        began = cutter.written()
        with cutter.before(number) as sent, suppress(Unreachable):
            case.act(database)
        assert cutter.locks(database) == []
        written = cutter.written() - began
        if written != last:
            last = written
            consistent(case, database, kept)
            honest(database)
            if case.act is not swap or "aclue_retired_1" in schemas(database):  # else it would be swapped back
                with suppress(NothingFound):  # all was done
                    case.act(database)
            finished(case, database, kept, whole)
            honest(database)
            assert cutter.locks(database) == []
        if written:
            database.close()
            database = None
        if sent[0] < number:
            break
    assert number > case.least
