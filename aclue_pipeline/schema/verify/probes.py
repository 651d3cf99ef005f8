"""Trying every line of access.csv on a real database, as whoever it speaks of, inside transactions that are rolled back.
What is tried is decided in trials.py; what a failure means for a deployment, in criteria.py."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import sql

from aclue_pipeline.errors import MissingPrerequisite
from aclue_pipeline.postgres.claims import Identity
from aclue_pipeline.schema.access import ROLES, Line
from aclue_pipeline.schema.verify.trials import Cast, Trial, anything, insertion, seed, trials

Connection = psycopg.Connection[Any]


class CannotTry(MissingPrerequisite):
    """This database, or this role, offers nothing to try the rights with; the message says what is missing."""


@dataclass(frozen=True)
class Outcome:
    """What trying one line showed: `wrong` has one entry for each trial that went otherwise than the line says."""

    line: Line
    tried: int
    wrong: tuple[str, ...]

    @property
    def holds(self) -> bool:
        return not self.wrong


# All trials of a table in one round trip, so that nothing is held while the network is waited for. Each is a
# subtransaction that is rolled back, with the role, the claims and every lock it took.
_TRY = """
do $$
declare
    trial jsonb;
    outcomes jsonb := '[]';
    touched bigint;
begin
    for trial in select value from jsonb_array_elements(current_setting('aclue.trials')::jsonb) loop
        begin
            if trial ->> 'before' is not null then
                execute trial ->> 'before';
            end if;
            perform set_config('request.jwt.claims', trial ->> 'claims', true);
            perform set_config('role', trial ->> 'role', true);
            execute trial ->> 'statement';
            get diagnostics touched = row_count;
            raise exception using errcode = 'ACLUE', message = touched::text;
        exception when others then
            outcomes := outcomes || jsonb_build_object('state', sqlstate, 'said', sqlerrm);
        end;
    end loop;
    perform set_config('aclue.outcomes', outcomes::text, true);
end
$$
"""
_DONE = "ACLUE"
_REFUSED = "42501"  # insufficient_privilege: a missing grant, or a policy that said no
_SHORT = "set local lock_timeout = '1s'; set local statement_timeout = '60s'"


def probe(pg: Connection, lines: Sequence[Line], thorough: bool = False) -> list[Outcome]:
    """Try the lines, a table at a time, and leave nothing behind: neither a row nor a lock, whatever happens.

    `thorough` also runs what could lock whole tables (see trials.trials). Raises CannotTry where there is nothing to try with.
    """
    outcomes = []
    for table, some in groupby(sorted(lines, key=lambda line: line.table), key=lambda line: line.table):
        with rolled_back(pg):
            cast = casting(pg)
            types = columns(pg, table)
            for owner in (cast.user, cast.guest, None):
                if owner is not None or table in _OWNERLESS:
                    # A user's own profile will do as well as one made for the occasion.
                    pg.execute(seed(table, owner, cast, types) + sql.SQL(" on conflict do nothing"))
            outcomes += _outcomes(pg, [list(trials(line, cast, types, thorough)) for line in some])
    return outcomes


_OWNERLESS = ("affiliate_clicks", "session_analytics", "product_views")


def become(pg: Connection, identity: Identity) -> None:
    """Take the role and the claims until the transaction or savepoint is rolled back."""
    pg.execute(
        "select set_config('request.jwt.claims', %s, true), set_config('role', %s, true)",
        [identity.json, identity.role],
    )


@contextmanager
def rolled_back(pg: Connection) -> Iterator[None]:
    """A transaction that never commits and never waits long for a lock. Raises CannotTry where it would have to."""
    pg.rollback()  # a query before this may have opened a transaction, within which ours would be a mere savepoint
    try:
        with pg.transaction(force_rollback=True):
            pg.execute(_SHORT)
            yield
    except (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled) as error:
        raise CannotTry(f"the tables are too busy to try this now ({_first_line(error)}); run it again") from error


def columns(pg: Connection, table: str) -> dict[str, str]:
    """The table's columns and their types as PostgreSQL names them."""
    return dict(
        pg.execute(
            """select attname, format_type(atttypid, atttypmod) from pg_attribute
               where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped order by attnum""",
            [f"public.{table}"],
        ).fetchall()
    )


