"""Trying every line of access.csv on a real database, as whoever it speaks of, inside transactions that are rolled back.
What is tried is decided in trials.py; what a failure means for a deployment, in criteria.py."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from aclue_pipeline.errors import MissingPrerequisite
from aclue_pipeline.postgres.claims import Identity
from aclue_pipeline.schema.access import ROLES, Line
from aclue_pipeline.schema.trials import Cast, Trial, seed, trials

if TYPE_CHECKING:
    from typing import LiteralString

    import psycopg

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


def probe(pg: "Connection", lines: Sequence[Line], thorough: bool = False) -> list[Outcome]:
    """Try the lines, a table at a time, and leave nothing behind: neither a row nor a lock, whatever happens.

    `thorough` also runs what could lock whole tables (see trials.trials). Raises CannotTry where there is nothing to try with.
    """
    from psycopg import sql

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


def become(pg: "Connection", identity: Identity) -> None:
    """Take the role and the claims until the transaction or savepoint is rolled back."""
    pg.execute(
        "select set_config('request.jwt.claims', %s, true), set_config('role', %s, true)",
        [identity.json, identity.role],
    )


@contextmanager
def rolled_back(pg: "Connection") -> Iterator[None]:
    """A transaction that never commits and never waits long for a lock. Raises CannotTry where it would have to."""
    import psycopg

    pg.rollback()  # a query before this may have opened a transaction, within which ours would be a mere savepoint
    try:
        with pg.transaction(force_rollback=True):
            pg.execute(_SHORT)
            yield
    except (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled) as error:
        raise CannotTry(f"the tables are too busy to try this now ({_first_line(error)}); run it again") from error


def columns(pg: "Connection", table: str) -> dict[str, str]:
    """The table's columns and their types as PostgreSQL names them."""
    return dict(
        pg.execute(
            """select attname, format_type(atttypid, atttypmod) from pg_attribute
               where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped order by attnum""",
            [f"public.{table}"],
        ).fetchall()
    )


def casting(pg: "Connection") -> Cast:
    """Two users, a product and a recommendation to each: the database's own where it has them, else made for this
    transaction if this role may. Raises CannotTry."""
    may_be_everybody(pg)
    user, guest = _users(pg)
    cast = Cast.new(user, guest, _product(pg))
    for one, recommendation in cast.recommended.items():
        _make(
            pg,
            "a recommendation",
            """insert into public.recommendations (id, user_id, product_id, confidence_score, algorithm_version, rank_position)
               values (%s, %s, %s, 0.5, 'probe', 1)""",
            [recommendation, one, cast.product],
        )
    return cast


def may_be_everybody(pg: "Connection") -> None:
    import psycopg

    for role in ROLES:
        try:
            with pg.transaction(force_rollback=True):
                pg.execute("select set_config('role', %s, true)", [role])
        except psycopg.Error as error:
            raise CannotTry(
                f"this login may not take the role {role} ({_first_line(error)}); grant it to try its rights"
            ) from error


def _users(pg: "Connection") -> tuple[str, str]:
    found = _found(pg, "select id::text from auth.users limit 2")
    while len(found) < 2:
        what = "a user (auth.users has not two)"
        found.append(_make(pg, what, "insert into auth.users (id) values (gen_random_uuid()) returning id::text"))
    return found[0], found[1]


def _product(pg: "Connection") -> str:
    found = _found(pg, "select id::text from public.products limit 1")
    what = "a product (there is none)"
    return (
        found[0]
        if found
        else _make(pg, what, "insert into public.products (title) values ('probe') returning id::text")
    )


def _found(pg: "Connection", question: "LiteralString") -> list[str]:
    import psycopg

    try:
        return [one for (one,) in pg.execute(question)]
    except (psycopg.errors.UndefinedTable, psycopg.errors.InsufficientPrivilege) as error:
        raise CannotTry(f"nothing to try with: {_first_line(error)}") from error


def _make(pg: "Connection", what: str, statement: "LiteralString", parameters: Sequence[object] = ()) -> str:
    import psycopg

    try:
        with pg.transaction():
            cursor = pg.execute(statement, parameters)
            row = cursor.fetchone() if cursor.description else None
            return str(row[0]) if row else ""
    except psycopg.Error as error:
        raise CannotTry(
            f"nothing to try with: {what} is needed and cannot be made here ({_first_line(error)})"
        ) from error


def _outcomes(pg: "Connection", groups: list[list[Trial]]) -> list[Outcome]:
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


def _rights(pg: "Connection", everything: list[Trial]) -> dict[int, bool]:
    from psycopg import sql

    asked = {number: trial.right for number, trial in enumerate(everything) if trial.right is not None}
    if not asked:
        return {}
    row = pg.execute(sql.SQL("select array[{}]").format(sql.SQL(", ").join(asked.values()))).fetchone()
    assert row is not None
    return dict(zip(asked, row[0], strict=True))


def _statements(pg: "Connection", everything: list[Trial]) -> dict[int, tuple[str, str]]:
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
