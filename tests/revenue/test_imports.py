"""Imports of network reports: what they leave is what plain Python says of the clicks and of the latest lines, undoing leaves nothing, and
neither does an import that was killed."""

import csv
import io
import json
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from aclue_pipeline.catalog import Catalog
from aclue_pipeline.checks import of_file
from aclue_pipeline.cli import aclue
from aclue_pipeline.derived import replace_whole, sync
from aclue_pipeline.errors import AclueError, LinesRejected, NothingFound, ReportRefused
from aclue_pipeline.postgres import Database
from aclue_pipeline.revenue import imports
from aclue_pipeline.settings import get_settings
from tests.conftest import Databases
from tests.oracles.facts import facts
from tests.oracles.reports import commission_reconciliation, latest
from tests.support.catalogs import CATALOG
from tests.worlds import FEW, HOSTILE, PRODUCTS, load, local_days, rows_of, times_of, worlds

pytestmark = pytest.mark.database

SAMPLES = Path(__file__).parent / "reports"
TABLE = CATALOG.table("commission_reconciliation")
HEADERS = ("id", "date", "commission", "commission_status", "order_ref", "click_ref", "currency")
STATUS = {"open": "pending", "approved": "1", "declined": "Declined"}
STRANGER = uuid.UUID(int=77)


def take(db: Database, data: bytes, name: str = "report.csv", **options: Any) -> imports.Imported:
    return imports.import_report(db, CATALOG, data, name, "a test", **options)[0]


#: Amounts that are often equal, a cent apart, two, or nothing.
few_amounts = st.sampled_from([None, *(Decimal(pence) / 100 for pence in (0, 0, 100, 101, 102, 201, 202))])


@st.composite
def meeting(draw: st.DrawFn) -> Any:
    """A world whose clicks have few networks, orders, currencies and amounts, so that lines of reports meet them."""
    world = draw(worlds())
    for click in world["clicks"]:
        click |= {
            "affiliate_network": draw(st.sampled_from(["awin", "awin", "amazon"])),
            "order_id": draw(st.sampled_from([None, "o1", "o1", "o2"])),
            "product_id": draw(st.sampled_from([product["id"] for product in PRODUCTS[:2]])),
            "is_converted": draw(st.sampled_from([True, True, True, None])),
            "expected_commission": draw(few_amounts),
            "actual_commission": draw(few_amounts),
        }
    return world


@st.composite
def reports(draw: st.DrawFn, world: Any) -> list[dict[str, Any]]:
    """A report of Awin's: lines of few transactions, orders and clicks, so that they meet those of the world and one another."""
    clicks = [click["id"] for click in world["clicks"]]
    ids = draw(st.lists(st.sampled_from("12345"), unique=True, max_size=5))
    return [
        {
            "id": name,
            "network": "awin",
            "sold": draw(st.sampled_from([datetime(2026, 4, 1, 0, 30), datetime(2026, 3, 31, 23, 59), datetime(2026, 10, 25)])),  # noqa: DTZ001
            "commission": draw(few_amounts) or Decimal("-1.01"),
            "status": draw(st.sampled_from(sorted(STATUS))),
            "order": draw(st.sampled_from([None, "o1", "o1", "o2", "o9"])),
            "click": draw(st.sampled_from([None, STRANGER, *clicks])),
            "currency": draw(st.sampled_from(["GBP", "EUR", "USD"])),
        }
        for name in ids
    ]  # fmt: skip


def as_file(report: list[dict[str, Any]], note: int) -> bytes:
    lines = [
        (
            *(line["id"], line["sold"], line["commission"], STATUS[line["status"]], line["order"] or ""),
            *(line["click"] or "", line["currency"]),
        )
        for line in report
    ]
    return "\n".join([f"report {note}", ",".join(HEADERS), *(",".join(map(str, line)) for line in lines)]).encode()


def published(db: Database) -> dict[tuple[Any, ...], Any]:
    values = [column.name for column in TABLE.columns if not column.bookkeeping and column.name not in TABLE.grain]
    return {tuple(row[name] for name in TABLE.grain): {name: row[name] for name in values} for row in rows_of(db, TABLE.key)}  # fmt: skip


def adds_up(db: Database) -> bool:
    [check] = [file for file in CATALOG.checks if file.name == "reports_add_up"]
    return bool(of_file(check).judge(db).passed)