def casting(pg: Connection) -> Cast:
    """Two users, a product and a recommendation to each: the database's own where it has them, else made for this
    transaction if this role may. Raises CannotTry."""
    may_be_everybody(pg)
    user, guest = _users(pg)
    cast = Cast.new(user, guest, _product(pg))
    for one, recommendation in cast.recommended.items():
        given = {"id": recommendation, "user_id": one, "product_id": cast.product, "confidence_score": "0.5"}
        _make(pg, "a recommendation is", ("public", "recommendations"), given)
    return cast


def may_be_everybody(pg: Connection) -> None:
    for role in ROLES:
        try:
            with pg.transaction(force_rollback=True):
                pg.execute("select set_config('role', %s, true)", [role])
        except psycopg.Error as error:
            raise CannotTry(
                f"this login may not take the role {role} ({_first_line(error)}); grant it to try its rights"
            ) from error


def _users(pg: Connection) -> tuple[str, str]:
    """Two users whom the app's tables know, too, where these refer to a table of their own."""
    known = pg.execute(_KNOWN_USERS).fetchone()
    question = sql.Composed([sql.SQL("select u.id::text from auth.users u")])
    if known is not None:
        schema, table, key = known
        condition = sql.SQL(" where exists (select from {} k where k.{} = u.id)")
        question += condition.format(sql.Identifier(schema, table), sql.Identifier(key))
    found = _found(pg, question + sql.SQL(" limit 2"))
    while len(found) < 2:
        user = str(uuid4())
        given = {"id": user, "email": f"{user}@example.com", "aud": "authenticated", "role": "authenticated"}
        _make(pg, "two users are", ("auth", "users"), given | {"raw_user_meta_data": "{}"})
        mine = question + sql.SQL(" and u.id = {}").format(sql.Literal(user))
        if known is not None and not _found(pg, mine):  # else a trigger made it
            _make(pg, "two users are", (schema, table), {key: user, "email": given["email"]})
        found.append(user)
    return found[0], found[1]


#: The table and key that the app's user_id refers to, where it is not Supabase's own.
_KNOWN_USERS = """
select n.nspname, c.relname, key.attname
from pg_constraint k
join pg_attribute own on own.attrelid = k.conrelid and own.attnum = k.conkey[1]
join pg_attribute key on key.attrelid = k.confrelid and key.attnum = k.confkey[1]
join pg_class c on c.oid = k.confrelid
join pg_namespace n on n.oid = c.relnamespace
where k.contype = 'f' and k.conrelid = to_regclass('public.recommendations') and own.attname = 'user_id'
    and (n.nspname, c.relname) <> ('auth', 'users')
"""


def _product(pg: Connection) -> str:
    found = _found(pg, sql.SQL("select id::text from public.products limit 1"))
    return found[0] if found else new_product(pg)


def new_product(pg: Connection) -> str:
    """Make a product and return its id. Raises CannotTry."""
    product = str(uuid4())
    _make(pg, "a product is", ("public", "products"), {"id": product, "title": "probe"})
    return product


def _found(pg: Connection, question: sql.Composable) -> list[str]:
    try:
        return [one for (one,) in pg.execute(question)]  # type: ignore[call-overload]
    except (psycopg.errors.UndefinedTable, psycopg.errors.InsufficientPrivilege) as error:
        raise CannotTry(f"nothing to try with: {_first_line(error)}; let this role read it") from error


