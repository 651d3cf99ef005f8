"""Indexes that are missing, needless or broken, tables that grow, swell or are not vacuumed: each provoked for real."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from aclue_pipeline import health
from aclue_pipeline.postgres import Database, query
from aclue_pipeline.settings import get_settings
from tests.support.catalogs import CATALOG
from tests.support.troubles import judged, run, told

pytestmark = pytest.mark.database

READ = "do $$ begin for n in 1..120 loop perform from public.parcels p where p.id = n; end loop; end $$"


@pytest.fixture(scope="module")
def parcels(db: Database) -> Database:
    """Shelves, and a hundred thousand parcels on them: an index that nobody reads, and one of a foreign key."""
    run(
        db,
        "create table public.shelves (id bigint primary key)",
        "insert into public.shelves select generate_series(0, 9)",
        "create table public.parcels (id bigint primary key, label text, box bigint, shelf bigint)",
        "insert into public.parcels select n, repeat(md5(n::text), 3), n, mod(n, 10) from generate_series(1, 100000) n",
        "alter table public.parcels add constraint parcels_shelf_fkey foreign key (shelf) references public.shelves",
        "create index parcels_label on public.parcels (label)",
        "analyze public.parcels",
    )
    return db


def test_a_foreign_key_without_an_index_is_found(parcels: Database) -> None:
    [finding] = told(parcels, "missing_indexes", "public.parcels.parcels_shelf_fkey")
    assert health.severity(finding) == "warn"
    assert finding.sentence.startswith("no index begins with shelf, so that all 100000 rows are read whenever a row of")
    run(parcels, f"{finding.remedy} where shelf is not null")
    assert judged(parcels, "missing_indexes") == [], "it may leave out the rows that refer to nothing"


def test_an_index_that_nobody_reads_is_found_once_its_table_is_read(parcels: Database) -> None:
    assert told(parcels, "unused_indexes", "public.parcels_label") == []
    run(parcels, READ)
    [finding] = told(parcels, "unused_indexes", "public.parcels_label")
    assert health.severity(finding) == "info"
    assert finding.evidence["reads_of_table"] >= 120
    assert "drop index concurrently public.parcels_label" in finding.remedy
    run(parcels, "comment on index public.parcels_label is 'Serves labels.'")
    [finding] = told(parcels, "unused_indexes", "public.parcels_label")
    assert finding.sentence.endswith("Its comment: Serves labels.")
    assert "take it out of its script" in finding.remedy


def test_an_index_of_a_key_is_no_unused_one(parcels: Database) -> None:
    assert {one.object for one in judged(parcels, "unused_indexes")} <= {"public.parcels_label"}


def test_an_invalid_index_is_found(db: Database) -> None:
    run(db, 'create table public."Twins" (id int)', 'insert into public."Twins" values (1), (1)')
    with pytest.raises(sa.exc.IntegrityError):
        run(db, 'create unique index concurrently twins_id on public."Twins" (id)')
    [finding] = told(db, "unused_indexes", "public.twins_id")
    assert health.severity(finding) == "error"
    assert 'public."Twins"' in finding.sentence
    run(db, finding.remedy)
    assert told(db, "unused_indexes", "public.twins_id") == []


@pytest.mark.parametrize(
    ("first", "second", "needless", "severity"),
    [
        ("(label)", "(label)", "second", "warn"),
        ("(label) where box > 3", "(label) where box > 3", "second", "warn"),
        ("(lower(label))", "(lower(label))", "second", "warn"),
        ("(label) where box > 3", "(label) where box > 4", "", ""),
        ("(label)", "(label desc)", "", ""),
        ("(label)", "(label text_pattern_ops)", "", ""),
        ("(label)", "(label, box)", "first", "info"),
        ("(box)", "(label, box)", "", ""),
        ("(label) include (box)", "(label, box)", "", ""),
    ],
)
def test_an_index_that_another_one_makes_needless_is_found(
    parcels: Database, first: str, second: str, needless: str, severity: str
) -> None:
    run(
        parcels,
        "create table public.doubles as select id, box, label from public.parcels limit 10",
        f"create index doubles_first on public.doubles {first}",
        f"create index doubles_second on public.doubles {second}",
    )
    # A small one may well be covered: here as if all were large.
    found = [
        finding
        for name in ("first", "second")
        for finding in told(parcels, "duplicate_indexes", f"public.doubles_{name}", **{"8 * 1024 * 1024": "0"})
    ]
    expected = [("public.doubles_" + needless, severity)] if needless else []
    assert [(finding.object, health.severity(finding)) for finding in found] == expected
    run(parcels, *(finding.remedy for finding in found))
    assert all("doubles" not in one.object for one in judged(parcels, "duplicate_indexes"))
    run(parcels, "drop table public.doubles")


def test_of_two_alike_the_one_goes_that_holds_no_key_and_of_two_keys_the_one_that_nothing_needs(db: Database) -> None:
    run(db, "create table public.keyed (id int)", "create unique index keyed_plain on public.keyed (id)")
    run(db, "alter table public.keyed add constraint keyed_key unique (id), add constraint keyed_pkey primary key (id)")
    run(db, "alter table public.keyed add constraint keyed_again unique (id)")
    found = judged(db, "duplicate_indexes")
    assert sorted(one.object for one in found) == ["public.keyed_again", "public.keyed_key", "public.keyed_plain"]
    assert {one.evidence["kept"] for one in found} == {"public.keyed_pkey"}
    run(db, *(one.remedy for one in found))
    assert judged(db, "duplicate_indexes") == []
    with db.psycopg() as pg:
        names = pg.execute("select indexname from pg_indexes where tablename = 'keyed'").fetchall()
    assert names == [("keyed_pkey",)]
    run(db, "drop table public.keyed")


# --- growth -----------------------------------------------------------------------------------------------------------


#: The day it is in the reporting zone, which is not always the server's.
TODAY = "analytics.local_day(now(), pipeline.setting('timezone'))"


def remembered(days: int, table: str, size: int) -> str:
    return f"""insert into analytics.table_sizes (day, table_name, total_bytes, measured_at)
        values ({TODAY} - {days}, '{table}', {size}, now() - interval '{days} days')"""


@pytest.fixture(scope="module")
def log(db: Database) -> Database:
    run(
        db,
        "create table public.log (line text)",
        "alter table public.log alter line set storage plain",
        "insert into public.log select repeat('x', 2000) from generate_series(1, 24000)",
    )
    return db


def test_a_grown_table_is_found_with_its_pace_and_a_forecast(log: Database) -> None:
    run(log, remembered(14, "public.log", 10_000_000), remembered(14, "public.gone", 1))
    [finding] = judged(log, "table_growth")
    assert (health.severity(finding), finding.object) == ("warn", "public.log")
    assert finding.sentence.startswith("grew from 9766 kB to ")
    assert " in 14 days; at this pace " in finding.sentence
    now = finding.evidence["bytes"]
    assert finding.evidence["bytes_a_day"] == pytest.approx((now - 10_000_000) / 14, rel=1e-3)
    run(log, "delete from analytics.table_sizes where table_name = 'public.log'")


def test_a_table_that_grew_no_faster_than_its_size_allows_is_not_found(log: Database) -> None:
    run(log, remembered(70, "public.log", 10_000_000))
    assert judged(log, "table_growth") == []
    run(log, "delete from analytics.table_sizes where table_name = 'public.log'")


def test_the_day_on_which_the_disk_is_full_is_told(log: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with log.begin() as connection:
        [size] = query(connection, "select pg_database_size(current_database()) as now")
    now = datetime.now(UTC)
    elsewhere = "Pacific/Kiritimati" if now.hour >= 11 else "Etc/GMT+12"  # where it is another day
    monkeypatch.setenv("ACLUE_TIMEZONE", elsewhere)
    get_settings.cache_clear()
    health.measure(log, CATALOG)
    run(log, "create table public.kept as table analytics.table_sizes", "delete from analytics.table_sizes")
    mb = 1024 * 1024
    run(log, *(remembered(days, "public.log", 500 * mb - days * mb) for days in range(10)))
    run(log, remembered(0, "public.new", 400 * mb))  # what was not measured before did not grow

    def limited(bytes_left: int) -> list:
        monkeypatch.setenv("ACLUE_DATABASE_LIMIT_GB", str((size["now"] + bytes_left) / 1024**3))
        get_settings.cache_clear()
        health.measure(log, CATALOG)
        run(
            log,
            f"delete from analytics.table_sizes where table_name <> 'public.log' or day = {TODAY}",
            remembered(0, "public.log", 500 * mb),
        )
        return judged(log, "database_growth")

    assert judged(log, "database_growth") == [], "no limit is set"
    assert limited(1000 * mb) == []
    [finding] = limited(40 * mb)
    assert (health.severity(finding), finding.object) == ("warn", log.name)
    assert "at 1024 kB a day the rest lasts for 4" in finding.sentence
    assert finding.evidence["days_left"] in (40, 41, 39)
    until = now.astimezone(ZoneInfo(elsewhere)).date() + timedelta(days=finding.evidence["days_left"])
    assert finding.sentence.endswith(f"until {until}")
    [finding] = limited(5 * mb)
    assert health.severity(finding) == "error"
    [finding] = limited(-mb)
    assert (finding.evidence["days_left"], health.severity(finding)) == (0, "error")
    monkeypatch.undo()
    get_settings.cache_clear()
    health.measure(log, CATALOG)  # which brings the zone back
    run(
        log,
        "delete from analytics.table_sizes",
        "insert into analytics.table_sizes table public.kept",
        "drop table public.kept",
    )


def test_sizes_are_remembered_daily_for_a_quarter_of_a_year_then_weekly(db: Database) -> None:
    run(
        db,
        f"""insert into analytics.table_sizes (day, table_name, total_bytes, measured_at)
           select {TODAY} - n, 'public.old', 1, now() - n * interval '1 day' from generate_series(1, 900) n""",
    )
    health.measure(db, CATALOG)
    with db.begin() as connection:
        asked = f"""select {TODAY} - day as age, extract(isodow from day) as weekday
            from analytics.table_sizes where table_name = 'public.old'"""
        ages = {row["age"]: row["weekday"] for row in query(connection, asked)}
    assert set(range(1, 91)) <= ages.keys()
    assert max(ages) <= 730
    assert {day for age, day in ages.items() if age > 90} == {1}
    assert len(ages) == pytest.approx(90 + 640 / 7, abs=1)
    run(db, "delete from analytics.table_sizes where table_name = 'public.old'")


def test_a_table_full_of_dead_rows_is_found_and_one_that_is_never_vacuumed(db: Database) -> None:
    run(db, "create table public.queue (id int) with (autovacuum_enabled = off)")
    run(db, "insert into public.queue select generate_series(1, 120000)", "delete from public.queue where id > 100")
    [finding] = judged(db, "vacuum")
    assert (health.severity(finding), finding.object) == ("error", "public.queue")
    assert finding.sentence.startswith("holds 119900 dead rows beside 100 living, vacuumed never")
    run(db, *finding.remedy.split("; "))
    assert judged(db, "vacuum") == []
    run(
        db,
        "insert into public.queue select generate_series(1, 10000)",
        "alter table public.queue set (autovacuum_enabled = off)",
        "analyze public.queue",
    )
    [finding] = judged(db, "vacuum")
    assert finding.sentence == "autovacuum is switched off for its 10100 rows"
    run(db, finding.remedy, "drop table public.queue")
    assert judged(db, "vacuum") == []


def test_a_table_and_an_index_that_are_mostly_air_are_found(db: Database) -> None:
    """From 32 MB on; here from one on."""
    run(
        db,
        "create table public.airy (id int, line text) with (autovacuum_enabled = off)",
        "insert into public.airy select n, repeat('x', 100) from generate_series(1, 50000) n",
        "create index airy_line on public.airy (line, id) with (deduplicate_items = off)",
        "vacuum (analyze) public.airy",
    )
    bounds = {"relpages >= 4096": "relpages >= 128", "32 * 1024 * 1024": "1024 * 1024"}
    for name in ("public.airy", "public.airy_line"):
        assert told(db, "bloat", name, **bounds) == []
    run(db, "delete from public.airy where mod(id, 10) > 0", "vacuum (analyze) public.airy")
    for name in ("public.airy_line", "public.airy"):
        [finding] = told(db, "bloat", name, **bounds)
        assert health.severity(finding) == "warn"
        assert finding.evidence["needed_bytes"] < 2 * 1024 * 1024
        run(db, finding.remedy)
        assert told(db, "bloat", name, **bounds) == []
    run(db, "drop table public.airy")


def test_numbers_of_transactions_that_run_out_are_told(db: Database) -> None:
    """Half a billion of them take a day: here from one on."""
    assert told(db, "vacuum", f"database {db.name}") == []
    [finding] = told(db, "vacuum", f"database {db.name}", **{">= 500000000": ">= 1"})
    assert health.severity(finding) == "warn"
    assert "at 2,100 the server refuses every write" in finding.sentence
    assert finding.remedy.startswith(f"vacuumdb --freeze --jobs 2 {db.name}")