@pytest.mark.slow
@FEW
@given(meeting(), st.data())
def test_clicks_and_lines_are_in_the_buckets_that_plain_python_counts(
    world_db: Database, world: Any, data: st.DataObject
) -> None:
    buckets_are_as_counted(world_db, world, data)


@pytest.mark.slow
@settings(FEW, max_examples=50)
@given(meeting(), st.data())
def test_so_they_are_in_many_more_worlds(world_db: Database, world: Any, data: st.DataObject) -> None:
    buckets_are_as_counted(world_db, world, data)


def buckets_are_as_counted(world_db: Database, world: Any, data: st.DataObject) -> None:
    load(world_db, world)
    days, clicks = local_days(world_db, times_of(world)), facts(world).clicks
    said = [data.draw(reports(world)) for _ in range(data.draw(st.integers(0, 3)))]
    for report in said:
        for line in report:
            line["day"] = line["sold"].date()
    numbers = [take(world_db, as_file(report, n)).number for n, report in enumerate(said)]
    if not said:
        replace_whole(world_db, CATALOG, TABLE)
    assert published(world_db) == commission_reconciliation(clicks, latest(said), days)
    assert adds_up(world_db)
    if said:
        gone = data.draw(st.integers(0, len(said) - 1))
        imports.undo(world_db, CATALOG, numbers[gone], "a test")
        rest = [report for n, report in enumerate(said) if n != gone]
        assert published(world_db) == commission_reconciliation(clicks, latest(rest), days)
        assert adds_up(world_db)
        take(world_db, as_file(said[gone], gone))
        assert published(world_db) == commission_reconciliation(clicks, latest([*rest, said[gone]]), days)


@pytest.fixture
def shop(databases: Databases) -> Database:
    """One click that Awin's sample names, and one whose order it names."""
    db = databases.copy("deployed")
    product = "10000000-0000-4000-8000-000000000000"
    with databases.admin(db).psycopg() as pg:
        pg.execute("insert into public.products (id, title, currency) values (%s, 'a mug', 'GBP')", [product])
        for name, order in (("11111111-1111-4111-8111-111111111111", None), (str(STRANGER), "A-1002")):
            pg.execute(
                """insert into public.affiliate_clicks (id, product_id, session_id, source_page, affiliate_network, affiliate_url,
                       click_timestamp, expected_commission, is_converted, conversion_timestamp, actual_commission, order_id)
                   values (%s, %s, 's', 'search', 'awin', 'https://shop.example/', '2026-02-27 12:00Z', 2, %s, %s, %s, %s)""",
                [name, product, order is not None, order and "2026-03-01 12:00Z", order and 3, order],
            )
    sync(db, CATALOG)
    return db


def buckets(db: Database) -> dict[tuple[str, str, str], Any]:
    return {
        (f"{row['month']:%m}", row["bucket"], row["report"]): (row["clicks"], row["report_lines"], row["reported_commission"])
        for row in rows_of(db, TABLE.key)
    }  # fmt: skip


SAMPLE = {
    ("02", "not converted", "reported first"): (1, 1, Decimal("5.59")),
    ("02", "actual > expected", "reported otherwise"): (1, 1, Decimal("2.00")),
    ("03", "only in report", "only in report"): (0, 1, Decimal("0")),
    ("03", "report without order", "only in report"): (0, 1, Decimal("10.00")),
}


def test_a_sample_meets_the_clicks_that_it_names_and_its_order_numbers_are_kept_as_hash(shop: Database) -> None:
    data = (SAMPLES / "awin.csv").read_bytes()
    done = take(shop, data, currency="GBP")
    assert (done.lines, done.taken, done.rejected, done.reported_before) == (5, 4, 1, 0)
    assert done.totals == {"GBP": Decimal("18.84")}
    assert (done.first_day, done.last_day) == (date(2026, 3, 1), date(2026, 3, 31))
    assert buckets(shop) == SAMPLE
    rows = rows_of(shop, "analytics.network_reports")
    assert [row["rejection"] for row in rows if row["rejection"]] == [
        "date is no date as most are here (%Y-%m-%d %H:%M:%S)"
    ]
    assert "A-100" not in str(rows)


