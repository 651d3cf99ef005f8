"""Breaks the demo on purpose, so that one sees what notices: one entry in BREAKS for each, with what undoes it exactly. What was
done is remembered in demo.broken, in the transaction that does it. Undoing leaves updated_at at the time of the undoing: whoever
looks for changed rows must find that these changed again."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from psycopg import sql

from aclue_pipeline.errors import NothingFound, RowsExist
from aclue_pipeline.postgres import Database, query, script
from aclue_pipeline.settings import get_settings

REPEATED: Final = 25  # clicks that are delivered twice


@dataclass(frozen=True)
class Broken:
    """What was done, and the days whose published numbers it moves."""

    what: str
    says: str
    days: tuple[date, ...] = ()


class Break(NamedTuple):
    """`do` returns what it did and what undoing needs (JSON); `undo` takes that."""

    do: Callable[[sa.Connection], tuple[Broken, dict[str, Any]]]
    undo: Callable[[sa.Connection, dict[str, Any]], object]


def break_(db: Database, what: str) -> Broken:
    """Break one thing of BREAKS, in one transaction.

    Raises NothingFound for another name or where the demo has no row to break, RowsExist where it is broken already.
    """
    if what not in BREAKS:
        raise NothingFound(f"there is no break {what}; there are {', '.join(BREAKS)}")
    with db.begin() as connection:
        if not _is_loaded(connection):
            raise NothingFound("the demo is not loaded here; run aclue demo first")
        query(connection, "lock table demo.broken in share row exclusive mode")
        if what in broken(connection):
            raise RowsExist(f"{what} is broken already; run aclue demo reset first")
        done, undo = BREAKS[what].do(connection)
        remember = "insert into demo.broken (what, undo) values (:what, cast(:undo as jsonb))"
        query(connection, remember, what=what, undo=json.dumps(undo, default=str))
    return done


def broken(connection: sa.Connection) -> list[str]:
    """What is broken on purpose now, oldest first."""
    if not _is_loaded(connection):
        return []
    return [row["what"] for row in query(connection, "select what from demo.broken order by broken_at, what")]


def reset(db: Database) -> list[str]:
    """Undo every break, the last first, in one transaction; their names, [] where nothing was broken."""
    with db.begin() as connection:
        rows = (
            query(connection, "delete from demo.broken returning what, undo, broken_at")
            if _is_loaded(connection)
            else []
        )
        rows.sort(key=lambda row: row["broken_at"], reverse=True)
        for row in rows:
            BREAKS[row["what"]].undo(connection, row["undo"])
    return [row["what"] for row in rows]


def _is_loaded(connection: sa.Connection) -> bool:
    return bool(query(connection, "select to_regclass('demo.broken') is not null as there")[0]["there"])


# --- policy -----------------------------------------------------------------------------------------------------------


def _read_policy(connection: sa.Connection) -> Any:
    """Name and condition of affiliate_clicks' read policy, every name in it with its schema; None where there is none."""
    query(connection, "set local search_path = ''")
    policies = query(
        connection,
        """select polname as name, pg_get_expr(polqual, polrelid) as condition from pg_policy
           where polrelid = 'public.affiliate_clicks'::regclass and polcmd = 'r' order by polname limit 1""",
    )
    return policies[0] if policies else None


def _open_policy(connection: sa.Connection) -> tuple[Broken, dict[str, Any]]:
    policy = _read_policy(connection)
    if policy is None:
        raise NothingFound("affiliate_clicks has no read policy to break; run aclue --demo deploy first")
    _alter_policy(connection, policy["name"], f"({policy['condition']}) or user_id is null")
    says = f"policy {policy['name']}: every signed-in user now reads all anonymous visitors' clicks"
    return Broken("policy", says), dict(policy)


def _close_policy(connection: sa.Connection, undo: dict[str, Any]) -> None:
    policy = _read_policy(connection)
    # Deploying has perhaps put it right already.
    if policy is not None and policy["name"] == undo["name"] and policy["condition"] != undo["condition"]:
        _alter_policy(connection, undo["name"], undo["condition"])


def _alter_policy(connection: sa.Connection, name: str, condition: str) -> None:
    # The condition is the catalogue's own text, which no parameter can carry.
    statement = sql.SQL("alter policy {} on public.affiliate_clicks using ({})")
    script(connection, statement.format(sql.Identifier(name), sql.SQL(condition)).as_string())


