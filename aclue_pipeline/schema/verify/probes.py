"""Trying every line of access.csv on a real database, as whoever it speaks of, inside transactions that are rolled back.
What is tried is decided in trials.py; what a failure means for a deployment, in criteria.py."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from uuid import UUID, uuid4

import psycopg
from psycopg import errors, sql

from aclue_pipeline.errors import MissingPrerequisite, MissingPrivilege, UnknownCatalogue
from aclue_pipeline.postgres import Pg
from aclue_pipeline.postgres.claims import Identity, service_role
from aclue_pipeline.schema.access import ROLES, Line
from aclue_pipeline.schema.change import ident
from aclue_pipeline.schema.declared import declared
from aclue_pipeline.schema.preflight import preflight, require_ownership
from aclue_pipeline.schema.verify.shape import PRODUCTS, USERS, shapes
from aclue_pipeline.schema.verify.trials import HIDDEN, Cast, Trial, anything, insertion, seed, trials


class CannotTry(MissingPrerequisite):
    """This database, or this role, offers nothing to try the rights with; the message says what is missing. `left`: to whoever
    deploys, since this role is only not the one to try them."""

    def __init__(self, why: str, remedy: str = "aclue verify", left: bool = False) -> None:
        super().__init__(why)
        self.remedy, self.left = remedy, left


@dataclass(frozen=True)
class Outcome:
    """What trying one line showed: `wrong` has an entry for each trial that went otherwise than the line says, `unproven` one for
    each that was refused, but by something else, or together with who may do anything."""

    line: Line
    tried: int
    wrong: tuple[str, ...]
    unproven: tuple[str, ...]

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
            perform set_config('role', coalesce(trial ->> 'role', current_user), true);
            execute trial ->> 'statement';
            get diagnostics touched = row_count;
            raise exception using errcode = 'ACLUE', message = touched::text;
        exception when disk_full then  -- says nothing of anybody's rights
            raise;
        when others then
            outcomes := outcomes || jsonb_build_object('state', sqlstate, 'said', sqlerrm);
        end;
    end loop;
    perform set_config('aclue.outcomes', outcomes::text, true);
end
$$
"""
_DONE = "ACLUE"
_REFUSED = "42501"  # insufficient_privilege: a missing grant, or a policy that said no
#: How long anybody is waited for.
PATIENCE = "1s"
# As the REST layer has it: what the app's triggers name without a schema is found, and policies bind.
_AS_A_REQUEST = f"""
set local lock_timeout = '{PATIENCE}'; set local statement_timeout = '60s';
set local search_path = public, extensions; set local row_security = on
"""


def probe(pg: Pg, lines: Sequence[Line], thorough: bool = False) -> list[Outcome]:
    """Try the lines, a table at a time, and leave nothing behind: neither a row nor a lock, whatever happens.

    `thorough` also runs what could lock whole tables (see trials.trials). Raises CannotTry where there is nothing to try with.
    """
    outcomes = []
    for table, some in groupby(sorted(lines, key=lambda line: line.table), key=lambda line: line.table):
        shape = shapes()[table]
        with rolled_back(pg):
            cast = casting(pg)
            for owner in (cast.user, cast.guest, None):
                if owner is not None or shape.ownerless:
                    pg.execute(seed(shape, owner, cast))
            outcomes += _outcomes(pg, [list(trials(line, cast, shape, thorough)) for line in some])
    return outcomes


def become(pg: Pg, identity: Identity) -> None:
    """Take the role and the claims until the transaction or savepoint is rolled back."""
    pg.execute(
        "select set_config('request.jwt.claims', %s, true), set_config('role', %s, true)",
        [identity.json, identity.role],
    )


@contextmanager
def rolled_back(pg: Pg) -> Iterator[None]:
    """A transaction, or a savepoint in that of whoever asks, that never commits and never waits long for a lock. Raises CannotTry
    where it would have to."""
    try:
        with pg.transaction(force_rollback=True):
            pg.execute(_AS_A_REQUEST.encode())
            yield
    except (errors.LockNotAvailable, errors.QueryCanceled) as error:
        raise CannotTry(f"the tables are too busy to try this now ({first_line(error)}); run it again") from error


def may_be_clients(pg: Pg) -> None:
    """Raises CannotTry where this login may not take the roles of the app's clients: then it is one that deploys and lacks them, or
    one that does not deploy, and has no business with them."""
    try:
        for role in ROLES:
            with pg.transaction(force_rollback=True):
                pg.execute("select set_config('role', %s, true)", [role])
    except psycopg.Error as error:
        try:
            require_ownership(pg, declared().tables)
        except MissingPrivilege:
            raise CannotTry(
                f"left to whoever deploys: {first_line(error)}", "aclue verify, as aclue_deployer", left=True
            ) from error
        grant = f"grant {', '.join(ROLES)} to {ident(pg.info.user)}"
        raise CannotTry(f"this login may not be the app's clients ({first_line(error)})", grant) from error