def test_the_same_file_again_changes_nothing_and_an_undone_import_leaves_nothing(shop: Database) -> None:
    replace_whole(shop, CATALOG, TABLE)
    before = published(shop)
    data = (SAMPLES / "awin.csv").read_bytes()
    first = take(shop, data, currency="GBP")
    stood = rows_of(shop, TABLE.key), rows_of(shop, "analytics.network_reports"), rows_of(shop, "pipeline.publications")
    again = take(shop, data, "another name.csv", currency="GBP")
    assert (again.number, again.is_new, again.file_name) == (first.number, False, "report.csv")
    now = rows_of(shop, TABLE.key), rows_of(shop, "analytics.network_reports"), rows_of(shop, "pipeline.publications")
    assert now == stood
    imports.undo(shop, CATALOG, first.number, "a test")
    assert published(shop) == before
    assert rows_of(shop, "analytics.network_reports") == []
    moved = rows_of(shop, "analytics.restatements", "select causes, count(*) from {} group by 1 order by 1")
    assert {cause for move in moved for cause in move["causes"]} == {"report", "undo of a report"}
    with pytest.raises(NothingFound, match="no import 1 counts"):
        imports.undo(shop, CATALOG, first.number, "a test")
    assert take(shop, data, currency="GBP").number == first.number + 1
    assert buckets(shop) == SAMPLE
    assert [one.undone_by is None for one in imports.imports(shop, CATALOG)] == [True, False]


def test_a_later_report_of_a_transaction_counts_in_the_place_of_the_earlier(shop: Database) -> None:
    data = (SAMPLES / "awin.csv").read_bytes()
    take(shop, data, currency="GBP")
    later = take(shop, data.replace(b'"approved"', b'"declined"').replace(b'"pending"', b'"1"'), currency="GBP")
    assert later.reported_before == 4
    assert buckets(shop)["02", "actual > expected", "reported otherwise"] == (1, 1, Decimal("0"))
    assert len([row for row in rows_of(shop, "analytics.network_reports") if row["counts"]]) == 4
    imports.undo(shop, CATALOG, later.number, "a test")
    assert buckets(shop) == SAMPLE


def test_two_imports_of_one_file_at_once_are_one(shop: Database) -> None:
    data = (SAMPLES / "awin.csv").read_bytes()
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda name: take(shop, data, name, currency="GBP"), ["one.csv", "other.csv"]))
    assert sorted(one.is_new for one in done) == [False, True]
    assert {one.number for one in done} == {1}
    assert buckets(shop) == SAMPLE


def test_an_order_number_of_any_text_meets_its_click(shop: Database) -> None:
    orders = [HOSTILE, "\\N", "a\tb", 'two "words",\nand a line', "'); drop table x; --", "=1+1", "\u202eA-1"]
    with shop.psycopg() as pg:
        pg.cursor().executemany(
            """insert into public.affiliate_clicks (session_id, source_page, affiliate_network, affiliate_url, product_id, click_timestamp,
                   is_converted, conversion_timestamp, actual_commission, order_id)
               select 's' || %(n)s, 'search', 'awin', 'https://shop.example/', p.id, '2026-03-02 12:00Z', true, '2026-03-03 12:00Z', 1.5,
                   %(order)s
               from public.products as p""",
            [{"n": n, "order": order} for n, order in enumerate(orders)],
        )
    sync(shop, CATALOG)
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(HEADERS)
    writer.writerows((n, "2026-03-03 12:00:00", "1.50", "1", order, "", "GBP") for n, order in enumerate(orders))
    assert take(shop, file.getvalue().encode()).taken == len(orders)
    said = buckets(shop)["03", "expected missing", "as reported"]
    assert said == (len(orders), len(orders), Decimal("1.50") * len(orders))


def test_a_late_sale_moves_its_click_to_another_bucket_and_says_why(shop: Database) -> None:
    take(shop, (SAMPLES / "awin.csv").read_bytes(), currency="GBP")
    with shop.psycopg() as pg:
        pg.execute(
            """update public.affiliate_clicks set is_converted = true, conversion_timestamp = '2026-03-01 14:05Z', actual_commission = 5.59,
                   order_id = 'A-1001' where order_id is null"""
        )
        before = pg.execute("select max(number) from pipeline.publications").fetchone()
    sync(shop, CATALOG)
    replace_whole(shop, CATALOG, TABLE)
    assert buckets(shop)["02", "actual > expected", "as reported"] == (1, 1, Decimal("5.59"))
    asked = f"select distinct causes from {{}} where publication > {before[0]}"
    assert [move["causes"] for move in rows_of(shop, "analytics.restatements", asked)] == [["late conversion"]]


def test_a_refused_file_leaves_nothing(shop: Database) -> None:
    with pytest.raises(ReportRefused):
        take(shop, b"id,shoe_size\n")
    assert imports.imports(shop, CATALOG) == []


