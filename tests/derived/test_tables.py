"""Tables and views follow from their files: created, described, evolved, and left alone when nothing changed."""

import pytest

from aclue_pipeline import derived
from aclue_pipeline.derived.described import Change
from aclue_pipeline.errors import CannotEvolve, MissingPrerequisite, MissingPrivilege, SchemaIncomplete
from aclue_pipeline.postgres import Database, query, script
from aclue_pipeline.settings import get_settings
from tests.support.catalogs import CATALOG
from tests.support.shop import APP, Shop
from tests.support.statements import run

pytestmark = pytest.mark.database


def columns(db: Database, table: str) -> dict[str, str]:
    with db.begin() as connection:
        rows = query(
            connection,
            """select attname, format_type(atttypid, atttypmod) as type from pg_attribute
               where attrelid = cast(:table as regclass) and attnum > 0 and not attisdropped order by attnum""",
            table=table,
        )
    return {row["attname"]: row["type"] for row in rows}


def test_the_server_names_the_types_and_the_grain_is_the_key(shop_db: Database) -> None:
    assert columns(shop_db, "analytics.sales") == {
        "day": "date",
        "shop": "text",
        "orders": "bigint",
        "amount": "numeric",
        "computed_at": "timestamp with time zone",
        "run_id": "text",
        "publication": "bigint",
    }
    with shop_db.begin() as connection:
        (key,) = query(
            connection,
            "select pg_get_constraintdef(oid) as key from pg_constraint where conrelid = 'analytics.sales'::regclass and contype = 'p'",
        )
    assert key["key"] == "PRIMARY KEY (day, shop)"


def test_every_table_and_column_is_described_in_the_database(shop_db: Database) -> None:
    with shop_db.begin() as connection:
        said = {
            (row["name"], row["n"]): row["said"]
            for row in query(
                connection,
                """select c.relname as name, a.attnum as n, col_description(c.oid, a.attnum) as said
                   from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
                   where c.relnamespace::regnamespace::text in ('staging', 'analytics', 'pipeline') and c.relkind in ('r', 'v')""",
            )
        }
        table = query(connection, "select obj_description('analytics.sales'::regclass) as said")[0]["said"]
    assert all(said.values())
    assert table == "One row per day and shop: what was sold."
    assert said["sales", 4] == "Money sold, in the shop's currency."
    assert said["orders", 5] == "What the buyer wrote; NULL where nothing. Personal data."


def test_a_second_time_executes_no_ddl(shop: Shop, shop_db: Database) -> None:
    statement = "select max(xmin::text::bigint) as x, count(*) as n from pg_class"
    with shop_db.begin() as connection:
        before = query(connection, statement)
    assert derived.ensure_tables(shop_db, shop.catalog) == []
    with shop_db.begin() as connection:
        assert query(connection, statement) == before


def test_what_reads_with_its_owners_rights_is_called_by_nobody_who_is_not_granted_it(
    shop: Shop, shop_db: Database
) -> None:
    def write(returns: str) -> None:
        shop.write(
            "functions/takings.sql",
            f"""-- What was taken.
-- kind: function
-- owner: team:data
create or replace function analytics.takings() returns {returns}
language sql stable security definer set search_path = pg_catalog, pg_temp
return (select sum(s.amount)::{returns} from analytics.sales as s)
""",
        )
        derived.ensure_tables(shop_db, shop.catalog)

    may = "select has_function_privilege('anon', 'analytics.takings()', 'execute')"
    for returns in ("numeric", "text"):  # made, and made again
        write(returns)
        with shop_db.psycopg() as pg:
            assert pg.execute(may).fetchone() == (False,), returns