# --- the cast ---------------------------------------------------------------------------------------------------------


def casting(pg: Pg) -> Cast:
    """Two users, two products, and of whatever else our tables refer to a row for each user, made for this transaction; the
    database's own users and products where this role may make none. Raises CannotTry."""
    try:
        preflight(pg, oldest=0, acts=False)
    except (MissingPrerequisite, UnknownCatalogue) as error:
        raise CannotTry(f"nothing to try with: {error}", "aclue plan") from error
    may_be_clients(pg)
    user, guest = _users(pg)
    product, another = _two(pg, "two products are", PRODUCTS, {"title": "probe"}, sql.SQL("true"))
    made = {(PRODUCTS, ""): product}
    referred = {target for shape in shapes().values() for target in shape.references.values()}
    for target in sorted(referred - {USERS, PRODUCTS}):
        for owner in (user, guest):
            made[target, owner] = str(uuid4())
            given = {"id": made[target, owner], "user_id": owner, "product_id": product}
            _make(pg, f"a row in {target} is", target, given)
    return Cast(user, guest, made, another, {one: str(uuid4()) for one in (user, guest, None)})


def _users(pg: Pg) -> tuple[str, str]:
    """Two users whom the app's tables know, too, where these refer to a table of their own. Their ids differ in a digit in the
    middle alone, which is all that a policy sees that compares but a part."""
    known = [table for (table,) in pg.execute(_KNOWN_USERS).fetchall()]
    each = [sql.SQL("exists (select from {} k where k.id = t.id)").format(sql.SQL(table)) for table in known]
    condition = sql.SQL(" and ").join(each) if each else sql.SQL("true")
    given = {"aud": "authenticated", "role": "authenticated", "raw_user_meta_data": "{}"}
    return _two(pg, "two users are", USERS, given, condition, known)


#: The tables that hold users of the app's own, as the server writes them: some of its user_id refers to them.
_KNOWN_USERS = """
select distinct k.confrelid::regclass::text
from pg_constraint k
join pg_attribute own on own.attrelid = k.conrelid and own.attnum = k.conkey[1]
join pg_attribute key on key.attrelid = k.confrelid and key.attnum = k.confkey[1]
where k.contype = 'f' and own.attname = 'user_id' and key.attname = 'id' and k.confrelid <> to_regclass('auth.users')
    and k.connamespace = to_regnamespace('public')
"""


def _two(
    pg: Pg,
    what: str,
    table: str,
    given: Mapping[str, str],
    condition: sql.Composable,
    known: Sequence[str] = (),
) -> tuple[str, str]:
    one = uuid4().int & ~(0xF << 60)
    pair = str(UUID(int=one | 1 << 60)), str(UUID(int=one | 2 << 60))
    try:
        with pg.transaction():
            for each in pair:
                given = {**given, "id": each, "email": f"{each}@example.com"}
                _make(pg, what, table, given)
                for theirs in known:
                    if not _found(pg, sql.SQL("select id::text from {} where id = {}").format(sql.SQL(theirs), each)):
                        _make(pg, what, theirs, given)  # else a trigger made it
        return pair
    except CannotTry:
        found = _found(pg, sql.SQL("select id::text from {} t where {} limit 2").format(sql.SQL(table), condition))
        if len(found) < 2:
            raise
        return found[0], found[1]


def _found(pg: Pg, question: sql.Composable) -> list[str]:
    """As this role, or as the server where it may not look."""
    for role in ("none", "service_role"):
        try:
            with pg.transaction(force_rollback=True):
                if role != "none":
                    become(pg, service_role())
                if found := [one for (one,) in pg.execute(question)]:  # type: ignore[call-overload]
                    return found
        except (errors.UndefinedTable, errors.InsufficientPrivilege):
            continue  # then whoever asked says that nobody was found
    return []


def _make(pg: Pg, what: str, table: str, given: Mapping[str, str], depth: int = 0) -> str:
    """Insert a row of what is given, as far as there are such columns, of rows of what it must refer to, and of anything in what
    the table asks for besides; as this role, or as the server where policies bind it. Returns its id."""
    try:
        with pg.transaction():
            values: dict[str, sql.Composable] = {}
            for name, kind, is_enum, required, refers in pg.execute(_COLUMNS, [table]).fetchall():
                if name in given:
                    values[name] = sql.SQL("{}::{}").format(given[name], sql.SQL(kind))
                elif required and refers and depth < 3:
                    values[name] = sql.Literal(_make(pg, what, refers, {}, depth + 1))
                elif required:
                    values[name] = anything(kind, is_enum)
            statement = sql.SQL("{} returning id::text").format(insertion(sql.SQL(table), values))
            try:
                with pg.transaction():
                    row = pg.execute(statement).fetchone()
            except errors.InsufficientPrivilege as refused:
                try:
                    with pg.transaction():
                        become(pg, service_role())
                        row = pg.execute(statement).fetchone()
                        pg.execute("select set_config('role', 'none', true)")
                except errors.InsufficientPrivilege:
                    raise refused from None
    except errors.DiskFull:
        raise
    except psycopg.Error as error:
        hooks = ", ".join(name for (name,) in pg.execute(_HOOKS, [table]))
        trigger = f"; {table} has the trigger {hooks}" if hooks else ""
        raise CannotTry(
            f"nothing to try with: {what} needed and cannot be made here ({first_line(error)}{trigger});"
            " make what is needed, then verify again"
        ) from error
    return str(row[0]) if row else ""


