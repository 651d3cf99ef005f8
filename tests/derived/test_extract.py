"""A published table as a file: exact in Parquet, safe in a spreadsheet, whole or not at all, and held by nobody."""

import csv
import io
import os
import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import duckdb
import pytest
from click.testing import CliRunner, Result

from aclue_pipeline.cli import aclue
from aclue_pipeline.cli.context import Context
from aclue_pipeline.derived import extract
from aclue_pipeline.errors import NothingFound
from aclue_pipeline.postgres import Database
from aclue_pipeline.settings import get_settings
from tests.derived.test_days import FIRST, order, rebuild
from tests.support.catalogs import CATALOG
from tests.support.shop import Shop

pytestmark = pytest.mark.database

SHOPS = [
    "=1+1",
    "+44 20",
    "-2",
    "@SUM(A1)",
    "\t=1",
    "＝1",
    'a "b", c',
    "two\nlines",
    "\\N",
    "'quoted",
    "(not set)",
    "Ely",
]


@pytest.fixture
def sold(shop: Shop, shop_db: Database) -> Database:
    """Days of hostile and of plain names, and one whose amounts are long."""
    for n, name in enumerate(SHOPS):
        order(shop_db, (n, "2026-03-01 10:00+00", name, "0.10"), (100 + n, "2026-03-02 10:00+00", name, "12345678.25"))
    rebuild(shop, shop_db, FIRST, date(2026, 3, 2))
    return shop_db


def as_csv(db: Database, shop: Shop, *days: date) -> list[dict[str, str]]:
    blocks: list[bytes] = []
    first, last = days or (None, None)
    rows = extract.to_csv(db, shop.catalog.table("sales"), (first, last), blocks.append)
    read = list(csv.DictReader(io.StringIO(b"".join(blocks).decode(), newline="")))
    assert rows == len(read)
    return read


def test_a_spreadsheet_finds_no_formula_and_every_other_text_as_it_is(shop: Shop, sold: Database) -> None:
    rows = as_csv(sold, shop)
    texts = {row["shop"] for row in rows}
    assert texts == {f"'{name}" if name[0] in "=+-@\t＝" else name for name in SHOPS}
    assert {row["amount"] for row in rows} == {"0.10", "12345678.25"}
    assert [row["day"] for row in rows] == sorted(row["day"] for row in rows)


def test_days_are_chosen_both_counted(shop: Shop, sold: Database) -> None:
    assert {row["day"] for row in as_csv(sold, shop, FIRST, FIRST)} == {"2026-03-01"}
    assert {row["day"] for row in as_csv(sold, shop)} == {"2026-03-01", "2026-03-02"}


def test_parquet_says_exactly_what_the_table_says(shop: Shop, sold: Database, tmp_path: Path) -> None:
    path = tmp_path / "sales.parquet"
    table = shop.catalog.table("sales")
    assert extract.to_parquet(sold, table, (None, None), path) == 2 * len(SHOPS)
    with sold.psycopg() as pg:
        want = pg.execute(
            "select day, shop, orders, amount, computed_at, run_id from analytics.sales order by 1, 2"
        ).fetchall()
    with duckdb.connect() as duck:
        got = duck.sql(f"select day, shop, orders, amount, computed_at, run_id from '{path}'").fetchall()
        types = dict(duck.sql(f"select column_name, column_type from (describe from '{path}')").fetchall())
    assert got == want
    assert all(isinstance(row[3], Decimal) for row in got)
    assert types["day"] == "DATE"
    assert types["orders"] == "BIGINT"
    assert types["amount"] == "DECIMAL(38,2)"
    assert types["computed_at"] == "TIMESTAMP WITH TIME ZONE"
    assert {found.name for found in tmp_path.iterdir()} == {"sales.parquet", "sql"}, "nothing else is left"


def test_every_published_table_goes_both_ways(deployed_db: Database, tmp_path: Path) -> None:
    tables = [table for table in CATALOG.tables.values() if table.schema == "analytics"]
    for table in tables:
        assert extract.published(CATALOG, table.name) is table
        extract.to_csv(deployed_db, table, (None, None), lambda block: None)
        extract.to_parquet(deployed_db, table, (None, None), tmp_path / "x.parquet")


def test_what_is_not_published_has_no_file(deployed_db: Database) -> None:
    for name in ("public.affiliate_clicks", "staging.click_facts", "pipeline.person_numbers"):
        with pytest.raises(NothingFound, match="is not published"):
            extract.published(CATALOG, name)
    with pytest.raises(NothingFound, match="has no days to choose from"):
        extract.to_csv(deployed_db, CATALOG.table("commission_monthly"), (FIRST, None), lambda block: None)


