"""Recalculation of profiles: full, against the least that any could do (binary COPY of the columns it reads out, and COPY of the same
finished rows into an empty table with its primary key); with one user in a hundred active and with nothing changed, against a full
one and one pass over the users and transactions of all swipes. The bounds are said for `make bench ARGS=preferences:large`."""

import json
import subprocess
import sys
import time
from typing import Any

from aclue_pipeline import preferences
from aclue_pipeline.postgres import Database, script
from aclue_pipeline.preferences import versions
from benchmarks import Result, deployed_database, load

SIZES = {"": (50_000, 5_000, 1_000_000), "large": (200_000, 20_000, 5_000_000), "huge": (800_000, 20_000, 20_000_000)}
RUNS = 3
READ = """copy (
    select user_id, product_id, id, swipe_timestamp, swipe_direction, time_spent_seconds, preference_strength, session_id
    from public.swipe_interactions
) to stdout with (format binary)"""
ONE_PASS = """select count(*), sum(rows), sum(written) from (
    select user_id, count(*) as rows, sum(xmin::text::bigint) as written from public.swipe_interactions group by user_id
) as s"""
ACTIVE = """insert into public.swipe_interactions (user_id, product_id, session_id, swipe_direction)
    select s.user_id, (select min(id::text)::uuid from public.products), s.id, 'right'
    from (select distinct on (user_id) user_id, id from public.swipe_sessions where uuid_hash(user_id) % 100 = {run}) as s"""
OTHER_MODEL = """
    with added as (
        insert into pipeline.taste_models (version, events, users, products, seed, parameters, vocabulary, status)
        select %(other)s, events, users, products, seed, jsonb_set(parameters, '{half_life_days}', '60'), vocabulary, 'candidate'
        from pipeline.taste_models where version = %(one)s
    )
    insert into pipeline.taste_items
    select (jsonb_populate_record(i, jsonb_build_object('model_version', %(other)s::text))).*
    from pipeline.taste_items as i where i.model_version = %(one)s"""
#: A process of its own, so that its memory is what a recalculation holds.
_RUN = """
import json, sys, time
from pathlib import Path
from aclue_pipeline import preferences
from aclue_pipeline.postgres import Database
database, full = Database(sys.argv[1]), sys.argv[2] == "full"
begun = time.perf_counter()
done = preferences.recalculate(database, full=full)
seconds = time.perf_counter() - begun
memory = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(json.dumps([seconds, int(memory.split()[1]) / 1024, done.users, done.published.written]))
"""


def _recalculate(database: Database, how: str = "changed") -> tuple[float, float, int]:
    """(seconds, MB at most, users)"""
    done = subprocess.run([sys.executable, "-c", _RUN, database.url, how], stdout=subprocess.PIPE, check=True)
    seconds, memory, users, written = json.loads(done.stdout)
    assert written == users
    return seconds, memory, users


def empty(database: Database) -> None:
    with database.begin() as connection:
        script(connection, "truncate public.user_preferences, pipeline.profile_fingerprints")


def floor_of(database: Database) -> float:
    rows = _finished_rows(database)
    with database.begin() as connection:
        script(connection, "drop table if exists public.same_rows")
        script(connection, "create table public.same_rows (like public.user_preferences, primary key (user_id))")
    with database.psycopg() as pg, pg.cursor() as cursor:
        begun = time.perf_counter()
        with cursor.copy(READ) as copy:
            for _ in copy:
                pass
        with cursor.copy("copy public.same_rows from stdin") as copy:
            copy.write(rows)
        pg.commit()
        return time.perf_counter() - begun


def _finished_rows(database: Database) -> bytes:
    with (
        database.psycopg() as pg,
        pg.cursor() as cursor,
        cursor.copy("copy public.user_preferences to stdout") as copy,
    ):
        return b"".join(bytes(row) for row in copy)


def _asked(database: Database, statement: str) -> float:
    with database.psycopg() as pg:
        pg.execute("set local work_mem = '128MB'")
        begun = time.perf_counter()
        pg.execute(statement)
        return time.perf_counter() - begun


def _tidy(database: Database) -> None:
    """As the server does by itself after some minutes."""
    with database.autocommit() as connection:
        script(connection, "vacuum analyze public.user_preferences")
        script(connection, "vacuum analyze pipeline.profile_fingerprints")


def _two_models(database: Database) -> tuple[str, str]:
    """One that is trained, and the same one by whose half-life every profile differs."""
    versions.TRAINING_EVENTS = 200_000  # type: ignore[misc]  # of a version by more events nothing costs more but its training
    one = preferences.train(database, half_life_days=180).version
    with database.psycopg() as pg:
        pg.execute(OTHER_MODEL, {"one": one, "other": f"{one}x"})
    return one, f"{one}x"


def measure(size: str = "") -> list[Result]:
    users, products, swipes = SIZES[size]
    found: dict[str, list[float]] = {}

    def note(**values: Any) -> None:
        for name, value in values.items():
            found.setdefault(name, []).append(value)

    with deployed_database() as database:
        load(database, "preferences_data.sql", users=users, products=products, swipes=swipes)
        one, other = _two_models(database)
        for run in range(RUNS):
            empty(database)
            preferences.pin(database, one)
            first, memory, _ = _recalculate(database, "full")
            floor = floor_of(database)
            _tidy(database)
            note(first=first / floor, memory=memory)
            one_pass = _asked(database, ONE_PASS)
            nothing, _, _ = _recalculate(database)
            note(one_pass=one_pass, nothing=nothing, nothing_of=nothing / one_pass)
            _asked(database, ACTIVE.format(run=run))
            active, _, recalculated = _recalculate(database)
            one_pass = (one_pass + _asked(database, ONE_PASS)) / 2
            note(active=(active - one_pass) / first, active_s=active)
            assert 0.5 < recalculated / (users / 100) < 1.5
            preferences.pin(database, other)
            again, _, _ = _recalculate(database, "full")
            note(again=again / floor_of(database))
    of = f"{users:,} users, {swipes:,} swipes"
    floor_is = f"{of} : binary COPY of the same columns out + COPY of the same rows in"
    return [
        Result("full recalculation, first", found["first"], "ratio", floor_is),
        Result("full recalculation, after a new model", found["again"], "ratio", floor_is),
        Result("its memory", found["memory"], "MB", of),
        Result("one pass over (user, xmin)", found["one_pass"], "s", of),
        Result("hourly recalculation, nothing changed", found["nothing"], "s", of),
        Result("the same", found["nothing_of"], "ratio", f"{of} : one pass over (user, xmin)"),
        Result("recalculation, 1 % of users active", found["active_s"], "s", of),
        Result("the same beside one pass", found["active"], "ratio", f"{of} : a full recalculation"),
    ]
