"""Breaks the demo on purpose, so that one sees what notices: one entry in BREAKS for each, with what undoes it exactly. What was
done is remembered in demo.broken, in the transaction that does it. Undoing leaves updated_at at the time of the undoing: whoever
looks for changed rows must find that these changed again."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

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


@dataclass(frozen=True)
class Break:
    """`do` returns what it did and what undoing needs (JSON); `undo` takes that."""

    says: str
    do: Callable[["sa.Connection"], tuple[Broken, dict[str, Any]]]
    undo: Callable[["sa.Connection", dict[str, Any]], None]


def break_(db: Database, what: str) -> Broken:
    """Break one thing of BREAKS, in one transaction.

    Raises NothingFound for another name or where the demo has no row to break, RowsExist where it is broken already.
    """
    if what not in BREAKS:
        raise NothingFound(f"there is no break {what}; there are {', '.join(BREAKS)}")
    with db.begin() as connection:
        if not query(connection, "select to_regclass('demo.broken') is not null as there")[0]["there"]:
            raise NothingFound("the demo is not loaded here; run aclue demo first")
        query(connection, "lock table demo.broken in share row exclusive mode")
        if query(connection, "select from demo.broken where what = :what", what=what):
            raise RowsExist(f"{what} is broken already; run aclue demo reset first")
        done, undo = BREAKS[what].do(connection)
        query(
            connection,
            "insert into demo.broken (what, undo) values (:what, cast(:undo as jsonb))",
            what=what,
            undo=json.dumps(undo, default=str),
        )
    return done


def broken(connection: sa.Connection) -> list[str]:
    """What is broken on purpose now, oldest first."""
    if not query(connection, "select to_regclass('demo.broken') is not null as there")[0]["there"]:
        return []
    return [row["what"] for row in query(connection, "select what from demo.broken order by broken_at, what")]


def reset(db: Database) -> list[str]:
    """Undo every break, the last first, in one transaction; their names, [] where nothing was broken."""
    with db.begin() as connection:
        if not query(connection, "select to_regclass('demo.broken') is not null as there")[0]["there"]:
            return []
        rows = query(connection, "delete from demo.broken returning what, undo, broken_at")
        rows.sort(key=lambda row: row["broken_at"], reverse=True)
        for row in rows:
            BREAKS[row["what"]].undo(connection, row["undo"])
    return [row["what"] for row in rows]


# --- policy -----------------------------------------------------------------------------------------------------------

_READ_POLICY: Final = """
    select polname as name, pg_get_expr(polqual, polrelid) as condition from pg_policy
    where polrelid = 'public.affiliate_clicks'::regclass and polcmd = 'r' order by polname limit 1
