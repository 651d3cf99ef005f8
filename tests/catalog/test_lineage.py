"""Column lineage, one way of writing SQL a test: direct sources, and those of filters, joins and groups."""

from pathlib import Path

import pytest
import sqlglot

from aclue_pipeline.catalog import basis, lineage, resolve
from aclue_pipeline.catalog.relation import Pair
from aclue_pipeline.catalog.table import Column, Table
from aclue_pipeline.errors import NothingFound, SqlFileError
from tests.support.shop import Shop


def known(key: str, grain: str, columns: str) -> Table:
    schema, name = key.split(".")
    return Table(
        key, schema, name, "app", "app", "", Path(), "", (grain,), tuple(Column(c, "") for c in columns.split())
    )


TABLES = {t.key: t for t in (known("public.a", "id", "id x y t j"), known("public.b", "id", "id a_id z w t"))}


def rests(select: str) -> dict[str, str]:
    """Column → "direct sources | indirect sources" of a SELECT over a(id x y t j) and b(id a_id z w t)."""
    found = basis.of_query(sqlglot.parse_one(select, dialect="postgres"), TABLES)

    def shown(pairs: frozenset[Pair]) -> str:
        return " ".join(sorted(f"{table.removeprefix('public.')}.{column}" for table, column in pairs))

    return {
        name: f"{shown(b.direct)} | {shown((b.indirect | found.rows) - b.direct)}".strip()
        for name, b in found.columns.items()
    }