def test_the_check_is_red_over_a_line_that_nobody_imported_and_a_click_that_is_in_no_bucket(shop: Database) -> None:
    take(shop, (SAMPLES / "awin.csv").read_bytes(), currency="GBP")
    assert adds_up(shop)
    with shop.psycopg() as pg:
        pg.execute("update analytics.network_reports set counts = false where sale_amount = 20")
    assert not adds_up(shop)
    with shop.psycopg() as pg:
        pg.execute("update analytics.network_reports set counts = true where sale_amount = 20")
        pg.execute("delete from staging.click_facts where order_key is not null")
    assert not adds_up(shop)


def test_the_command_says_what_it_took_rejects_by_line_and_lists_and_undoes(
    shop: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACLUE_DATABASE_URL", shop.url)
    monkeypatch.setattr(Catalog, "load", lambda: CATALOG)  # what every command would read again
    get_settings.cache_clear()

    def run(*arguments: str, fails: type[AclueError] | None = None) -> str:
        result = CliRunner().invoke(aclue, ["revenue", *arguments])
        assert isinstance(result.exception, fails or type(None)), result.output
        return result.output

    file = str(SAMPLES / "commission_junction.csv")
    assert run("import", file, "--yes", fails=LinesRejected).splitlines() == [
        "import 1: commission_junction, commission_junction.csv, 4 lines of 2026-03-02 to 2026-03-04: 3 taken, 1 rejected; USD 61.50",
        "  line 5 rejected: Publisher Commission is no amount with decimal mark .",
    ]
    again = json.loads(run("import", file, "--yes", "--json"))
    assert (again["number"], again["is_new"], again["rejected_lines"]) == (1, False, [])
    assert run("imports").startswith("import 1: commission_junction")
    assert [one["totals"] for one in json.loads(run("imports", "--json"))] == [{"USD": "61.50"}]
    assert run("undo", "1", "--yes").startswith("undone: import 1: ")
    assert "; undone 20" in run("imports")


WORK = """
import os, sys
from pathlib import Path
from aclue_pipeline.catalog import Catalog
from aclue_pipeline.postgres import Database
from aclue_pipeline.revenue.imports import import_report

catalog, data = Catalog.load(), Path(sys.argv[1]).read_bytes()
print("begin", flush=True)
import_report(Database(os.environ["SHOP_URL"]), catalog, data, "big.csv", "a test")
"""


@pytest.mark.slow
def test_an_import_killed_at_any_moment_is_whole_or_was_never_begun(shop: Database, tmp_path: Path) -> None:
    file = tmp_path / "big.csv"
    lines = (f"{n},2026-03-{1 + n % 31:02} 10:00:00,{n % 97}.25,1,o{n % 9999},,GBP" for n in range(20_000))
    file.write_text("\n".join([",".join(HEADERS), *lines]))

    def start() -> "subprocess.Popen[str]":
        command = [sys.executable, "-c", WORK, str(file)]
        process = subprocess.Popen(command, env=os.environ | {"SHOP_URL": shop.url}, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "begin\n"
        return process

    def state() -> tuple[Any, ...]:
        counted = "select import, count(*), sum(commission), count(*) filter (where counts) from {} group by 1"
        return rows_of(shop, "analytics.network_reports", counted), published(shop), len(imports.imports(shop, CATALOG))

    replace_whole(shop, CATALOG, TABLE)
    before = state()
    process, began = start(), time.monotonic()
    assert process.wait(120) == 0
    took, after = time.monotonic() - began, state()
    assert after != before
    imports.undo(shop, CATALOG, 1, "a test")
    chance = random.Random(18)
    killed = 0
    for _ in range(5):
        process = start()
        time.sleep(chance.uniform(0.2, 0.9) * took)
        process.send_signal(signal.SIGKILL)
        process.wait(60)
        replace_whole(shop, CATALOG, TABLE)  # which waits until the server has done with whoever is gone
        found = state()
        if found[0]:
            assert [list(row.values())[1:] for row in found[0]] == [list(row.values())[1:] for row in after[0]]
            assert found[1] == after[1]
            imports.undo(shop, CATALOG, found[0][0]["import"], "a test")
        else:
            assert found[1] == before[1]
            killed += 1
    assert killed, "no kill came in the middle: the moments prove nothing"
    assert start().wait(120) == 0
    assert state()[1] == after[1]
    assert adds_up(shop)