_COLUMNS = """
select a.attname, format_type(a.atttypid, a.atttypmod), t.typtype = 'e', a.attnotnull and not a.atthasdef and a.attidentity = '',
    (select k.confrelid::regclass::text from pg_constraint k
     where k.contype = 'f' and k.conrelid = a.attrelid and k.conkey = array[a.attnum] limit 1)
from pg_attribute a
join pg_type t on t.oid = a.atttypid
where a.attrelid = to_regclass(%s) and a.attnum > 0 and not a.attisdropped
"""
_HOOKS = """
select t.tgname || ' (' || t.tgfoid::regproc || ')'
from pg_trigger t where t.tgrelid = to_regclass(%s) and not t.tgisinternal and t.tgenabled <> 'D' order by 1
"""


# --- what came of it --------------------------------------------------------------------------------------------------


def _outcomes(pg: Pg, groups: list[list[Trial]]) -> list[Outcome]:
    everything = [trial for group in groups for trial in group]
    held = _rights(pg, everything)
    went = _statements(pg, everything)
    outcomes = []
    numbers = iter(range(len(everything)))
    for group in groups:
        wrong, unproven = [], []
        for trial, number in zip(group, numbers, strict=False):
            if number in went and (said := _wrong(trial, *went[number])):
                wrong.append(f"{trial}: {said}")
            elif held.get(number):
                wrong.append(f"{trial}: holds the right")
            elif number in went and (said := _unproven(trial, *went[number])):
                unproven.append(f"{trial}: {said}")
        outcomes.append(Outcome(group[0].line, len(group), tuple(wrong), tuple(unproven)))
    return outcomes


def _rights(pg: Pg, everything: list[Trial]) -> dict[int, bool]:
    asked = {number: trial.right for number, trial in enumerate(everything) if trial.right is not None}
    if not asked:
        return {}
    row = pg.execute(sql.SQL("select array[{}]").format(sql.SQL(", ").join(asked.values()))).fetchone()
    assert row is not None
    return dict(zip(asked, row[0], strict=True))


_Went = tuple[tuple[str, str], tuple[str, str] | None]


def _statements(pg: Pg, everything: list[Trial]) -> dict[int, _Went]:
    """What came of each that has a statement: SQLSTATE and message; of one that is to be refused also what came of its twin, the
    same statement as whoever verifies, who may do anything."""
    described = []
    for number, trial in enumerate(everything):
        if trial.statement is not None:
            common = {
                "number": number,
                "claims": trial.identity.json,
                "before": trial.before.as_string(pg) if trial.before else None,
                "statement": trial.statement.as_string(pg),
            }
            described.append(common | {"role": trial.identity.role})
            if not trial.line.allowed:
                described.append(common)
    pg.execute("select set_config('aclue.trials', %s, true)", [json.dumps(described)])
    pg.execute(_TRY)
    row = pg.execute("select current_setting('aclue.outcomes')::jsonb").fetchone()
    assert row is not None
    went: dict[int, _Went] = {}
    for one, came in zip(described, row[0], strict=True):
        number, said = int(str(one["number"])), (came["state"], came["said"])
        went[number] = (went[number][0], said) if number in went else (said, None)
    return went


def _reached(trial: Trial, came: tuple[str, str]) -> bool:
    state, said = came
    return state == _DONE and (trial.line.owner == "any" or int(said) > 0)


def _wrong(trial: Trial, came: tuple[str, str], _twin: tuple[str, str] | None) -> str:
    """What is wrong with how a trial went; empty where it went as the line says, or was refused by whatever it was."""
    state, said = came
    if trial.line.allowed:
        return "" if _reached(trial, came) else "no row" if state == _DONE else said
    if state == _DONE:
        return "went through" if _reached(trial, came) else ""
    # Any other error came after the rights were passed: a rule of the table is no guard.
    return "" if state == _REFUSED else said


def _unproven(trial: Trial, came: tuple[str, str], twin: tuple[str, str] | None) -> str:
    """Why a refusal proves nothing, where it does not."""
    if twin is None:
        return ""
    state, said = came
    expected = state == _DONE if trial.refusal == HIDDEN else state == _REFUSED and bool(re.match(trial.refusal, said))
    if not expected:
        return f"refused by something else ({said if state != _DONE else 'there is no such row'})"
    if not _reached(trial, twin):
        return f"refused, but so is who may do anything ({twin[1] if twin[0] != _DONE else 'no row'})"
    return ""


def first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]
