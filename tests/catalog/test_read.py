"""Reading SQL files: headers, comments, and what a malformed one is answered with."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aclue_pipeline import catalog
from aclue_pipeline.catalog import sqltext
from aclue_pipeline.errors import SqlFileError
from tests.support.shop import Shop


def test_a_file_says_everything_about_its_table(shop: Shop) -> None:
    sales = catalog.table("analytics.sales")
    assert (sales.kind, sales.room, sales.schema, sales.owner) == ("daily", "revenue", "analytics", "team:finance")
    assert (sales.grain, sales.clock, sales.clock_says) == (("day", "shop"), "day", "at of the order (reporting zone)")
    assert (sales.description, sales.headline) == ("One row per day and shop: what was sold.", ("orders",))
    assert (sales.parameters, sales.upstream) == (("range_end", "range_start", "timezone"), ("staging.orders",))
    assert [(c.name, c.type) for c in sales.columns] == [
        ("day", "date"),
        ("shop", "text"),
        ("orders", "int"),
        ("amount", "numeric"),
        ("computed_at", "timestamptz"),
        ("run_id", "text"),
    ]
    assert sales.column("amount").description == "Money sold, in the shop's currency."


def test_personal_data_is_marked_and_the_mark_is_not_shown(shop: Shop) -> None:
    note = catalog.table("staging.orders").column("note")
    assert note.pii
    assert note.description == "What the buyer wrote; NULL where nothing."
    assert catalog.table("public.orders").column("note").pii


def test_sources_come_before_what_is_made_of_them(shop: Shop) -> None:
    assert list(catalog.tables()) == ["public.orders", "staging.orders", "analytics.sales"]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("-- kind: daily", "-- kind: hourly", "`-- kind:` must be one of view, daily, table, python"),
        ("-- One row per day and shop: what was sold.\n", "", "the first comment line must say what one row is"),
        ("-- owner: team:finance\n", "", "needs `-- owner: team:…`"),
        ("-- clock: at of the order (reporting zone)\n", "", "a daily table needs `-- clock:`"),
        ("-- grain: day, shop", "-- grain: day, shops", "must name columns of the file, not shops"),
        ("-- headline: orders", "-- headlines: orders", "a line that is none of kind, grain"),
        ("count(*) as orders,", "count(*),", "write every column as"),
        ("-- Orders of the day.", "", "no comment says what these columns mean: orders"),
        ("select\n", "selec\n", "sql/revenue/sales.sql: "),
        ("group by 1, 2", "group by 1, 2; select 1 as one", "the file must hold one statement"),
        ("staging.orders o", "analytics.sales o", "its SELECT leads back to itself: analytics.sales → analytics.sales"),
    ],
)
def test_a_malformed_file_is_named_and_told_what_it_lacks(shop: Shop, old: str, new: str, told: str) -> None:
    shop.change("revenue/sales.sql", old, new)
    with pytest.raises(SqlFileError, match="sales") as failure:
        catalog.tables()
    assert told in str(failure.value)


def test_a_view_takes_no_parameters(shop: Shop) -> None:
    shop.change("staging/orders.sql", "from public.orders o", "from public.orders o where o.at > :range_start")
    with pytest.raises(SqlFileError, match=r"a view takes no parameters \(:range_start\)"):
        catalog.tables()


def test_two_files_cannot_describe_one_table(shop: Shop) -> None:
    shop.write("funnel/sales.sql", (shop.root / "revenue/sales.sql").read_text())
    with pytest.raises(SqlFileError, match=r"analytics\.sales is already described by sql/revenue/sales\.sql"):
        catalog.tables()


def test_importing_the_catalog_loads_neither_parser_nor_driver() -> None:
    heavy = ("sqlglot", "sqlalchemy", "psycopg", "pandas", "dagster")
    code = f"import sys, aclue_pipeline.catalog; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- SQL as text --------------------------------------------------------------------------------------------------------

TRICKY = "select 'a;:b' || E'\\'; :q' as \"c:d;\", x::text, a[1:n], :p + 5 % 2 -- foo ; :z\nfrom t where f = $$ ; :y $$ and g = $b$;$b$"


def test_parameters_are_told_from_casts_strings_slices_and_comments() -> None:
    assert sqltext.parameters(TRICKY) == ("p",)
    assert "%(p)s + 5 %% 2" in sqltext.bindable(TRICKY)
    assert "$$ ; :y $$" in sqltext.bindable(TRICKY)


def test_statements_are_split_only_where_they_end() -> None:
    assert [len(sqltext.without_comments(s)) > 0 for s in sqltext.statements(f"{TRICKY};\n-- nothing\n; select 1")] == [
        True,
        True,
    ]


def test_comments_and_blanks_do_not_change_a_version_but_strings_do() -> None:
    assert sqltext.without_comments("select  1, -- one\n 'a  b' /* two */ from t") == "select 1, 'a  b' from t"


@given(
    st.lists(
        st.sampled_from(["select 1", "'a;b'", "-- c;\n", "/* ; */", "$x$ ; $x$", '"q;"', " ", "::int", "x"]), max_size=8
    )
)
def test_text_without_parameters_survives_binding(parts: list[str]) -> None:
    text = " ".join(parts)
    assert sqltext.bindable(text) == text
    assert sqltext.statements(text) == ([text] if sqltext.without_comments(text) else [])