def test_the_taste_models_vectors_and_words_are_lists_in_parquet(deployed_db: Database, tmp_path: Path) -> None:
    vectors = [[0.1, -1e-17, 3.0], [1 / 3], []]
    words = ["plain", "a, b", 'say "so"', "{x}", "back\\slash", "null", "ü", "", "it's"]
    with deployed_db.psycopg() as pg:
        for n, vector in enumerate(vectors):
            pg.execute(
                """insert into pipeline.taste_items (model_version, product_id, log_odds, judgements, vector, style, colour, relative_price)
                   values ('v', %s, 0.25, 1, %s::float8[], %s, '{}', 0)""",
                [UUID(int=n), vector, words],
            )
    path = tmp_path / "items.parquet"
    table = extract.published(CATALOG, "taste_items")
    assert extract.to_parquet(deployed_db, table, (None, None), path) == 3
    with duckdb.connect() as duck:
        got = duck.sql(f"select product_id, vector, style, colour, category from '{path}'").fetchall()
    assert got == [(UUID(int=n), vector, words, [], None) for n, vector in enumerate(vectors)]
    extract.to_csv(deployed_db, table, (None, None), lambda block: None)


def test_of_a_taste_models_words_those_of_people_are_left_out(deployed_db: Database, tmp_path: Path) -> None:
    with deployed_db.psycopg() as pg:
        pg.execute(
            """insert into pipeline.taste_models (version, events, users, products, seed, parameters, vocabulary)
               values ('v', 1, 1, 1, 0, '{}', '{"brand": ["Mine"], "occasion": ["secret"], "recipient": ["secret"]}')"""
        )
    table, path, csv = extract.published(CATALOG, "taste_models"), tmp_path / "models.parquet", list[bytes]()
    extract.to_parquet(deployed_db, table, (None, None), path)
    with duckdb.connect() as duck:
        assert duck.sql(f"select vocabulary from '{path}'").fetchall() == [('{"brand": ["Mine"]}',)]
    extract.to_csv(deployed_db, table, (None, None), csv.append)
    assert b"Mine" in b"".join(csv)
    assert b"secret" not in b"".join(csv)


def test_a_table_that_is_not_there_yet_says_so(shop: Shop, sold: Database, tmp_path: Path) -> None:
    with sold.psycopg() as pg:
        pg.execute("drop table analytics.sales cascade")
    with pytest.raises(NothingFound, match=r"analytics\.sales is not in this database yet"):
        extract.to_parquet(sold, shop.catalog.table("sales"), (None, None), tmp_path / "x.parquet")


@pytest.mark.slow
def test_hundreds_of_thousands_of_rows_are_held_by_nobody(deployed_db: Database, tmp_path: Path) -> None:
    """In a process of its own, whose memory is its own."""
    rows = 300_000
    with deployed_db.psycopg() as pg:
        pg.execute(
            """insert into analytics.table_sizes (day, table_name, total_bytes)
               select '2026-01-01', lpad(n::text, 120, 'x'), n from generate_series(1, %s) n""",
            [rows],
        )
    code = """
import resource, sys
from pathlib import Path
from aclue_pipeline.catalog import Catalog
from aclue_pipeline.derived.extract import to_csv, to_parquet
from aclue_pipeline.postgres import Database
db, catalog = Database(sys.argv[1]), Catalog.load()
table, before = catalog.table("analytics.table_sizes"), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with Path(sys.argv[2], "t.csv").open("wb") as file:
    print(to_csv(db, table, (None, None), file.write))
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
print(to_parquet(db, table, (None, None), Path(sys.argv[2], "t.parquet")))
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, deployed_db.url, str(tmp_path)], capture_output=True, text=True, check=True
    )
    counted, csv_mb, counted_again, parquet_mb = map(int, done.stdout.split())
    assert counted == counted_again == rows
    assert (tmp_path / "t.csv").stat().st_size > 48 * 2**20
    assert csv_mb < 20, done.stdout
    assert parquet_mb < 250, done.stdout


def test_the_command_writes_a_file_whole_or_not_at_all(
    deployed_db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACLUE_DATABASE_URL", deployed_db.url)
    monkeypatch.setattr(Context, "catalog", CATALOG)  # which takes a second to read
    get_settings.cache_clear()
    out = tmp_path / "revenue.csv"

    def run(*words: str) -> Result:
        return CliRunner().invoke(aclue, ["extract", "revenue_daily", *words])

    assert run("--out", str(out)).exit_code == 0
    header = out.read_text()
    assert header.startswith("day,currency,affiliate_network,")
    assert run().stdout == header
    pipe = tmp_path / "pipe"  # stands for /dev/stdout and its like, which no file may replace
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDWR)
    assert run("--out", str(pipe)).exit_code == 0
    assert os.read(reader, 100_000).decode() == header
    os.close(reader)
    assert pipe.is_fifo()
    pipe.unlink()
    full = tmp_path / "full"
    full.symlink_to("/dev/full")
    for form in ("csv", "parquet"):
        said = str(run("--format", form, "--out", str(full)).exception)
        assert said == f"{full} cannot be written: No space left on device; name another place"
    full.unlink()
    with deployed_db.psycopg() as pg:
        pg.execute("drop table analytics.revenue_daily cascade")
    assert isinstance(run("--out", str(out)).exception, NothingFound)
    assert out.read_text() == header
    assert "cannot be written" in str(run("--out", str(tmp_path / "nowhere" / "x.csv")).exception)
    assert "needs --out FILE" in run("--format", "parquet").output
    turned = run("--from", "2026-03-02", "--to", "2026-03-01")
    assert (turned.exit_code, turned.stdout) == (2, "")
    assert "--from 2026-03-02 is after the last day, 2026-03-01" in turned.output
    assert [path.name for path in tmp_path.iterdir()] == ["revenue.csv"]