def test_functions_know_the_settings_as_the_pipeline_last_ran_with_them(
    deployed_db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told() -> list[str | None]:
        with deployed_db.psycopg() as pg:
            asked = ("timezone", "funnel_window_days", "first_day", "database_url")
            return [row[0] for row in pg.execute("select pipeline.setting(unnest(%s::text[]))", [list(asked)])]

    assert told() == ["Europe/London", "30", str(get_settings().first_day), None]
    monkeypatch.setenv("ACLUE_TIMEZONE", "Asia/Tokyo")
    get_settings.cache_clear()
    assert derived.ensure_tables(deployed_db, CATALOG) == [Change("pipeline.settings", "timezone is Asia/Tokyo now")]
    assert derived.ensure_tables(deployed_db, CATALOG) == []
    assert told()[0] == "Asia/Tokyo"
    monkeypatch.undo()
    get_settings.cache_clear()
    derived.ensure_tables(deployed_db, CATALOG)
    assert told()[0] == "Europe/London"


def test_a_new_column_is_added_as_null_and_the_days_before_it_are_out_of_date(shop: Shop, shop_db: Database) -> None:
    from datetime import date

    run(shop_db, "insert into public.orders values (1, '2026-03-01 12:00+00', 'Ely', 5.40)")
    first = date(2026, 3, 1)
    derived.replace_days(shop_db, shop.catalog, shop.catalog.table("sales"), [first])
    assert derived.outdated_days(shop_db, shop.catalog, shop.catalog.table("sales")) == []
    shop.change(
        "revenue/sales.sql",
        "count(*) as orders,",
        "max(o.amount) as largest,  -- Largest order.\n    count(*) as orders,",
    )
    assert derived.ensure_tables(shop_db, shop.catalog) == [Change("analytics.sales", "added column largest")]
    assert derived.outdated_days(shop_db, shop.catalog, shop.catalog.table("sales")) == [first]
    with shop_db.begin() as connection:
        assert query(connection, "select orders, largest from analytics.sales") == [{"orders": 1, "largest": None}]
    derived.replace_days(shop_db, shop.catalog, shop.catalog.table("sales"), [first])
    assert derived.outdated_days(shop_db, shop.catalog, shop.catalog.table("sales")) == []


def test_another_comment_changes_the_comment_and_puts_no_day_out_of_date(shop: Shop, shop_db: Database) -> None:
    before = shop.catalog.table("sales").code_version
    shop.change("revenue/sales.sql", "Orders of the day.", "Orders of that day.")
    assert shop.catalog.table("sales").code_version == before
    assert derived.ensure_tables(shop_db, shop.catalog) == [Change("analytics.sales", "comments brought up to date")]
    with shop_db.begin() as connection:
        assert (
            query(connection, "select col_description('analytics.sales'::regclass, 3) as said")[0]["said"]
            == "Orders of that day."
        )


def test_a_column_that_left_the_file_stays_in_the_table(shop: Shop, shop_db: Database) -> None:
    shop.change("revenue/sales.sql", "    count(*) as orders,                             -- Orders of the day.\n", "")
    shop.change("revenue/sales.sql", "-- headline: orders\n", "")
    assert Change("analytics.sales", "keeps orders, which its file no longer has") in derived.ensure_tables(
        shop_db, shop.catalog
    )
    assert "orders" in columns(shop_db, "analytics.sales")


def test_a_type_is_widened_where_the_server_would_cast_by_itself(shop: Shop, shop_db: Database) -> None:
    shop.change("revenue/sales.sql", "count(*) as orders", "count(*)::numeric as orders")
    assert Change("analytics.sales", "column orders is numeric now, was bigint") in derived.ensure_tables(
        shop_db, shop.catalog
    )
    shop.change("revenue/sales.sql", "count(*)::numeric as orders", "count(*)::int as orders")
    with pytest.raises(CannotEvolve, match=r"analytics\.sales\.orders is numeric, its file makes it integer"):
        derived.ensure_tables(shop_db, shop.catalog)
    assert columns(shop_db, "analytics.sales")["orders"] == "numeric"


def test_a_view_whose_columns_changed_is_created_again_with_the_views_on_it(shop: Shop, shop_db: Database) -> None:
    shop.write(
        "staging/shops.sql",
        "-- One row per shop.\n-- kind: view\n-- grain: shop\n-- owner: team:data\nselect\n    o.shop as shop,  -- Its name.\n"
        "    count(*) as orders  -- Orders ever.\nfrom staging.orders o group by 1",
    )
    assert derived.ensure_tables(shop_db, shop.catalog) == [Change("staging.shops", "created")]
    shop.change("staging/orders.sql", "o.id as order_id,  ", "o.id as order_id,  -- The order.\n    1 as one,")
    assert derived.ensure_tables(shop_db, shop.catalog) == [
        Change("staging.orders", "created again, since columns changed"),
        Change("staging.shops", "dropped with staging.orders"),
        Change("staging.shops", "created"),
    ]
    assert list(columns(shop_db, "staging.orders"))[:2] == ["order_id", "one"]


def test_a_view_is_read_by_those_whom_its_file_names_now(shop: Shop, shop_db: Database) -> None:
    def write(readers: str) -> None:
        shop.write(
            "staging/shops.sql",
            f"-- One row per shop.\n-- kind: view\n-- grain: shop\n-- owner: team:data\n{readers}select\n"
            "    o.shop as shop  -- Its name.\nfrom staging.orders o group by 1",
        )
        derived.ensure_tables(shop_db, shop.catalog)

    def may() -> object:
        with shop_db.psycopg() as pg:
            return pg.execute("select has_table_privilege('service_role', 'staging.shops', 'select')").fetchone()

    write("-- readers: service_role, nobody_yet\n")
    assert may() == (True,)
    with shop_db.psycopg() as pg:
        pg.execute("revoke select on staging.shops from service_role")  # as of a role that was made later
    derived.ensure_tables(shop_db, shop.catalog)
    assert may() == (True,), "whoever lacks it is granted it the next time"
    assert derived.ensure_tables(shop_db, shop.catalog) == []
    write("")
    assert may() == (False,)


def test_a_view_of_an_earlier_release_that_stands_in_the_way_is_made_anew(shop: Shop, shop_db: Database) -> None:
    head = "-- One row per shop.\n-- kind: view\n-- grain: shop\n-- owner: team:data\nselect\n    o.shop as shop  -- Its name.\n"
    shop.write("staging/shops.sql", head + "from staging.orders o group by 1")
    derived.ensure_tables(shop_db, shop.catalog)
    shop.change("staging/orders.sql", "o.id as order_id,  ", "o.id as order_id,  -- The order.\n    1 as one,")
    shop.write("staging/shops.sql", head + "from public.orders o group by 1")
    assert derived.ensure_tables(shop_db, shop.catalog) == [
        Change("staging.orders", "created again, since columns changed"),
        Change("staging.shops", "dropped with staging.orders"),
        Change("staging.shops", "created"),
    ]
    assert derived.ensure_tables(shop_db, shop.catalog) == []


def test_a_view_of_somebody_else_is_never_dropped(shop: Shop, shop_db: Database) -> None:
    run(shop_db, "create view public.mine as select * from staging.orders")
    shop.change("staging/orders.sql", "o.id as order_id,  ", "o.id as order_id,  -- The order.\n    1 as one,")
    with pytest.raises(CannotEvolve, match=r"view mine depends on view staging\.orders"):
        derived.ensure_tables(shop_db, shop.catalog)
    assert columns(shop_db, "public.mine")


def test_a_view_follows_a_name_and_not_the_table_that_once_had_it(shop: Shop, shop_db: Database) -> None:
    with shop_db.begin() as connection:
        script(connection, "insert into public.orders (id) values (1); alter table public.orders rename to old_orders")
        script(connection, APP)
        assert query(connection, "select order_id from staging.orders") == [{"order_id": 1}]
    assert derived.ensure_tables(shop_db, shop.catalog) == [Change("staging.orders", "replaced")]
    with shop_db.begin() as connection:
        assert query(connection, "select order_id from staging.orders") == []
    assert derived.ensure_tables(shop_db, shop.catalog) == []


def test_a_dropped_table_comes_back(shop: Shop, shop_db: Database) -> None:
    run(shop_db, "drop table analytics.sales")
    assert derived.ensure_tables(shop_db, shop.catalog) == [Change("analytics.sales", "created")]


def test_one_room_brings_what_it_is_made_of(shop: Shop, empty_db: Database) -> None:
    run(
        empty_db,
        "create table public.orders (id bigint primary key, at timestamptz, shop text, amount numeric(10, 2), note text)",
    )
    assert [change.table for change in derived.ensure_tables(empty_db, shop.catalog, "revenue")] == [
        "pipeline.days",
        "pipeline.dirty",
        "pipeline.publications",
        "analytics.restatements",
        "pipeline.tables",
        "staging.orders",
        "analytics.sales",
    ]


def test_a_missing_table_of_the_app_is_named(shop: Shop, empty_db: Database) -> None:
    with pytest.raises(
        MissingPrerequisite, match=r"staging\.orders reads public\.orders, which this database does not have"
    ):
        derived.ensure_tables(empty_db, shop.catalog)


def test_a_role_without_the_right_is_told_so(shop: Shop, empty_db: Database) -> None:
    with empty_db.begin() as connection:
        script(connection, "create table public.orders (id int); set role anon")
        with pytest.raises(MissingPrivilege, match=r"may not do that \(permission denied"):
            derived.ensure(connection, shop.catalog, shop.catalog.table("sales"))
        connection.rollback()


def test_a_missing_column_of_the_app_is_named(shop: Shop, empty_db: Database) -> None:
    run(empty_db, "create table public.orders (id bigint primary key, at timestamptz, shop text, note text)")
    with pytest.raises(SchemaIncomplete, match=r"column o\.amount does not exist"):
        derived.ensure_tables(empty_db, shop.catalog)


def test_a_table_of_python_is_created_from_its_file_and_evolves(shop: Shop, shop_db: Database) -> None:
    shop.write(
        "preferences/models.sql",
        "-- One row per model.\n-- kind: python\n-- owner: team:data\ncreate table pipeline.models (\n"
        "    version text primary key,  -- Its name.\n    loss float8[] not null default '{}'  -- Loss per fold.\n)",
    )
    assert derived.ensure_tables(shop_db, shop.catalog) == [Change("pipeline.models", "created")]
    assert columns(shop_db, "pipeline.models") == {"version": "text", "loss": "double precision[]"}
    shop.change("preferences/models.sql", "-- Its name.", "-- Its name.\n    born timestamptz not null,  -- When.")
    assert derived.ensure_tables(shop_db, shop.catalog) == [Change("pipeline.models", "added column born")]
    assert columns(shop_db, "pipeline.models")["born"] == "timestamp with time zone"


TWICE = """-- The number twice.
-- kind: function
-- owner: team:data
create or replace function analytics.twice(n numeric) returns numeric
language sql immutable parallel safe
return n * 2
"""
DOUBLED = """-- One row per order: its money doubled.
-- kind: view
-- grain: order_id
-- owner: team:data
select
    o.order_id as order_id,                         -- The order.
    analytics.twice(o.amount) as amount             -- Money, twice.
from staging.orders as o
"""


def amounts(db: Database) -> list[object]:
    with db.begin() as connection:
        return [row["amount"] for row in query(connection, "select amount from staging.doubled order by order_id")]


def test_a_function_is_there_before_the_view_that_calls_it_and_follows_its_file(shop: Shop, shop_db: Database) -> None:
    run(shop_db, "insert into public.orders values (1, '2026-03-01 12:00+00', 'Ely', 5.40)")
    shop.write("functions/twice.sql", TWICE)
    shop.write("staging/doubled.sql", DOUBLED)
    assert derived.ensure_tables(shop_db, shop.catalog, "staging") == [
        Change("analytics.twice", "created"),
        Change("staging.doubled", "created"),
    ]
    assert [str(amount) for amount in amounts(shop_db)] == ["10.80"]
    assert derived.ensure_tables(shop_db, shop.catalog) == []
    shop.change("functions/twice.sql", "n * 2", "n * 2 + 1")
    assert derived.ensure_tables(shop_db, shop.catalog) == [Change("analytics.twice", "replaced")]
    assert [str(amount) for amount in amounts(shop_db)] == ["11.80"]


@pytest.mark.parametrize(
    ("old", "new", "amount"), [("returns numeric", "returns int", "11"), ("n numeric", "n float8", "10.8")]
)
def test_a_function_of_another_type_or_other_arguments_leaves_no_other_of_its_name(
    shop: Shop, shop_db: Database, old: str, new: str, amount: str
) -> None:
    run(shop_db, "insert into public.orders values (1, '2026-03-01 12:00+00', 'Ely', 5.40)")
    shop.write("functions/twice.sql", TWICE)
    shop.write("staging/doubled.sql", DOUBLED)
    derived.ensure_tables(shop_db, shop.catalog)
    shop.change("functions/twice.sql", old, new)
    shop.change("functions/twice.sql", "return n * 2", "return (n * 2)::numeric" if "float8" in new else "return n * 2")
    assert derived.ensure_tables(shop_db, shop.catalog) == [
        Change("analytics.twice", "created again, since its arguments or type changed"),
        Change("staging.doubled", "dropped with analytics.twice"),
        Change("staging.doubled", "created"),
    ]
    assert [str(found) for found in amounts(shop_db)] == [amount]
    with shop_db.begin() as connection:
        assert len(query(connection, "select 1 from pg_proc where proname = 'twice'")) == 1
    assert derived.ensure_tables(shop_db, shop.catalog) == []


def test_a_view_of_an_earlier_release_that_has_no_file_any_more_stands_in_no_ones_way(
    shop: Shop, shop_db: Database
) -> None:
    shop.write("functions/twice.sql", TWICE)
    shop.write("staging/doubled.sql", DOUBLED)
    derived.ensure_tables(shop_db, shop.catalog)
    shop.remove("staging/doubled.sql")
    assert derived.ensure_tables(shop_db, shop.catalog) == []
    shop.change("functions/twice.sql", "returns numeric", "returns int")
    assert derived.ensure_tables(shop_db, shop.catalog) == [
        Change("analytics.twice", "created again, since its arguments or type changed"),
        Change("staging.doubled", "dropped with analytics.twice"),
    ]


def test_a_function_on_which_somebody_else_stands_is_never_dropped(shop: Shop, shop_db: Database) -> None:
    shop.write("functions/twice.sql", TWICE)
    derived.ensure_tables(shop_db, shop.catalog)
    run(shop_db, "create view public.mine as select analytics.twice(1) as two")
    shop.change("functions/twice.sql", "returns numeric", "returns int")
    with pytest.raises(
        CannotEvolve, match=r"analytics\.twice must be created again, but others stand on it .*view mine"
    ):
        derived.ensure_tables(shop_db, shop.catalog)


def test_a_dropped_function_comes_back(shop: Shop, shop_db: Database) -> None:
    shop.write("functions/twice.sql", TWICE)
    derived.ensure_tables(shop_db, shop.catalog)
    run(shop_db, "drop function analytics.twice")
    assert derived.ensure_tables(shop_db, shop.catalog) == [Change("analytics.twice", "created")]


def test_a_table_of_facts_is_created_from_its_file_like_one_of_python(shop: Shop, shop_db: Database) -> None:
    shop.write(
        "staging/order_facts.sql",
        "-- One row per order, kept.\n-- kind: facts\n-- owner: team:data\n-- lineage: order_id: public.orders id\n"
        "create table staging.order_facts (\n    order_id bigint primary key  -- The order.\n)",
    )
    facts = shop.catalog.table("order_facts")
    assert (facts.kind, facts.grain, facts.upstream) == ("facts", ("order_id",), ("public.orders",))
    assert derived.ensure_tables(shop_db, shop.catalog) == [Change("staging.order_facts", "created")]


def test_what_no_longer_fills_a_column_is_not_stopped_by_it(shop: Shop, shop_db: Database) -> None:
    head = "-- One row per model.\n-- kind: python\n-- owner: team:data\ncreate table pipeline.models (\n    version text primary key"
    shop.write("preferences/models.sql", head + ",  -- Its name.\n    loss float8 not null  -- Loss.\n)")
    derived.ensure_tables(shop_db, shop.catalog)
    shop.write("preferences/models.sql", head + "  -- Its name.\n)")
    derived.ensure_tables(shop_db, shop.catalog)
    run(shop_db, "insert into pipeline.models (version) values ('a')")


def test_nothing_is_granted_to_clients(shop_db: Database) -> None:
    with shop_db.begin() as connection:
        granted = query(
            connection,
            """select r.rolname, n.nspname from pg_roles r cross join pg_namespace n
               where r.rolname in ('anon', 'authenticated') and n.nspname in ('staging', 'analytics', 'pipeline')
                 and has_schema_privilege(r.oid, n.oid, 'usage')""",
        )
    assert granted == []