def _make(pg: Connection, what: str, table: tuple[str, str], given: Mapping[str, str]) -> None:
    """Insert a row of what is given, as far as there are such columns, and of anything in what the table asks for besides."""
    try:
        with pg.transaction():
            asked = pg.execute(_COLUMNS, table).fetchall()
            values: dict[str, sql.Composable] = {
                name: sql.SQL("{}::{}").format(sql.Literal(given[name]), sql.SQL(kind))
                if name in given
                else anything(kind, is_enum)
                for name, kind, is_enum, required in asked
                if name in given or required
            }
            pg.execute(insertion(sql.Identifier(*table), values))
    except psycopg.Error as error:
        hooks = ", ".join(name for (name,) in pg.execute(_HOOKS, table))
        trigger = f"; {'.'.join(table)} has the trigger {hooks}" if hooks else ""
        raise CannotTry(
            f"nothing to try with: {what} needed and cannot be made here ({_first_line(error)}{trigger});"
            " make what is needed, then verify again"
        ) from error


_COLUMNS = """
select a.attname, format_type(a.atttypid, a.atttypmod), t.typtype = 'e', a.attnotnull and not a.atthasdef and a.attidentity = ''
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
join pg_type t on t.oid = a.atttypid
where n.nspname = %s and c.relname = %s
"""
_HOOKS = """
select t.tgname || ' (' || t.tgfoid::regproc || ')'
from pg_trigger t
join pg_class c on c.oid = t.tgrelid
join pg_namespace n on n.oid = c.relnamespace
where n.nspname = %s and c.relname = %s and not t.tgisinternal and t.tgenabled <> 'D' order by 1
"""


def _outcomes(pg: Connection, groups: list[list[Trial]]) -> list[Outcome]:
    everything = [trial for group in groups for trial in group]
    wrong = dict.fromkeys(range(len(everything)), "")
    for number, held in _rights(pg, everything).items():
        if held:
            wrong[number] = f"{everything[number]}: holds the right"
    for number, (state, said) in _statements(pg, everything).items():
        wrong[number] = _judge(everything[number], state, said) or wrong[number]
    numbers = iter(range(len(everything)))
    return [
        Outcome(group[0].line, len(group), tuple(text for _ in group if (text := wrong[next(numbers)])))
        for group in groups
    ]


def _rights(pg: Connection, everything: list[Trial]) -> dict[int, bool]:
    asked = {number: trial.right for number, trial in enumerate(everything) if trial.right is not None}
    if not asked:
        return {}
    row = pg.execute(sql.SQL("select array[{}]").format(sql.SQL(", ").join(asked.values()))).fetchone()
    assert row is not None
    return dict(zip(asked, row[0], strict=True))


def _statements(pg: Connection, everything: list[Trial]) -> dict[int, tuple[str, str]]:
    tried = {number: trial for number, trial in enumerate(everything) if trial.statement is not None}
    described = [
        {
            "role": trial.identity.role,
            "claims": trial.identity.json,
            "before": trial.before.as_string(pg) if trial.before else None,
            "statement": trial.statement.as_string(pg) if trial.statement else None,
        }
        for trial in tried.values()
    ]
    pg.execute("select set_config('aclue.trials', %s, true)", [json.dumps(described)])
    pg.execute(_TRY)
    row = pg.execute("select current_setting('aclue.outcomes')::jsonb").fetchone()
    assert row is not None
    return {number: (one["state"], one["said"]) for number, one in zip(tried, row[0], strict=True)}


def _judge(trial: Trial, state: str, said: str) -> str:
    """What is wrong with how a trial went; empty where it went as the line says."""
    reached = state == _DONE and (trial.line.owner == "any" or int(said) > 0)
    if trial.line.allowed:
        return "" if reached else f"{trial}: {'no row' if state == _DONE else said}"
    # Any other error came after the rights were passed: a rule of the table is no guard.
    refused = state == _REFUSED or (state == _DONE and not reached)
    return "" if refused else f"{trial}: {'went through' if state == _DONE else said}"


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]