@pytest.mark.parametrize(
    ("select", "column", "expected"),
    [
        # values
        ("select x as c from public.a", "c", "a.x |"),
        ("select a.x + a.y * 2 as c from public.a", "c", "a.x a.y |"),
        ("select sum(x)::numeric / nullif(sum(y), 0) as c from public.a", "c", "a.x a.y |"),
        ("select (t at time zone :zone)::date as c from public.a", "c", "a.t |"),
        ("select 'x' as c from public.a where y > 1", "c", "| a.y"),
        # rows
        ("select x as c from public.a where y > 1 and t is not null", "c", "a.x | a.t a.y"),
        ("select x as c from public.a group by x, y having max(t) > now()", "c", "a.x | a.t a.y"),
        ("select a.x as c, b.z as d from public.a a join public.b b on b.a_id = a.id", "d", "b.z | a.id b.a_id"),
        ("select a.x as c from public.a a left join public.b b using (id)", "c", "a.x | a.id b.id"),
        ("select x as c from public.a order by y", "c", "a.x |"),
        ("select x as c from public.a order by y limit 1", "c", "a.x | a.y"),
        ("select distinct on (y) x as c from public.a order by y, t", "c", "a.x | a.t a.y"),
        ("select t::date as d, sum(x) as c from public.a group by d", "c", "a.x | a.t"),
        ("select t::date as d, sum(x) as c from public.a group by 1", "d", "a.t |"),
        # one row at most: it neither takes nor adds rows
        ("select a.x as c from public.a left join public.b on b.id = a.y", "c", "a.x |"),
        ("select b.z as c from public.a left join public.b on b.id = a.y and b.w > 0", "c", "b.z | a.y b.id b.w"),
        ("select b is null as c from public.a left join public.b on b.id is not distinct from a.y", "c", "b.id | a.y"),
        ("select a.x as c from public.a left join public.b on b.a_id = a.id", "c", "a.x | a.id b.a_id"),
        ("select a.x as c from public.a join public.b on b.id = a.y", "c", "a.x | a.y b.id"),
        ("select a.x as c from public.a left join (select a_id, max(z) from public.b group by 1) m on m.a_id = a.id", "c", "a.x |"),
        ("select a.x as c from public.a left join (select distinct on (w) w as v from public.b order by w) m on m.v = a.y", "c", "a.x |"),
        ("select m.z as c from public.a left join (select *, 1 as n from public.b where w > 0) m on m.id = a.y", "c", "b.z | a.y b.id b.w"),
        ("select a.x as c from public.a left join lateral (select z from public.b where w = a.y limit 1) m on true", "c", "a.x |"),
        ("select a.x as c from public.a, (select max(z) as z from public.b where w > 0) as m", "c", "a.x |"),
        ("select a.x as c from public.a, (select max(z) as z from public.b where w > 0) as m where m.z > 1", "c", "a.x | b.w b.z"),
        # by which nothing is unique
        (
            "select a.x as c from public.a left join (select a_id from public.b group by a_id, rollup(w)) m on m.a_id = a.id",
            "c",
            "a.x | a.id b.a_id b.w",
        ),
        (
            "select a.x as c from public.a"
            " left join (select a_id from public.b group by a_id, grouping sets ((w), ())) m on m.a_id = a.id",
            "c",
            "a.x | a.id b.a_id b.w",
        ),
        # what splits rows decides how often they are there
        ("select m.d as c from (select x as d, y from public.a group by 1, 2) m group by 1", "c", "a.x |"),
        ("select sum(m.n) as c from (select x, sum(t) as n from public.a group by x, y) m group by m.x", "c", "a.t | a.x a.y"),
        ("select max(a.x) as c from public.a left join public.b on b.a_id = a.id group by a.y", "c", "a.x | a.y"),
        ("select sum(a.x) as c from public.a left join public.b on b.a_id = a.id group by a.y", "c", "a.x | a.id a.y b.a_id"),
        # conditions
        ("select case when x > 1 then y else 0 end as c from public.a", "c", "a.y | a.x"),
        ("select case when x > 1 then 'much' else 'little' end as c from public.a", "c", "a.x |"),
        ("select sum(x) filter (where y) as c from public.a", "c", "a.x | a.y"),
        ("select row_number() over (partition by x order by y) as c from public.a", "c", "a.x a.y |"),
        ("select sum(x) over w as c from public.a window w as (partition by y)", "c", "a.x | a.y"),
        ("select array_agg(x order by y) as c from public.a", "c", "a.x | a.y"),
        ("select percentile_cont(0.5) within group (order by x) as c from public.a", "c", "a.x |"),
        # counting
        ("select count(*) as c from public.a", "c", "a.id |"),
        ("select count(*) filter (where x) as c from public.a", "c", "a.id | a.x"),
        ("select count(x) as c, count(distinct y) as d from public.a", "d", "a.y |"),
        ("with g as (select x, max(y) as m from public.a group by x) select count(*) as c from g", "c", "a.x |"),
        ("select count(*) as c from (select id from public.a union all select id from public.b) u", "c", "a.id b.id |"),
        ("select exists (select from public.b b where b.a_id = a.id and b.z) as c from public.a a", "c", "b.id | a.id b.a_id b.z"),
        # through CTEs, subqueries, laterals, unions, functions
        ("with q as (select x as p from public.a where y) select p as c from q", "c", "a.x | a.y"),
        ("with q(p) as (select x from public.a), r as (select p from q) select r.p as c from r", "c", "a.x |"),
        ("select (select max(b.z) from public.b b where b.a_id = a.id) as c from public.a a", "c", "b.z | a.id b.a_id"),
        ("select l.m as c from public.a a cross join lateral (select max(z) as m from public.b b where b.t > a.t) l", "c", "b.z | a.t b.t"),
        ("select x as c from public.a union all select z from public.b where w", "c", "a.x b.z | b.w"),
        ("select a.x as c from public.a a where a.id in (select b.a_id from public.b b where b.w)", "c", "a.x | a.id b.a_id b.w"),
        ("select e.v as c from public.a a cross join lateral jsonb_each(a.j) as e (k, v)", "c", "a.j |"),
        ("select g as c from public.a a cross join generate_series(a.x, a.y) as g", "c", "a.x a.y |"),
        ("select u.tag as c from public.a a left join lateral unnest(a.j) with ordinality as u (tag, n) on true", "c", "a.j |"),
        ("select v.n as c from (values (1, 'a')) as v (n, s)", "c", "|"),
        ("select q.* from (select x as c from public.a) q", "c", "a.x |"),
        (
            "with recursive r as (select id, x from public.a union all select b.id, r.x from r join public.b b on b.a_id = r.id)"
            " select x as c, id as i from r",
            "i",
            "a.id b.id | b.a_id",
        ),
        # JSON of a whole row
        ("select (to_jsonb(a) ->> 'x')::numeric as c from public.a a", "c", "a.x |"),
        ("select to_jsonb(a) ->> 'nowhere' as c from public.a a", "c", "|"),
        ("select to_jsonb(a.*) -> 'j' ->> 'deep' as c from public.a a", "c", "a.j |"),
        ("select a is null as c from public.a a", "c", "a.id |"),
    ],
)  # fmt: skip
def test_what_a_column_rests_on(select: str, column: str, expected: str) -> None:
    assert rests(select)[column] == expected.strip()


