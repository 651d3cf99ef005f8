"""Histories of a source: rows that come, change and go, told in steps, and syncs between them."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from psycopg.rows import dict_row

from aclue_pipeline.postgres import Pg

Row = dict[str, Any]
Step = tuple[Any, ...]

BEGIN = datetime(2026, 3, 28, 23, 59, 58, tzinfo=UTC)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
USERS = [uuid.UUID(int=n) for n in (1, 2)]
PRODUCTS = [uuid.UUID(int=10 + n) for n in range(2)]
VISITORS = [None, "", "a1", "a2"]
SESSIONS = ["s1", "s2", "s3"]
RECOMMENDATIONS = [uuid.UUID(int=20 + n) for n in range(3)]
SOURCES = {
    "recommendations": "public.recommendations",
    "feedback": "public.recommendation_feedback",
    "clicks": "public.affiliate_clicks",
    "sessions": "public.session_analytics",
    "views": "public.product_views",
    "products": "public.products",
    "users": "auth.users",
    "swipes": "public.swipe_interactions",
}
MEMORY = (
    "staging.click_facts, staging.session_facts, staging.person_facts, staging.product_facts, pipeline.person_numbers, "
    "pipeline.session_numbers, pipeline.dirty, pipeline.days, pipeline.source_days, pipeline.syncs"
)

_times = st.one_of(
    st.none(),
    st.builds(
        lambda halves, off: BEGIN + timedelta(milliseconds=500 * halves, microseconds=off),
        st.integers(-4, 10),
        st.sampled_from([0, 0, 0, 1, -1]),
    ),
    st.builds(lambda minutes: BEGIN + timedelta(minutes=minutes), st.integers(-6, 40)),
    st.builds(lambda days: BEGIN + timedelta(days=days), st.integers(-2, 2)),
    st.sampled_from(
        [datetime(1999, 12, 31, tzinfo=UTC), datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)]
    ),
)
_users = st.sampled_from([None, None, *USERS])
_visitors = st.sampled_from(VISITORS)
_sessions = st.sampled_from(SESSIONS)
_products = st.sampled_from([None, *PRODUCTS, PRODUCTS[0]])
_agents = st.sampled_from(
    [
        None,
        "",
        "Mozilla/5.0 (X11)",
        "Mozilla/5.0 (X11)",
        "okhttp/4.12 (+https://bot.example)",
        "Googlebot/2.1",
        "curl/8.5",
    ]
)
_amounts = st.one_of(st.none(), st.sampled_from(["0", "1.10", "2.20", "NaN"]))
_devices = st.sampled_from([None, "mobile", "tablet"])
_which = st.integers(0, 5)
_old = st.sampled_from([False, False, False, True])

_CLICK = st.fixed_dictionaries(
    {
        "id": st.uuids(),
        "user_id": _users,
        "anonymous_id": _visitors,
        "session_id": _sessions,
        "product_id": _products,
        "click_timestamp": _times,
        "user_agent": _agents,
        "device_type": _devices,
        "source_page": st.sampled_from(["search", "", "é" * 150]),
        "is_converted": st.sampled_from([None, False, False, True]),
        "conversion_timestamp": _times,
        "actual_commission": _amounts,
        "expected_commission": _amounts,
        "order_id": st.sampled_from([None, "", "o1", "o2"]),
    }
)
_SESSION = st.fixed_dictionaries(
    {
        "id": st.uuids(),
        "session_id": _sessions,
        "user_id": _users,
        "anonymous_id": _visitors,
        "started_at": _times,
        "last_activity_at": _times,
        "duration_seconds": st.sampled_from([None, 0, 5, 100_000]),
        "products_viewed": st.sampled_from([None, 0, 3]),
        "has_registered": st.sampled_from([None, False, True]),
        "registration_timestamp": _times,
        "landing_page": st.sampled_from(["/", "https://shop.example/gifts?x=1#y", ""]),
        "device_type": _devices,
        "utm_source": st.sampled_from([None, "news"]),
    }
)
_VIEW = st.fixed_dictionaries(
    {
        "id": st.uuids(),
        "session_id": _sessions,
        "product_id": st.sampled_from(PRODUCTS),
        "user_id": st.sampled_from([None, None, None, USERS[0]]),
        "view_timestamp": _times,
        "device_type": _devices,
        "interaction_type": st.sampled_from(["impression", "detail_view"]),
        "recommendation_id": st.sampled_from([None, *RECOMMENDATIONS]),
    }
)

_RECOMMENDATION = st.fixed_dictionaries(
    {
        "id": st.sampled_from(RECOMMENDATIONS),
        "user_id": st.sampled_from([None, *USERS]),
        "product_id": st.sampled_from(PRODUCTS),
        "created_at": _times,
        "algorithm_version": st.sampled_from([None, "v1"]),
        "confidence_score": st.sampled_from([None, "0.5", "0.75"]),
    }
)
_REACTION = st.fixed_dictionaries(
    {
        "id": st.uuids(),
        "recommendation_id": st.sampled_from(RECOMMENDATIONS),
        "user_id": st.sampled_from(USERS),
        "product_id": st.sampled_from(PRODUCTS),
        "feedback_value": st.sampled_from(["-1", "0.5"]),
        "model_version": st.just("v1"),
    }
)

_SWIPE = st.fixed_dictionaries(
    {
        "id": st.uuids(),
        "user_id": st.sampled_from(USERS),
        "swipe_direction": st.sampled_from(["left", "right"]),
        "swipe_timestamp": _times,
    }
)

#: What happens in any shop; told in whatever pieces, the facts end as if told at once.
COMES = [
    st.tuples(st.just("click"), _CLICK, _old),
    st.tuples(st.just("session"), _SESSION, _old),
    st.tuples(st.just("view"), _VIEW, _old),
    st.tuples(st.just("convert"), _which, _amounts, _times),
    st.tuples(st.just("reverse"), _which),
    st.tuples(st.just("amount"), _which, _amounts, _amounts),
    st.tuples(st.just("correct"), _which, st.sampled_from(["search", "discover"]), _devices),
    st.tuples(st.just("sign in"), _sessions, st.sampled_from(USERS)),
    st.tuples(st.just("register"), _sessions, _times),
    st.tuples(st.just("restart"), _sessions, _times),
    st.tuples(st.just("last"), _sessions, _times),
    st.tuples(st.just("tell"), _sessions, st.sampled_from([None, 0, 2]), st.sampled_from([None, False, True])),
]

#: What takes something away, or says it otherwise: the facts remember.
GOES = [
    st.tuples(st.just("delete click"), _which),
    st.tuples(st.just("delete view"), _which),
    st.tuples(st.just("delete session"), _sessions),
    st.tuples(st.just("delete product"), st.sampled_from(PRODUCTS)),
    st.tuples(st.just("delete account"), st.sampled_from(USERS)),
    st.tuples(st.just("product"), st.sampled_from(PRODUCTS), st.sampled_from(["GBP", " eur", None])),
    st.tuples(st.just("currency"), st.sampled_from(PRODUCTS), st.sampled_from(["USD", None])),
    st.tuples(st.just("erase"), st.sampled_from(["a1", "a2"])),
    st.tuples(st.just("retime"), _which, _times),
    st.tuples(st.just("move"), _which, _products),
    st.tuples(st.just("agent"), _which, _agents),
    st.tuples(st.just("new rules")),
]

#: What happens to events of which no fact is kept.
UNKEPT = [
    st.tuples(st.just("swipe"), _SWIPE, st.just(False)),
    st.tuples(st.just("flag"), _which),
    st.tuples(st.just("turn"), _which),
    st.tuples(st.just("save"), _which),
    st.tuples(st.just("recommendation"), _RECOMMENDATION, st.just(False)),
    st.tuples(st.just("recommendation"), _RECOMMENDATION, st.just(False)),
    st.tuples(st.just("reaction"), _REACTION, st.just(False)),
    st.tuples(st.just("follow"), _which),
    st.tuples(st.just("doubt"), _which),
    st.tuples(st.just("delete recommendation"), _which),
    st.tuples(st.just("delete reaction"), _which),
]

SYNC = st.tuples(st.just("sync"), st.booleans())


def histories(*steps: st.SearchStrategy[Step]) -> st.SearchStrategy[list[Step]]:
    return st.lists(st.one_of(*COMES[:3], *COMES[:1], *steps, *[SYNC] * 5), min_size=8, max_size=30)


def begin(pg: Pg) -> None:
    """An empty source with its users and products, and no memory of anything."""
    pg.execute(f"truncate {', '.join(SOURCES.values())}, {MEMORY} cascade")
    for user in USERS:
        pg.execute("insert into auth.users (id) values (%s)", [user])
    for product, currency in zip(PRODUCTS, ("GBP", " eur"), strict=True):
        pg.execute("insert into public.products (id, title, currency) values (%s, 'a thing', %s)", [product, currency])


def source(pg: Pg) -> Mapping[str, list[Row]]:
    with pg.cursor(row_factory=dict_row) as cursor:
        tables = SOURCES | {"erasures": "pipeline.erasures"}
        return {name: cursor.execute(f"select * from {table}").fetchall() for name, table in tables.items()}


def happen(pg: Pg, step: Step) -> None:
    """Do what the step says, as the app or its server would, if there is anything to do it to."""
    what, *said = step
    if what in _ROWS:
        _insert(pg, what, dict(said[0]), said[1])
    elif what in _ON_CLICK:
        ids = pg.execute("select id from public.affiliate_clicks order by id").fetchall()
        if ids:
            pg.execute(_ON_CLICK[what], [*said[1:], *ids[said[0] % len(ids)]])
    elif what in _ON_OTHERS:
        table, statement = _ON_OTHERS[what]
        ids = pg.execute(f"select id from public.{table} order by id").fetchall()
        if ids:
            pg.execute(statement.format(table), ids[said[0] % len(ids)])
    elif what == "erase":
        token = f"erased-{said[0]}"
        pg.execute(_ERASE_CLICKS, [token, said[0]])
        pg.execute(
            "update public.session_analytics set anonymous_id = %s where anonymous_id = %s and user_id is null",
            [token, said[0]],
        )
    elif what == "product":
        pg.execute(
            "insert into public.products (id, title, currency) values (%s, 'a thing', %s) on conflict do nothing", said
        )
    elif what == "new rules":
        pg.execute("update staging.click_facts set rule_version = 'old'")
    else:
        pg.execute(_BY_NAME[what], said[::-1])


def _insert(pg: Pg, what: str, row: Row, is_old: bool) -> None:
    table, clock = _ROWS[what]
    if what == "click":
        row |= {"affiliate_network": "awin", "affiliate_url": "https://shop.example/"}
    there = {
        one
        for (one,) in pg.execute(
            "select id from auth.users union all select id from public.products union all select id from public.recommendations"
        ).fetchall()
    }
    row["user_id"] = row["user_id"] if row["user_id"] in there else None
    if "product_id" in row and row["product_id"] is not None and row["product_id"] not in there:
        return
    if "recommendation_id" in row and row["recommendation_id"] not in there:
        row["recommendation_id"] = None
    if what == "reaction" and None in row.values():
        return
    if is_old:
        row[clock] = LONG_AGO
    values = ", ".join(["%s"] * len(row))
    pg.execute(
        f"insert into public.{table} ({', '.join(row)}) values ({values}) on conflict do nothing", list(row.values())
    )


_ROWS = {
    "click": ("affiliate_clicks", "updated_at"),
    "session": ("session_analytics", "updated_at"),
    "view": ("product_views", "created_at"),
    "swipe": ("swipe_interactions", "swipe_timestamp"),
    "recommendation": ("recommendations", "created_at"),
    "reaction": ("recommendation_feedback", "created_at"),
}
_ON_OTHERS = {
    "delete view": ("product_views", "delete from public.{} where id = %s"),
    "flag": ("product_views", "update public.{} set has_clicked_affiliate = not has_clicked_affiliate where id = %s"),
    "save": ("product_views", "update public.{} set has_saved = not has_saved where id = %s"),
    "follow": ("recommendations", "update public.{} set is_clicked = not is_clicked where id = %s"),
    "doubt": (
        "recommendation_feedback",
        "update public.{} set is_validated = not is_validated where id = %s",
    ),
    "delete recommendation": ("recommendations", "delete from public.{} where id = %s"),
    "delete reaction": ("recommendation_feedback", "delete from public.{} where id = %s"),
    "turn": ("swipe_interactions", "update public.{} set swipe_direction = 'up' where id = %s"),
}
_ON_CLICK = {
    "convert": "update public.affiliate_clicks set is_converted = true, actual_commission = %s, conversion_timestamp = %s where id = %s",
    "reverse": "update public.affiliate_clicks set is_converted = false, actual_commission = 0 where id = %s",
    "amount": "update public.affiliate_clicks set actual_commission = %s, expected_commission = %s where id = %s",
    "correct": "update public.affiliate_clicks set source_page = %s, device_type = %s where id = %s",
    "move": "update public.affiliate_clicks set product_id = (select id from public.products where id = %s) where id = %s",
    "delete click": "delete from public.affiliate_clicks where id = %s",
    "retime": "update public.affiliate_clicks set click_timestamp = %s where id = %s",
    "agent": "update public.affiliate_clicks set user_agent = %s where id = %s",
}
_BY_NAME = {
    "sign in": "update public.session_analytics set user_id = (select id from auth.users where id = %s)"
    " where session_id = %s and user_id is null",
    "register": "update public.session_analytics set has_registered = true, registration_timestamp = %s where session_id = %s",
    "restart": "update public.session_analytics set started_at = %s where session_id = %s",
    "last": "update public.session_analytics set last_activity_at = %s where session_id = %s",
    "tell": "update public.session_analytics set is_bounce = %s, affiliate_clicks = %s where session_id = %s",
    "delete session": "delete from public.session_analytics where session_id = %s",
    "delete product": "delete from public.products where id = %s",
    "delete account": "delete from auth.users where id = %s",
    "currency": "update public.products set currency = %s where id = %s",
}
_ERASE_CLICKS = """
update public.affiliate_clicks
set anonymous_id = %s, order_id = null,
    user_agent = case when user_agent ~ '^(Google|curl|erased bot)' then 'erased bot' else 'erased' end