"""


def _open_policy(connection: sa.Connection) -> tuple[Broken, dict[str, Any]]:
    query(connection, "set local search_path = ''")  # so that every name in the condition is given with its schema
    policies = query(connection, _READ_POLICY)
    if not policies:
        raise NothingFound("affiliate_clicks has no read policy to break; run aclue --demo deploy first")
    name, condition = policies[0]["name"], policies[0]["condition"]
    _alter_policy(connection, name, f"({condition}) or user_id is null")
    says = f"policy {name}: every signed-in user now reads all anonymous visitors' clicks"
    return Broken("policy", says), {"name": name, "condition": condition}


def _close_policy(connection: sa.Connection, undo: dict[str, Any]) -> None:
    query(connection, "set local search_path = ''")
    policies = query(connection, _READ_POLICY)
    # Deploying has perhaps mended it already.
    if policies and policies[0]["name"] == undo["name"] and policies[0]["condition"] != undo["condition"]:
        _alter_policy(connection, undo["name"], undo["condition"])


def _alter_policy(connection: sa.Connection, name: str, condition: str) -> None:
    # The condition is the catalogue's own text, which no parameter can carry.
    statement = sql.SQL("alter policy {} on public.affiliate_clicks using ({})").format(
        sql.Identifier(name), sql.SQL(condition)
    )
    script(connection, statement.as_string())


# --- duplicate-clicks -------------------------------------------------------------------------------------------------


def _repeat_clicks(connection: sa.Connection) -> tuple[Broken, dict[str, Any]]:
    """Delivers clicks again a second later that have nothing near them, so that they are kept and the repeats are not."""
    rows = query(
        connection,
        """
        insert into public.affiliate_clicks (
            user_id, anonymous_id, product_id, session_id, click_timestamp, source_page, device_type, affiliate_network, affiliate_url,
            commission_rate, expected_commission, user_agent, ip_address, referrer_url, utm_source, utm_medium, utm_campaign)
        select
            c.user_id, c.anonymous_id, c.product_id, c.session_id, c.click_timestamp + interval '1 second', c.source_page, c.device_type,
            c.affiliate_network, c.affiliate_url, c.commission_rate, c.expected_commission, c.user_agent, c.ip_address, c.referrer_url,
            c.utm_source, c.utm_medium, c.utm_campaign
        from public.affiliate_clicks as c
        join staging.clicks as s on s.click_id = c.id and s.verdict = 'valid'
        where c.click_timestamp >= :since and c.click_timestamp < :until
            and not exists (
                select from public.affiliate_clicks as o
                where o.product_id = c.product_id and o.id <> c.id
                    and o.click_timestamp between c.click_timestamp - interval '10 seconds' and c.click_timestamp + interval '10 seconds')
        order by md5(c.id::text)
        limit :how_many
        returning id
        """,
        how_many=REPEATED,
        **_trailing(14, 1),
    )
    if not rows:
        raise NothingFound("there is no click of the last 14 days to deliver twice; run aclue demo load first")
    says = f"{len(rows)} clicks of the last 14 days were delivered again, one second later"
    return Broken("duplicate-clicks", says), {"ids": [row["id"] for row in rows]}


def _take_back_clicks(connection: sa.Connection, undo: dict[str, Any]) -> None:
    query(connection, "delete from public.affiliate_clicks where id = any(cast(:ids as uuid[]))", ids=undo["ids"])


# --- late-conversion --------------------------------------------------------------------------------------------------

_LAG: Final = timedelta(days=5)


def _convert_late(connection: sa.Connection) -> tuple[Broken, dict[str, Any]]:
    """Lets one click that earned nothing so far convert five days after it was made, well within the trailing days."""
    rows = query(
        connection,
        """
        update public.affiliate_clicks as c
        set is_converted = true, conversion_timestamp = c.click_timestamp + :lag, actual_commission = c.expected_commission,
            order_id = 'LATE-' || upper(left(c.id::text, 8))
        from (
            select s.click_id from staging.clicks as s
            where s.verdict = 'valid' and not s.is_converted and s.conversion_timestamp is null and s.order_id is null
                and s.expected_commission > 0 and s.user_id is not null
                and s.click_timestamp >= :since and s.click_timestamp < :until
            order by md5(s.click_id::text)
            limit 1
        ) as chosen
        where c.id = chosen.click_id
        returning c.id, c.click_timestamp, c.conversion_timestamp, c.actual_commission
        """,
        lag=_LAG,
        **_trailing(min(21, get_settings().trailing_days), _LAG.days + 1),
    )
    if not rows:
        raise NothingFound("there is no open click of the last weeks to convert; run aclue demo load first")
    click = rows[0]
    days = tuple(_local_day(click[name]) for name in ("click_timestamp", "conversion_timestamp"))
    says = f"the click {click['id']} of {days[0]} converted on {days[1]} and earned {click['actual_commission']} GBP"
    return Broken("late-conversion", says, days), {"id": click["id"]}


def _take_back_conversion(connection: sa.Connection, undo: dict[str, Any]) -> None:
    query(
        connection,
        """update public.affiliate_clicks
           set is_converted = false, conversion_timestamp = null, actual_commission = null, order_id = null where id = cast(:id as uuid)""",
        id=undo["id"],
    )


def _trailing(since: int, until: int) -> dict[str, datetime]:
    """The instants `since` and `until` that open the reporting zone's days so many days ago."""
    zone = ZoneInfo(get_settings().timezone)
    today = datetime.now(zone).date()

    def opens(day: date) -> datetime:
        return datetime(day.year, day.month, day.day, tzinfo=zone)

    return {"since": opens(today - timedelta(days=since)), "until": opens(today - timedelta(days=until))}


def _local_day(moment: datetime) -> date:
    return moment.astimezone(ZoneInfo(get_settings().timezone)).date()


BREAKS: Final = {
    "policy": Break(
        "The read policy of affiliate_clicks shows ownerless rows to everybody signed in.", _open_policy, _close_policy
    ),
    "duplicate-clicks": Break("Clicks arrive twice within two seconds.", _repeat_clicks, _take_back_clicks),
    "late-conversion": Break("A click of the trailing days converts days later.", _convert_late, _take_back_conversion),
}
