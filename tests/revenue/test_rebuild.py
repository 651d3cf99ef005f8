"""`aclue revenue rebuild` and `outdated`: what they print, what they refuse, and that a second run writes nothing."""

import json
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from aclue_pipeline.derived import rebuild_range, replace_whole, sync
from aclue_pipeline.errors import NoSuchDay
from aclue_pipeline.postgres import Database, query, script
from aclue_pipeline.settings import get_settings
from tests.conftest import Databases
from tests.support import command
from tests.support.cases import load
from tests.support.catalogs import CATALOG
from tests.support.statements import run

RANGE = ("--from", "2026-02-27", "--to", "2026-03-02")
CONVERT = """
update public.affiliate_clicks set is_converted = true, conversion_timestamp = '2026-03-02 09:00+00', actual_commission = 1.25
"""


@pytest.fixture
def db(databases: Databases, monkeypatch: pytest.MonkeyPatch) -> Database:
    """Deployed, with a click on the first of March; named in the environment."""
    db = databases.copy("deployed")
    click = {"id": "c1", "product_id": "mug", "user_id": "ann", "click_timestamp": "2026-03-01 10:00+00"}
    load(databases.admin(db), {"public.products": [{"id": "mug"}], "public.affiliate_clicks": [click]})
    monkeypatch.setenv("ACLUE_DATABASE_URL", db.url)
    get_settings.cache_clear()
    return db


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[str], list[str]]:
    code, out, err = command.said(capsys, *arguments)
    return code, out.splitlines(), err.splitlines()


@pytest.mark.slow
@pytest.mark.database
def test_a_line_for_each_day_that_came_out_different_with_before_and_after(db: Database, capsys) -> None:
    code, out, err = said(capsys, "revenue", "rebuild", "--yes", *RANGE)
    assert code == 0
    assert out[0].startswith("2026-03-01  analytics.product_revenue_daily: 1 row")
    assert out[1].startswith("2026-03-01  analytics.revenue_daily: 1 row, clicks 0 → 1")
    assert out[-1] == "analytics.revenue_daily: 2026-02-27 to 2026-03-02, 4 days, 1 came out different, 1 row"
    assert "analytics.revenue_daily: 2026-02-27 to 2026-02-28, 2 days, none came out different, 0 rows" in err
    assert len(err) == 1 + len(CATALOG.room("revenue", "daily")) * 2, (
        "a line of progress for the sync, and for each table and month"
    )
    run(db, CONVERT)
    code, out, _ = said(capsys, "revenue", "rebuild", "--yes", *RANGE)
    assert [line.split(":")[0] for line in out[: -len(CATALOG.room("revenue", "daily", "whole"))]] == [
        "2026-03-01  analytics.product_revenue_daily",
        "2026-03-01  analytics.revenue_daily",
        "2026-03-02  analytics.attribution_daily",
        "2026-03-02  analytics.commission_daily",
    ]
    assert "conversions 0 → 1" in out[1]
    assert "clicks 1," in out[1], "what did not move has no arrow"


@pytest.mark.database
def test_a_sale_without_a_date_says_why_it_moved_the_months(db: Database) -> None:
    months = CATALOG.table("commission_monthly")
    with db.psycopg() as pg:  # as a table made by hand has it
        pg.execute("alter table public.affiliate_clicks drop constraint affiliate_clicks_commission_is_converted")

    def reported(change: str) -> set[tuple[str, ...]]:
        """The causes, if the click comes to say this, of what moved commission_monthly."""
        with db.psycopg() as pg:
            pg.execute("delete from analytics.restatements")
            pg.execute(f"update public.affiliate_clicks set {change}")
        sync(db, CATALOG)
        replace_whole(db, CATALOG, months)
        with db.psycopg() as pg:
            return {tuple(causes) for (causes,) in pg.execute("select causes from analytics.restatements").fetchall()}

    assert reported("expected_commission = 1") == set()
    assert reported("actual_commission = 1.25") == {("amount",)}
    assert reported("actual_commission = 0.25") == {("reversal",)}


