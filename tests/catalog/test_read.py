"""Reading SQL files: headers, comments, and what a malformed one is answered with."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aclue_pipeline.catalog import sqltext
from aclue_pipeline.errors import SqlFileError
from aclue_pipeline.settings import Settings
from tests.support.shop import Shop


def test_a_file_says_everything_about_its_table(shop: Shop) -> None:
    sales = shop.catalog.table("analytics.sales")
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
        ("publication", "int"),
    ]
    assert sales.column("amount").description == "Money sold, in the shop's currency."


def test_personal_data_is_marked_and_the_mark_is_not_shown(shop: Shop) -> None:
    note = shop.catalog.table("staging.orders").column("note")
    assert note.pii
    assert note.description == "What the buyer wrote; NULL where nothing."
    assert shop.catalog.table("public.orders").column("note").pii


def test_sources_come_before_what_is_made_of_them(shop: Shop) -> None:
    assert [key for key, table in shop.catalog.tables.items() if table.room != "pipeline"] == [
        "public.orders",
        "staging.orders",
        "analytics.sales",
    ]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("-- kind: daily", "-- kind: hourly", "`-- kind:` must be one of view, daily, whole, python, facts"),
        ("-- One row per day and shop: what was sold.\n", "", "the first comment line must say what one row is"),
        ("-- owner: team:finance\n", "", "needs `-- owner: team:…`"),
        ("-- clock: at of the order (reporting zone)\n", "", "a daily table needs `-- clock:`"),
        ("-- grain: day, shop", "-- grain: day, shops", "must name columns of the file, not shops"),
        ("-- headline: orders", "-- headlines: orders", "a line that is none of kind, grain"),
        ("count(*) as orders,", "count(*),", "write every column as"),
        ("-- Orders of the day.", "", "no comment says what these columns mean: orders"),
        ("select\n", "selec\n", "sql/revenue/sales.sql: "),
        ("group by 1, 2", "group by 1, 2; select 1 as one", "the file must hold one statement"),
        ("staging.orders o", "analytics.sales o", "its SQL leads back to itself: analytics.sales → analytics.sales"),
    ],
)
def test_a_malformed_file_is_named_and_told_what_it_lacks(shop: Shop, old: str, new: str, told: str) -> None:
    shop.change("revenue/sales.sql", old, new)
    with pytest.raises(SqlFileError, match="sales") as failure:
        _ = shop.catalog
    assert told in str(failure.value)


def test_a_view_takes_no_parameters(shop: Shop) -> None:
    shop.change("staging/orders.sql", "from public.orders o", "from public.orders o where o.at > :range_start")
    with pytest.raises(SqlFileError, match=r"a view takes no parameters \(:range_start\)"):
        _ = shop.catalog


def test_two_files_cannot_describe_one_table(shop: Shop) -> None:
    shop.write("funnel/sales.sql", (shop.root / "revenue/sales.sql").read_text())
    with pytest.raises(SqlFileError, match=r"analytics\.sales is already described by sql/revenue/sales\.sql"):
        _ = shop.catalog


QUERIES = """
-- query: orders by month
--   select date_trunc('month', s.day)::date as month, sum(s.orders) as orders
--   from analytics.sales as s
--   group by 1

-- query: the best shop
--   select s.shop from analytics.sales as s order by s.amount desc limit 1
"""


def test_a_file_ends_with_queries_that_its_version_knows_nothing_of(shop: Shop) -> None:
    plain = shop.catalog.table("sales")
    shop.change("revenue/sales.sql", "group by 1, 2\n", f"group by 1, 2;\n{QUERIES}")
    sales = shop.catalog.table("sales")
    assert [(query.asks, query.sql.splitlines()[-1]) for query in sales.queries] == [
        ("orders by month", "group by 1"),
        ("the best shop", "select s.shop from analytics.sales as s order by s.amount desc limit 1"),
    ]
    assert (sales.sql, sales.code_version) == (plain.sql, plain.code_version)
    assert sales.fingerprint != plain.fingerprint


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("-- query: what", "`-- query: what` needs a question and one to 12 lines of SQL"),
        ("-- query:\n--   select 1", "needs a question"),
        ("-- query: what\n" + "--   select 1\n" * 13, "needs a question and one to 12 lines of SQL"),
        ("-- query: what\n-- select 1", "below `-- query:` its lines begin with `--   `, not '-- select 1'"),
        ("-- query: what\n--   select 1\nselect 1", "not 'select 1'"),
    ],
)
def test_a_query_that_is_none_is_told_so(shop: Shop, text: str, told: str) -> None:
    shop.change("revenue/sales.sql", "group by 1, 2\n", f"group by 1, 2\n{text}\n")
    with pytest.raises(SqlFileError, match="sales") as failure:
        _ = shop.catalog
    assert told in str(failure.value)


def test_a_function_may_end_with_queries_too(shop: Shop) -> None:
    write_function(shop, "half", "n numeric", "numeric", "n / 2\n-- query: half of what\n--   select analytics.half(1)")
    half = shop.catalog.functions["analytics.half"]
    assert half.queries == (("half of what", "select analytics.half(1)"),)
    assert half.sql.endswith("return n / 2")


FUNCTION = """-- {says}
-- kind: function
-- owner: team:data

