"""Policies that cost each request more than they must: found, measured, and mended by the remedy as it stands."""

import pytest

from aclue_pipeline import health
from aclue_pipeline.health import policies
from aclue_pipeline.health.policies import _asks_for_each_row, _compared, _wrapped
from aclue_pipeline.postgres import Database
from tests.conftest import Databases
from tests.support.troubles import judged, run

pytestmark = pytest.mark.database

NAMES = ["uid", "jwt", "current_setting", "is_member"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("(user_id = auth.uid())", "(user_id = (select auth.uid()))"),
        ("(user_id = ( SELECT auth.uid() AS uid))", None),
        (
            "((auth.jwt() ->> 'a)b'::text) = role)",
            "(((select auth.jwt()) ->> 'a)b'::text) = role)",
        ),
        ("(owner = current_setting('app.user_id'::text))", "(owner = (select current_setting('app.user_id'::text)))"),
        ("is_member(org, auth.uid())", "is_member(org, (select auth.uid()))"),
        ("public.is_member(org)", None),
        (
            "(EXISTS ( SELECT 1 FROM members m WHERE ((m.org = t.org) AND (m.user_id = auth.uid()))))",
            "(EXISTS ( SELECT 1 FROM members m WHERE ((m.org = t.org) AND (m.user_id = (select auth.uid())))))",
        ),
        ("(guid() = my_uid())", None),
        (None, None),
    ],
)
def test_a_call_that_needs_nothing_of_the_row_is_asked_once(before: str | None, after: str | None) -> None:
    assert _wrapped(before, NAMES, ["user_id", "org", "role", "owner"]) == (before if after is None else after)


def test_only_what_asks_for_each_row_is_measured() -> None:
    assert not _asks_for_each_row("(user_id = ( SELECT auth.uid() AS uid))", NAMES)
    assert not _asks_for_each_row("(is_active AND (at < now()))", NAMES)
    assert not _asks_for_each_row("(user_id = ( SELECT ( SELECT auth.uid() AS uid) AS uid))", NAMES)
    assert not _asks_for_each_row(None, NAMES)
    assert _asks_for_each_row("is_member(org)", NAMES)
    assert _asks_for_each_row("(EXISTS ( SELECT 1 FROM members m WHERE (m.org = t.org)))", NAMES)


def test_what_must_equal_the_user_is_told_from_what_need_not() -> None:
    columns = ["user_id", "org"]
    assert _compared("(user_id = ( SELECT auth.uid() AS uid))", columns) == ["user_id"]
    assert _compared("((user_id = auth.uid()) AND (org = current_setting('org'::text)))", columns) == ["user_id", "org"]
    assert _compared("((user_id = auth.uid()) OR (user_id IS NULL))", columns) == []
    assert _compared("is_active", columns) == []


@pytest.fixture(scope="module")
def notes(db: Database) -> Database:
    run(
        db,
        "create table public.notes as select n as id, md5(mod(n, 500)::text)::uuid as user_id from generate_series(1, 10000) n",
        "alter table public.notes enable row level security",
        """create policy "Own notes" on public.notes to authenticated using (user_id = auth.uid()) with check (user_id = auth.uid())""",
        "create table public.few (id int, user_id uuid)",
        "alter table public.few enable row level security",
        "create policy own on public.few using (user_id = auth.uid())",
        "create table public.off (id int, user_id uuid)",
        "create policy own on public.off using (user_id = auth.uid())",
        "analyze public.notes",
    )
    return db


@pytest.fixture
def mended(notes: Database) -> Database:
    """Whatever order the tests come in."""
    run(notes, *(one.remedy for one in judged(notes, "policy_costs")))
    return notes


def test_a_function_called_for_each_row_and_a_column_without_index_are_found(notes: Database) -> None:
    found = {one.object: one for one in judged(notes, "policy_costs")}
    assert {of: health.severity(one) for of, one in found.items()} == {
        'public.notes: "Own notes"': "warn",
        'public.notes: "Own notes" (user_id)': "warn",
        "public.few: own": "info",
    }
    dear = found['public.notes: "Own notes"']
    assert dear.sentence.startswith("calls for each row what needs nothing of it; 10000 rows take ")
    assert {"ms_with", "ms_without"} <= dear.evidence.keys()  # which is more, a busy machine decides
    run(notes, *(one.remedy for one in found.values()))
    assert judged(notes, "policy_costs") == []
    with notes.psycopg() as pg:
        [row] = pg.execute("select qual, with_check from pg_policies where policyname = 'Own notes'").fetchall()
    assert row == ("(user_id = ( SELECT auth.uid() AS uid))",) * 2


def test_a_policy_that_is_dear_for_another_reason_is_found_by_measuring(mended: Database) -> None:
    run(
        mended,
        """create function public.may(id int) returns bool language plpgsql stable as
           $$ begin perform from pg_catalog.pg_class c where c.oid = id; return true; end $$""",
        "create policy dear on public.notes for select to authenticated using (public.may(id))",
    )
    [finding] = judged(mended, "policy_costs")
    assert (health.severity(finding), finding.object) == ("warn", "public.notes: dear")
    assert finding.sentence.startswith("is dear; 10000 rows take ")
    run(mended, "drop policy dear on public.notes")


def test_measuring_writes_nothing_and_is_no_more_than_the_tables_owner_may(mended: Database, admin: Database) -> None:
    """A stranger's policy runs a stranger's function."""
    run(
        mended,
        "create table public.booty (who text)",
        """create function public.take(id int) returns bool language plpgsql volatile as
           $$ begin insert into public.booty values (current_user); return true; end $$""",
        "create policy trap on public.notes for select to authenticated using (public.take(id))",
    )
    assert judged(mended, "policy_costs") == []
    with mended.psycopg() as pg:
        assert pg.execute("select count(*) from public.booty").fetchone() == (0,)
    run(mended, "drop policy trap on public.notes")


def test_however_many_tables_are_locked_or_slow_the_look_is_bounded(
    mended: Database, databases: Databases, monkeypatch
) -> None:
    run(
        mended,
        "create policy dear on public.notes for select to authenticated using (pg_sleep(0.01) is not null and auth.uid() is not null)",
        "create table public.held (id int, user_id uuid)",
        "alter table public.held enable row level security",
        "create policy own on public.held using (user_id = auth.uid())",
    )
    with mended.psycopg() as pg, databases.copy("deployed").psycopg() as elsewhere:
        pg.execute("lock table public.held in access exclusive mode")
        elsewhere.execute("lock table public.user_preferences in access exclusive mode")
        monkeypatch.setattr(policies, "_WHOLE", 0.1)
        found = {one.object: one for one in judged(mended, "policy_costs")}
    unjudged = [one.object for one in found.values() if one.outcome == "not judged"]
    assert unjudged == ["public.held"], "a copy of a database has the same numbers for its tables"
    assert "ms_with" not in found["public.notes: dear"].evidence
    run(mended, "drop table public.held", "drop policy dear on public.notes")