@pytest.mark.database
@pytest.mark.slow
def test_a_second_run_writes_nothing_and_machines_read_json(db: Database, capsys) -> None:
    _, out, _ = said(capsys, "revenue", "rebuild", "--yes", *RANGE, "--json")
    first = {table["table"]: table for table in json.loads("\n".join(out))}
    [day] = first["analytics.revenue_daily"]["changed"]
    assert (day["day"], day["rows"], day["headline"]["clicks"]) == ("2026-03-01", 1, {"before": 0, "after": 1})
    _, out, _ = said(capsys, "revenue", "rebuild", "--yes", *RANGE, "--json")
    for table in (table for table in json.loads("\n".join(out)) if "from" in table):
        assert (table["from"], table["to"], table["days"]) == ("2026-02-27", "2026-03-02", 4)
        assert table["changed"] == []


@pytest.mark.database
@pytest.mark.slow
def test_without_a_range_it_is_the_days_that_need_it_whatever_their_age(
    db: Database, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    yesterday = datetime.now(ZoneInfo("Europe/London")).date() - timedelta(days=1)
    monkeypatch.setenv("ACLUE_FIRST_DAY", str(yesterday - timedelta(days=2)))
    get_settings.cache_clear()
    _, out, _ = said(capsys, "revenue", "rebuild", "--yes", "--json")
    for table in (table for table in json.loads("\n".join(out)) if "from" in table):
        assert (table["from"], table["to"]) == (str(yesterday - timedelta(days=2)), str(yesterday))
    _, out, _ = said(capsys, "revenue", "rebuild", "--yes")
    assert "analytics.commission_daily: no day needs to be rebuilt" in out
    run(
        db,
        "insert into pipeline.dirty select table_name, max(day), 'amount' from pipeline.days group by table_name",
    )
    _, out, _ = said(capsys, "revenue", "rebuild", "--yes", "--json")
    assert {(table["from"], table["days"]) for table in json.loads("\n".join(out)) if "from" in table} == {
        (str(yesterday), 1)
    }


@pytest.mark.database
@pytest.mark.slow
def test_days_of_another_version_are_listed_with_the_remedy(
    db: Database, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACLUE_FIRST_DAY", "2026-11-01")
    get_settings.cache_clear()
    said(capsys, "revenue", "rebuild", "--yes")
    code, out, _ = said(capsys, "revenue", "outdated")
    current = "every day that can be computed comes from the SQL and settings there are now"
    assert (code, out) == (0, [current])
    run(
        db,
        """update pipeline.days set version = 'old', lost = case day when '2026-11-05' then 3 else 0 end
               where table_name = 'analytics.revenue_daily' and day <= '2026-11-05';
               delete from pipeline.days where table_name = 'analytics.commission_daily' and day = '2026-11-03'""",
    )
    _, out, _ = said(capsys, "revenue", "outdated")
    assert out == [
        "analytics.commission_daily: 1 day never computed, 2026-11-03 to 2026-11-03",
        "analytics.revenue_daily: 4 days of another version, 2026-11-01 to 2026-11-04",
        "analytics.revenue_daily: 1 day kept, since source rows are gone: 2026-11-05 to 2026-11-05",
        "    remedy: aclue revenue rebuild",
    ]
    said(capsys, *out[3].split("aclue ")[1].split(), "--yes")
    assert said(capsys, "revenue", "outdated")[1][1:] == [current]
    out = said(capsys, "revenue", "rebuild", "--yes", "--from", "2026-11-05", "--to", "2026-11-05")[1]
    assert "kept as published, since 3 source rows went" in out[0]
    said(capsys, "revenue", "rebuild", "--yes", "--from", "2026-11-05", "--to", "2026-11-05", "--restate")
    assert said(capsys, "revenue", "outdated")[1] == [current]


@pytest.mark.database
@pytest.mark.slow
def test_a_day_says_why_it_says_what_it_says(db: Database, capsys) -> None:
    said(capsys, "revenue", "rebuild", "--yes", *RANGE)
    with db.begin() as connection:
        script(connection, CONVERT)
        script(
            connection,
            "insert into pipeline.dirty (table_name, day, cause) values ('analytics.revenue_daily', '2026-03-01', 'late conversion')",
        )
    said(capsys, "revenue", "rebuild", "--yes", *RANGE)
    code, out, _ = said(capsys, "why", "revenue_daily", "2026-03-01", "--column", "actual_commission")
    assert code == 0
    assert out[0].startswith("analytics.revenue_daily 2026-03-01: 1 rows, computed ")
    assert out[0].endswith("by the version there is now")
    assert "actual_commission 1.25" in out[2]
    assert out[-1].endswith("  actual_commission GBP 0 → 1.25: late conversion")
    assert said(capsys, "why", "revenue_daily", "2026-03-01", "--since", "2099-01-01")[1][-1] != out[-1]
    explained = json.loads("\n".join(said(capsys, "why", "revenue_daily", "2026-03-01", "--json")[1]))
    assert (explained["is_current"], explained["rows"]) == (True, 1)
    code, out, err = said(capsys, "why", "revenue_daily", "2026-03-09")
    assert (code, out, len(err)) == (20, [], 1)
    code, out, err = said(capsys, "why", "revenue_daily", "2099-03-01")
    assert (code, out, len(err)) == (24, [], 1)
    assert "2099-03-01 is not over yet" in err[0]


# --- refused ----------------------------------------------------------------------------------------------------------


@pytest.mark.database
@pytest.mark.parametrize(
    ("first", "last", "says"),
    [
        ("2023-12-31", "2024-01-05", "2023-12-31 is before the first day, 2024-01-01"),
        ("2026-03-02", "2026-03-01", "the range ends on 2026-03-01, before it begins on 2026-03-02"),
        ("2026-03-02", "2099-01-01", "2099-01-01 is not over yet in Europe/London"),
    ],
)
def test_days_that_do_not_exist_are_one_line_and_nothing_is_written(
    db: Database, capsys, first: str, last: str, says: str
) -> None:
    code, out, err = said(capsys, "revenue", "rebuild", "--yes", "--from", first, "--to", last)
    assert (code, out, len(err)) == (24, [], 1)
    assert says in err[0]
    with db.begin() as connection:
        assert query(connection, "select 1 from pipeline.days") == []


@pytest.mark.database
@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ("rebuild --from 2999-01-01", 24, "2999-01-01 is not over yet"),
        ("close 9999-12", 28, "9999-12 is not over yet"),
        ("close 0001-01", 28, "0001-01 is before the first day, 2024-01-01"),
    ],
)
def test_a_time_far_off_is_one_line_that_is_true(db: Database, capsys, words: str, code: int, says: str) -> None:
    ended, out, err = said(capsys, "revenue", *words.split(), "--yes")
    assert (ended, out, len(err)) == (code, [], 1)
    assert says in err[0]