# --- clicks -----------------------------------------------------------------------------------------------------------


def _plain(connection: sa.Connection, since: int, until: int, how_many: int) -> list[str]:
    """Clicks of members, so many days ago, that repeat nothing, are repeated by nothing and earned nothing so far."""
    rows = query(
        connection,
        """
        select c.id::text as id from public.affiliate_clicks as c
        where c.user_id is not null and not c.is_converted and c.conversion_timestamp is null and c.expected_commission > 0
            and c.click_timestamp >= date_trunc('day', now(), :zone) - make_interval(days => :since)
            and c.click_timestamp < date_trunc('day', now(), :zone) - make_interval(days => :until)
            and not exists (
                select from public.affiliate_clicks as o
                where o.product_id = c.product_id and o.id <> c.id
                    and o.click_timestamp between c.click_timestamp - interval '10 seconds' and c.click_timestamp + interval '10 seconds')
        order by md5(c.id::text) limit :how_many""",
        zone=get_settings().timezone, since=since, until=until, how_many=how_many,
    )  # fmt: skip
    if not rows:
        raise NothingFound(f"there is no click of the last {since} days to break; run aclue demo load first")
    return [row["id"] for row in rows]


def _repeat_clicks(connection: sa.Connection) -> tuple[Broken, dict[str, Any]]:
    """As an import does that brings times of its own: only a sync that looks at every row finds them."""
    rows = query(
        connection,
        """
        insert into public.affiliate_clicks (
            user_id, anonymous_id, product_id, session_id, click_timestamp, source_page, device_type, affiliate_network, affiliate_url,
            commission_rate, expected_commission, user_agent, ip_address, referrer_url, utm_source, utm_medium, utm_campaign,
            created_at, updated_at)
        select
            user_id, anonymous_id, product_id, session_id, click_timestamp + interval '1 second', source_page, device_type,
            affiliate_network, affiliate_url, commission_rate, expected_commission, user_agent, ip_address, referrer_url,
            utm_source, utm_medium, utm_campaign, click_timestamp + interval '1 second', click_timestamp + interval '1 second'
        from public.affiliate_clicks where id = any(cast(:ids as uuid[])) returning id""",
        ids=_plain(connection, 14, 1, REPEATED),
    )
    says = f"{len(rows)} clicks of the last 14 days were delivered again, one second later"
    return Broken("duplicate-clicks", says), {"ids": [row["id"] for row in rows]}


def _convert_late(connection: sa.Connection) -> tuple[Broken, dict[str, Any]]:
    """Lets one click convert five days after it was made."""
    [click] = query(
        connection,
        """
        update public.affiliate_clicks
        set is_converted = true, conversion_timestamp = click_timestamp + interval '5 days',
            actual_commission = expected_commission, order_id = 'LATE-' || upper(left(id::text, 8))
        where id = any(cast(:ids as uuid[]))
        returning id, actual_commission, (click_timestamp at time zone :zone)::date as clicked,
            (conversion_timestamp at time zone :zone)::date as converted""",
        ids=_plain(connection, 21, 6, 1), zone=get_settings().timezone,
    )  # fmt: skip
    days = (click["clicked"], click["converted"])
    says = f"the click {click['id']} of {days[0]} converted on {days[1]} and earned {click['actual_commission']} GBP"
    return Broken("late-conversion", says, days), {"id": click["id"]}


def _take_back_clicks(connection: sa.Connection, undo: dict[str, Any]) -> None:
    query(connection, "delete from public.affiliate_clicks where id = any(cast(:ids as uuid[]))", ids=undo["ids"])


def _take_back_conversion(connection: sa.Connection, undo: dict[str, Any]) -> None:
    query(
        connection,
        """update public.affiliate_clicks
           set is_converted = false, conversion_timestamp = null, actual_commission = null, order_id = null where id = cast(:id as uuid)""",
        id=undo["id"],
    )


BREAKS: Final = {
    "policy": Break(_open_policy, _close_policy),
    "duplicate-clicks": Break(_repeat_clicks, _take_back_clicks),
    "late-conversion": Break(_convert_late, _take_back_conversion),
}
