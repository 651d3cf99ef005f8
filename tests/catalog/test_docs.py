"""The data dictionary and the two commands: pages follow from sql/ alone, and are held to it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from aclue_pipeline.catalog import diagram, docs
from aclue_pipeline.cli import docs as commands
from aclue_pipeline.cli.context import Context
from aclue_pipeline.errors import DocsOutdated, NothingFound
from aclue_pipeline.postgres import Database
from tests.support.catalogs import CATALOG
from tests.support.shop import Shop

Run = Callable[..., Result]


@pytest.fixture
def run(shop: Shop) -> Callable[..., Result]:
    """A command on the small shop's files: `run("docs", "--check")`."""

    def run(name: str, *arguments: str) -> Result:
        context = Context(demo=False)
        context.catalog = shop.catalog
        return CliRunner().invoke({"docs": commands.docs, "lineage": commands.lineage}[name], arguments, obj=context)

    return run


def test_a_page_says_what_each_column_is_and_rests_on(shop: Shop) -> None:
    page = docs.pages(shop.catalog)["revenue.md"]
    assert "## analytics.sales\n\nOne row per day and shop: what was sold.\n" in page
    assert "- **Day:** at of the order (reporting zone)" in page
    assert (
        "| amount | numeric | Money sold, in the shop's currency. | [staging.orders.amount](staging.md#stagingorders) |  |\n"
        in page
    )
    assert (
        "Every column is also filtered by [staging.orders.at](staging.md#stagingorders), [staging.orders.shop](staging.md#stagingorders)."
        in page
    )
    assert "*Personal data.*" in docs.pages(shop.catalog)["app.md"]


def test_a_column_of_its_own_says_what_may_be_summed(shop: Shop) -> None:
    says = "-- Orders of the day. Not additive: staging.orders counts twice. Whole ones."
    shop.change("revenue/sales.sql", "-- Orders of the day.", says)
    page = docs.pages(shop.catalog)["revenue.md"]
    assert "| column | type | says | may I sum it? | derived from | filtered by |\n|---|---|---|---|---|---|\n" in page
    assert "| orders | int | Orders of the day. Whole ones. | Not additive: staging.orders counts twice. | [" in page
    assert "| amount | numeric | Money sold, in the shop's currency. |  | [" in page


def test_a_page_ends_with_the_queries_to_start_from(shop: Shop) -> None:
    query = "-- query: orders by day\n--   select s.day, sum(s.orders) as orders\n--   from analytics.sales as s\n--   group by 1\n"
    shop.change("revenue/sales.sql", "group by 1, 2\n", f"group by 1, 2\n{query}")
    assert docs.pages(shop.catalog)["README.md"].endswith(
        "\n| orders by day | [analytics.sales](revenue.md#analyticssales) |\n"
    )
    assert docs.pages(shop.catalog)["revenue.md"].endswith(
        "\n\n**orders by day**\n\n```sql\nselect s.day, sum(s.orders) as orders\nfrom analytics.sales as s\ngroup by 1\n```\n"
    )


@pytest.mark.database
def test_the_diagram_draws_the_foreign_keys_that_the_server_has(deployed_db: Database) -> None:
    with deployed_db.psycopg() as pg:
        keys = pg.execute(
            """select k.conrelid::regclass::text, a.attname, k.confrelid::regclass::text,
                   case k.confdeltype when 'c' then 'cascade' when 'n' then 'set null' when 'a' then 'no action' end
               from pg_constraint k join pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.conkey[1]
               where k.contype = 'f'"""
        ).fetchall()
    in_full = {tuple(name if "." in name or n % 2 else f"public.{name}" for n, name in enumerate(key)) for key in keys}
    drawn = diagram.foreign_keys(CATALOG)
    assert {key for key in in_full if {key[0], key[2]} <= CATALOG.tables.keys()} == drawn
    page = docs.pages(CATALOG)["diagram.md"]
    assert all(f'"{target}" |o--o{{ "{key}" : "{column}: {deletes}"' in page for key, column, target, deletes in drawn)


def test_docs_writes_what_differs_and_check_says_it(shop: Shop, run: Run, tmp_path: Path) -> None:
    to = tmp_path / "pages"
    assert run("docs", "--to", str(to)).exit_code == 0
    assert sorted(path.name for path in to.iterdir()) == [
        "README.md",
        "app.md",
        "diagram.md",
        "functions.md",
        "pipeline.md",
        "revenue.md",
        "staging.md",
    ]
    assert run("docs", "--check", "--to", str(to)).exit_code == 0
    (to / "gone.md").write_text(docs.MARK + "\na room that was")
    shop.change("revenue/sales.sql", "Orders of the day.", "Orders of that day.")
    outdated = run("docs", "--check", "--to", str(to))
    assert isinstance(outdated.exception, DocsOutdated)
    assert "gone.md, revenue.md" in str(outdated.exception)
    assert json.loads(run("docs", "--to", str(to), "--json").output)["written"] == ["gone.md", "revenue.md"]
    assert not (to / "gone.md").exists()
    assert docs.outdated(shop.catalog, to) == []


def test_docs_deletes_and_overwrites_nothing_that_it_did_not_write(shop: Shop, run: Run, tmp_path: Path) -> None:
    """A folder named by mistake may hold pages of somebody else, in any encoding."""
    (tmp_path / "notes.md").write_bytes(b"# My notes, caf\xe9\n")
    (tmp_path / "folder.md").mkdir()
    assert run("docs", "--to", str(tmp_path)).exit_code == 0
    assert run("docs", "--check", "--to", str(tmp_path)).exit_code == 0
    assert (tmp_path / "notes.md").read_bytes() == b"# My notes, caf\xe9\n"
    before = (tmp_path / "app.md").read_text()
    (tmp_path / "app.md").write_text(before + "edited by hand, which the mark forbids")
    (tmp_path / "README.md").write_text("# My own\n")
    refused = run("docs", "--to", str(tmp_path))
    assert isinstance(refused.exception, DocsOutdated)
    assert str(tmp_path / "README.md") in str(refused.exception)
    assert "\n" not in str(refused.exception)
    assert (tmp_path / "README.md").read_text() == "# My own\n"
    assert "edited by hand" in (tmp_path / "app.md").read_text(), "a refusal comes before the first page is written"


def test_lineage_is_a_tree_or_json(run: Run) -> None:
    assert run("lineage", "sales.amount").output.splitlines()[:3] == [
        "analytics.sales.amount",
        "├─ staging.orders.amount",
        "│  └─ public.orders.amount",
    ]
    tree = json.loads(run("lineage", "analytics.sales.amount", "--json").output)
    assert tree["from"][0]["from"][0]["table"] == "public.orders"
    assert "staging.orders" in run("lineage", "analytics.sales").output
    assert run("lineage", "public.orders.amount", "--used-by").output == "staging.orders.amount\n"
    assert "analytics.sales" in run("lineage").output
    assert isinstance(run("lineage", "sales.amout").exception, NothingFound)


def test_the_committed_pages_are_what_sql_says() -> None:
    names = [path.name for path in docs.outdated(CATALOG, docs.folder())]
    assert not names, f"run `aclue docs` and commit: {', '.join(names)}"