@pytest.mark.slow
@pytest.mark.database
def test_an_undeployed_schema_is_one_line(app_db: Database, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setenv("ACLUE_DATABASE_URL", app_db.url)
    get_settings.cache_clear()
    code, _, err = said(capsys, "revenue", "rebuild", "--yes", *RANGE)
    get_settings.cache_clear()
    assert (code, len(err)) == (11, 1)
    assert "run `aclue deploy` first" in err[0]


def test_another_word_for_a_day_and_an_end_without_a_beginning_are_usage_errors(capsys) -> None:
    assert said(capsys, "revenue", "rebuild", "--from", "yesterday")[0] == 2
    assert said(capsys, "revenue", "rebuild", "--to", "2026-03-01")[0] == 2
    assert said(capsys, "revenue", "rebuild", "--restate")[0] == 2


def test_half_a_range_is_completed() -> None:
    today = date(2026, 4, 1)
    assert rebuild_range(date(2026, 3, 1), None, today) == (date(2026, 3, 1), date(2026, 3, 31))
    with pytest.raises(NoSuchDay, match="2026-04-01 is not over yet"):
        rebuild_range(date(2026, 3, 1), today, today)
    with pytest.raises(NoSuchDay):
        rebuild_range(date(2024, 1, 1), None, date(2024, 1, 1))


@pytest.mark.database
def test_where_nobody_names_the_first_day_the_sync_proposes_that_of_the_oldest_event(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "days begin on 2024-01-01, the oldest event is of 2026-03-01: set ACLUE_FIRST_DAY=2026-03-01"
    assert sync(db, CATALOG).sentence.endswith(said)
    monkeypatch.setenv("ACLUE_FIRST_DAY", "2024-01-01")
    get_settings.cache_clear()
    assert "ACLUE_FIRST_DAY" not in sync(db, CATALOG).sentence