-- A rule that a reader needs.
create or replace function analytics.{name}({arguments}) returns {returns}
language sql immutable parallel safe
return {body}
"""


def write_function(shop: Shop, name: str, arguments: str, returns: str, body: str) -> None:
    text = FUNCTION.format(says=f"What {name} returns.", name=name, arguments=arguments, returns=returns, body=body)
    shop.write(f"functions/{name}.sql", text)


def test_a_function_says_its_type_and_passes_on_what_its_arguments_rest_on(shop: Shop) -> None:
    write_function(shop, "twice", "n numeric(10, 2)", "numeric(12, 2)", "analytics.half(n) * 4")
    write_function(shop, "half", "n numeric", "numeric", "n / 2")
    shop.change("revenue/sales.sql", "sum(o.amount) as amount", "analytics.twice(sum(o.amount)) as amount")
    sales, twice = shop.catalog.table("sales"), shop.catalog.functions["analytics.twice"]
    assert [*shop.catalog.functions][-2:] == ["analytics.half", "analytics.twice"]
    assert (twice.arguments, twice.returns, twice.type) == ("n numeric(10, 2)", "numeric(12, 2)", "numeric")
    assert (twice.upstream, twice.rules) == (("analytics.half",), "A rule that a reader needs.")
    assert sales.functions == ("analytics.twice",)
    assert [str(source) for source in sales.column("amount").direct] == ["staging.orders.amount"]
    assert sales.column("amount").type == "numeric"
    assert [function.name for function in shop.catalog.functions_of(sales)] == ["half", "twice"]


def test_an_aggregate_has_the_type_of_its_state_or_of_what_it_ends_with(shop: Shop) -> None:
    write_function(shop, "next", "state date, at date", "date", "greatest(state, at)")
    write_function(shop, "said", "state date", "text", "state::text")
    head = "-- The latest.\n-- kind: function\n-- owner: team:data\ncreate or replace aggregate analytics."
    shop.write("functions/latest.sql", f"{head}latest(date) (sfunc = analytics.next, stype = date)")
    shop.write(
        "functions/told.sql", f"{head}told(date) (sfunc = analytics.next, stype = date, finalfunc = analytics.said)"
    )
    functions = shop.catalog.functions
    assert {key: one.type for key, one in functions.items() if one.is_aggregate} == {
        "analytics.latest": "date",
        "analytics.told": "text",
    }
    assert functions["analytics.told"].upstream == ("analytics.next", "analytics.said")


def test_a_function_that_no_file_describes_is_told(shop: Shop) -> None:
    shop.change("revenue/sales.sql", "sum(o.amount) as amount", "analytics.twice(sum(o.amount)) as amount")
    with pytest.raises(SqlFileError, match=r"sql/revenue/sales\.sql: calls analytics\.twice, which no file"):
        _ = shop.catalog


def test_a_version_changes_with_all_that_a_number_depends_on_and_with_nothing_else(shop: Shop) -> None:
    def version() -> str:
        return shop.catalog.version(shop.catalog.table("sales"), Settings())

    write_function(shop, "twice", "n numeric", "numeric", "n * 2")
    write_function(shop, "unused", "n numeric", "numeric", "n * 2")
    shop.change("revenue/sales.sql", "sum(o.amount) as amount", "analytics.twice(sum(o.amount)) as amount")
    seen = [version()]
    shop.change("functions/unused.sql", "n * 2", "n * 3")
    shop.change("staging/orders.sql", "-- Shop it came to.", "-- The shop it came to.")
    assert version() == seen[0], "a comment, or a function that nothing calls"
    for path, old, new in (
        ("revenue/sales.sql", "count(*) as orders", "count(o.at) as orders"),
        ("staging/orders.sql", "coalesce(nullif(o.shop, '')", "coalesce(nullif(o.shop, '-')"),
        ("functions/twice.sql", "n * 2", "n + n"),
    ):
        shop.change(path, old, new)
        seen.append(version())
    seen.append(shop.catalog.version(shop.catalog.table("sales"), Settings(timezone="Europe/Paris")))
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("-- remedy: say so\n", "", "the header needs `-- remedy: …`"),
        ("error", "loud", "`-- severity:` must be one of blocking, error, warn"),
        ("analytics.sales\n", "analytics.sails\n", "there is no table analytics.sails"),
        (":timezone", ":time_zone", "asks for :time_zone, which is no setting"),
        ("-- remedy", "-- mend", "a line that is none of asset, severity, remedy"),
    ],
)
def test_a_malformed_check_is_told_what_it_lacks(shop: Shop, old: str, new: str, told: str) -> None:
    head = "-- All is well.\n-- asset: analytics.sales\n-- severity: error\n-- remedy: say so\n"
    text = head + "select :timezone <> '' as passed"
    shop.write("revenue/checks/all_is_well.sql", text)
    assert [check.name for check in shop.catalog.checks] == ["all_is_well"]
    shop.write("revenue/checks/all_is_well.sql", text.replace(old, new))
    with pytest.raises(SqlFileError, match="sql/checks/all_is_well") as failure:
        _ = shop.catalog
    assert told in str(failure.value)


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
