"""A full recalculation of 50,000 users with a million swipes, against the least that any could do: binary COPY of the columns it
reads out, and COPY of the same finished rows into an empty table with its primary key."""

import time

from aclue_pipeline import preferences
from aclue_pipeline.postgres import Database, script
from benchmarks import Result, deployed_database, load

USERS, PRODUCTS, SWIPES = 50_000, 5_000, 1_000_000
RUNS = 3
READ = """copy (
    select user_id, product_id, id, swipe_timestamp, swipe_direction, time_spent_seconds, preference_strength, session_id
    from public.swipe_interactions
) to stdout with (format binary)"""


def _recalculate(database: Database) -> float:
    begun = time.perf_counter()
    done = preferences.recalculate(database, full=True)
    assert done.published.written == done.users > 0.9 * USERS
    return time.perf_counter() - begun


def _empty(database: Database) -> None:
    with database.begin() as connection:
        script(connection, "truncate public.user_preferences, pipeline.profile_fingerprints")


def _floor(database: Database) -> float:
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


def measure() -> list[Result]:
    first, again = [], []
    with deployed_database() as database:
        load(database, "preferences_data.sql", users=USERS, products=PRODUCTS, swipes=SWIPES)
        for run in range(RUNS):
            _empty(database)
            preferences.pin(database, preferences.train(database, half_life_days=180 + run).version)
            computed = _recalculate(database)
            floor = _floor(database)
            first.append(computed / floor)
            preferences.pin(database, preferences.train(database, half_life_days=360 + run).version)
            again.append(_recalculate(database) / floor)
    of = f"{USERS:,} users, {SWIPES:,} swipes : binary COPY of the same columns out + COPY of the same rows in"
    return [
        Result("full recalculation, first", first, "ratio", of),
        Result("full recalculation, after a new model", again, "ratio", of),
    ]