def test_a_column_that_no_table_has_is_told(shop: Shop) -> None:
    shop.change("staging/orders.sql", "o.at as at", "o.when_it_came as at")
    with pytest.raises(
        SqlFileError, match=r"sql/staging/orders\.sql: none of its tables has the column o\.when_it_came"
    ):
        _ = shop.catalog


def test_results_of_python_rest_on_what_is_declared() -> None:
    profile = known("public.p", "who", "who likes colour version computed_at")
    told = resolve.with_declared(
        profile,
        "who: public.a id; likes: public.a x | public.b z; colour, version: ; *: | public.a t",
        TABLES,
    )
    assert {c.name: ([str(s) for s in c.direct], [str(s) for s in c.indirect]) for c in told.columns} == {
        "who": (["public.a.id"], ["public.a.t"]),
        "likes": (["public.a.x"], ["public.a.t", "public.b.z"]),
        "colour": ([], []),
        "version": ([], []),
        "computed_at": ([], []),
    }
    assert told.upstream == ("public.a", "public.b")


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ("who, nose: public.a id", r"its lineage names the column nose, which the table does not have"),
        ("who: public.a nose", r"its lineage names public\.a\.nose, which is no column"),
        ("who: public.c id", r"its lineage names public\.c\.id, which is no column"),
        ("*: public.a id", r"its lineage names all columns but who; say `who:` for nothing"),
    ],
)
def test_a_declaration_that_names_nothing_is_told(declared: str, message: str) -> None:
    with pytest.raises(SqlFileError, match=message):
        resolve.with_declared(known("public.p", "who", "who"), declared, TABLES)


def test_the_tree_leads_to_the_tables_of_the_app(shop: Shop) -> None:
    assert list(lineage.lines(lineage.tree(shop.catalog, "analytics.sales", "amount"))) == [
        "analytics.sales.amount",
        "├─ staging.orders.amount",
        "│  └─ public.orders.amount",
        "└─ filtered by staging.orders.at, staging.orders.shop",
    ]
    assert list(lineage.lines(lineage.tree(shop.catalog, "sales"))) == [
        "analytics.sales",
        "└─ staging.orders",
        "   └─ public.orders",
    ]
    assert lineage.tree(shop.catalog, "sales", "orders").as_dict()["from"][0]["from"][0] == {
        "table": "public.orders",
        "column": "id",
        "kind": "direct",
        "from": [],
    }


def test_who_uses_a_column_is_known(shop: Shop) -> None:
    assert [(str(s), s.kind) for s in lineage.used_by(shop.catalog, "staging.orders", "at")] == [
        ("analytics.sales.day", "direct"),
        ("analytics.sales.amount", "indirect"),
        ("analytics.sales.orders", "indirect"),
        ("analytics.sales.shop", "indirect"),
    ]


def test_an_unknown_name_is_answered_with_the_nearest(shop: Shop) -> None:
    with pytest.raises(NothingFound, match=r"no table amount, but columns of that name: .*analytics\.sales\.amount"):
        lineage.tree(shop.catalog, "amount")
    with pytest.raises(NothingFound, match=r"there is no table sals; did you mean sales\?"):
        lineage.tree(shop.catalog, "sals")
    with pytest.raises(NothingFound, match=r"analytics\.sales has no column amout; did you mean amount\?"):
        lineage.tree(shop.catalog, "sales", "amout")