where anonymous_id = %s and user_id is null
"""


def facts(pg: Pg) -> Mapping[str, Mapping[Any, Row]]:
    """The facts as they are, sessions by their names."""
    with pg.cursor(row_factory=dict_row) as cursor:
        clicks = cursor.execute(
            """select f.*, n.session_key as session, f.gone_at is not null as is_gone, f.machine_pattern is not null as is_machine,
                   f.reported_at is not null as is_reported, p.first_here_at
               from staging.click_facts f left join pipeline.session_numbers n using (session_number)
               left join staging.person_facts p using (person_number)"""
        ).fetchall()
        sessions = cursor.execute(
            """select s.*, n.session_key as session, s.gone_at is not null as is_gone, p.first_here_at
               from staging.session_facts s left join pipeline.session_numbers n using (session_number)
               left join staging.person_facts p using (person_number)"""
        ).fetchall()
        products = cursor.execute("select *, gone_at is not null as is_gone from staging.product_facts").fetchall()
    return {
        "clicks": {row["click_id"]: row for row in clicks},
        "sessions": {row["session"]: row for row in sessions},
        "products": {row["product_id"]: row for row in products},
    }


def partition(facts: Mapping[str, Mapping[Any, Row]], column: str) -> dict[tuple[str, str], Any]:
    """Every click and session with the first of those that share its number in the column: numbers are random."""
    members: dict[Any, list[tuple[str, str]]] = {}
    for kind in ("clicks", "sessions"):
        for name, row in facts[kind].items():
            members.setdefault(row[column], []).append((kind, str(name)))
    first = {number: None if number is None else min(of) for number, of in members.items()}
    return {one: first[number] for number, of in members.items() for one in of}


def comparable(facts: Mapping[str, Mapping[Any, Row]]) -> dict[str, Any]:
    """What must be equal however the same came about: all but numbers, times of syncing, and by which pattern a machine was known."""
    told = {
        kind: {
            name: {column: value for column, value in row.items() if column not in _BY_CHANCE}
            for name, row in rows.items()
        }
        for kind, rows in facts.items()
    }
    return (
        told
        | {column: partition(facts, column) for column in ("identity_number", "person_number")}
        | {"orders": {name: row["order_key"] for name, row in facts["clicks"].items()}}
    )


_BY_CHANCE = {
    *("session_number", "identity_number", "person_number", "machine_pattern", "rule_version"),
    *("first_seen_at", "changed_at", "gone_at", "source_updated_at", "reported_at", "is_reported"),
}


def remembered(memory: Any) -> dict[str, Any]:
    """The oracle's memory, told as `comparable` tells facts; orders are compared by who shares one."""
    clicks = {name: _renamed(row, _CLICK_COLUMNS) for name, row in memory.clicks.items()}
    sessions = {name: _renamed(row, {}) for name, row in memory.sessions.items()}
    first = _first_here([*clicks.values(), *sessions.values()])
    for row in (*clicks.values(), *sessions.values()):
        row["first_here_at"] = first.get(row["person_number"])
    return {"clicks": clicks, "sessions": sessions, "products": memory.products}


