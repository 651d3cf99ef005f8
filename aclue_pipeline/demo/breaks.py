"""Breaks the demo on purpose, so that one sees what notices. What was done is remembered in demo.broken with the statement that undoes
it, in the transaction that does it. Undoing leaves updated_at at the time of the undoing: whoever looks for changed rows must find
that these changed again."""

from datetime import date
from typing import Final, NamedTuple

import sqlalchemy as sa
from psycopg import sql

from aclue_pipeline.derived.statement import is_there
from aclue_pipeline.errors import NothingFound, RowsExist
from aclue_pipeline.postgres import Database, driver, query, script
from aclue_pipeline.settings import get_settings

REPEATED: Final = 25  # clicks that are delivered twice


class Broken(NamedTuple):
    """What was done, the statement that undoes it, and the days whose published numbers it moves."""

    says: str
    undo: sql.Composed
    days: tuple[date, ...] = ()


def break_(db: Database, what: str) -> Broken:
    """Break one thing of BREAKS, in one transaction.

    Raises NothingFound where the demo has nothing to break, RowsExist where it is broken already.
    """
    with db.begin() as connection:
        if not is_there(driver(connection), "demo.broken"):
            raise NothingFound("the demo is not loaded here; run aclue demo first")
        query(connection, "lock table demo.broken in share row exclusive mode")
        if what in broken(connection):
            raise RowsExist(f"{what} is broken already; run aclue demo reset first")
        done = BREAKS[what](connection)
        remember = "insert into demo.broken (what, undo) values (:what, to_jsonb(cast(:undo as text)))"
        query(connection, remember, what=what, undo=done.undo.as_string())
    return done


def broken(connection: sa.Connection) -> list[str]:
    """What is broken on purpose now, oldest first."""
    if not is_there(driver(connection), "demo.broken"):
        return []
    return [row["what"] for row in query(connection, "select what from demo.broken order by broken_at, what")]


def reset(db: Database) -> list[str]:
    """Undo every break, the last first, in one transaction; their names, [] where nothing was broken."""
    with db.begin() as connection:
        if not is_there(driver(connection), "demo.broken"):
            return []
        rows = query(connection, "delete from demo.broken returning what, undo #>> '{}' as undo, broken_at")
        rows.sort(key=lambda row: row["broken_at"], reverse=True)
        for row in rows:
            script(connection, row["undo"])
    return [row["what"] for row in rows]


def _open_policy(connection: sa.Connection) -> Broken:
    query(connection, "set local search_path = ''")  # so that every name in the condition has its schema
    policies = query(
        connection,
        """select polname as name, pg_get_expr(polqual, polrelid) as condition from pg_policy
           where polrelid = 'public.affiliate_clicks'::regclass and polcmd = 'r' order by polname limit 1""",
    )
    if not policies:
        raise NothingFound("affiliate_clicks has no read policy to break; run aclue --demo deploy first")
    [policy] = policies

    def altered(condition: str) -> sql.Composed:
        # The condition is the catalogue's own text, which no parameter can carry.
        statement = sql.SQL("alter policy {} on public.affiliate_clicks using ({})")
        return statement.format(sql.Identifier(policy["name"]), sql.SQL(condition))

    script(connection, altered(f"({policy['condition']}) or user_id is null").as_string())
    says = f"policy {policy['name']}: every signed-in user now reads all anonymous visitors' clicks"
    return Broken(says, altered(policy["condition"]))


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


def _repeat_clicks(connection: sa.Connection) -> Broken:
    """As an import does that brings times of its own: only a sync that looks at every row finds them."""
    rows = query(
        connection,
        """
        insert into public.affiliate_clicks
        select again.* from public.affiliate_clicks as c, jsonb_populate_record(c, jsonb_build_object(
            'id', gen_random_uuid(), 'click_timestamp', c.click_timestamp + interval '1 second',
            'created_at', c.click_timestamp + interval '1 second', 'updated_at', c.click_timestamp + interval '1 second')) as again
        where c.id = any(cast(:ids as uuid[])) returning id::text""",
        ids=_plain(connection, 14, 1, REPEATED),
    )
    undo = sql.SQL("delete from public.affiliate_clicks where id = any({}::uuid[])").format([row["id"] for row in rows])
    return Broken(f"{len(rows)} clicks of the last 14 days were delivered again, one second later", undo)


def _convert_late(connection: sa.Connection) -> Broken:
    """Lets one click convert five days after it was made."""
    [click] = query(
        connection,
        """
        update public.affiliate_clicks
        set is_converted = true, conversion_timestamp = click_timestamp + interval '5 days',
            actual_commission = expected_commission, order_id = 'LATE-' || upper(left(id::text, 8))
        where id = any(cast(:ids as uuid[]))
        returning id::text, actual_commission, (click_timestamp at time zone :zone)::date as clicked,
            (conversion_timestamp at time zone :zone)::date as converted""",
        ids=_plain(connection, 21, 6, 1), zone=get_settings().timezone,
    )  # fmt: skip
    days = (click["clicked"], click["converted"])
    says = f"the click {click['id']} of {days[0]} converted on {days[1]} and earned {click['actual_commission']} GBP"
    undo = sql.SQL(
        """update public.affiliate_clicks
           set is_converted = false, conversion_timestamp = null, actual_commission = null, order_id = null where id = {}"""
    )
    return Broken(says, undo.format(click["id"]), days)


BREAKS: Final = {"policy": _open_policy, "duplicate-clicks": _repeat_clicks, "late-conversion": _convert_late}