def _first_here(rows: list[Row]) -> dict[Any, datetime]:
    """Person → the earliest session or click that is no machine's."""
    first: dict[Any, datetime] = {}
    for row in rows:
        at = row["landed_at"] if "landed_at" in row else row["clicked_at"]
        if at is not None and not row["is_machine"] and row["person_number"] is not None:
            first[row["person_number"]] = min(at, first.get(row["person_number"], at))
    return first


def _renamed(row: Row, names: Mapping[str, str]) -> Row:
    names = {"person": "person_number", "identity": "identity_number", **names}
    return {names.get(column, column): value for column, value in row.items()}


_CLICK_COLUMNS = {"kept": "kept_click_id", "order": "order_key"}


def differences(found: Mapping[str, Mapping[Any, Row]], memory: Any) -> list[str]:
    """Where the facts and the oracle's memory do not agree."""
    wanted = remembered(memory)
    told = []
    for kind, rows in wanted.items():
        if rows.keys() != found[kind].keys():
            told.append(f"{kind}: {rows.keys() ^ found[kind].keys()}")
            continue
        for name, row in rows.items():
            for column, value in row.items():
                if (
                    column not in ("order_key", "identity_number", "person_number")
                    and found[kind][name][column] != value
                ):
                    told.append(f"{kind} {name} {column}: {found[kind][name][column]}, not {value}")
    if not told:
        for column in ("identity_number", "person_number"):
            ours, theirs = partition(found, column), partition(wanted, column)
            told += [
                f"{column} of {one}: like {ours[one]}, not like {theirs[one]}"
                for one in ours
                if ours[one] != theirs[one]
            ]
        keys = {(row["order_key"], found["clicks"][name]["order_key"]) for name, row in wanted["clicks"].items()}
        if len(keys) != len({one for one, _ in keys}) or len(keys) != len({other for _, other in keys}):
            told.append(f"orders: {keys}")
    return told
