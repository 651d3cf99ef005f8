"""Rolling back is retirement: a table moves with its rows into a schema aclue_retired_<n>, where its keys go on acting and nobody but
its owner may look; `restore` brings it back, `purge` drops it. Each table moves in one brief transaction under its own lock."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import psycopg
from psycopg import errors

from aclue_pipeline.errors import (
    AclueError,
    DependentsExist,
    DeploymentIncomplete,
    MissingPrivilege,
    NotAllowed,
    NothingFound,
    RowsExist,
    TableStands,
    VerificationFailed,
)
from aclue_pipeline.postgres import Database, Pg
from aclue_pipeline.schema.apply import GIVE_UP
from aclue_pipeline.schema.census.thing import OWNER
from aclue_pipeline.schema.change import EXCLUSIVE, How, Step, ident
from aclue_pipeline.schema.declared import declared
from aclue_pipeline.schema.deletion import NO_DELETION, deletion, first_line
from aclue_pipeline.schema.history import recorded
from aclue_pipeline.schema.retired import (
    PREFIX,
    Relation,
    families,
    keys_to,
    last_number,
    rebinding,
    retired,
    stopping,
)
from aclue_pipeline.schema.session import session
from aclue_pipeline.schema.waiting import GaveUp, Patience, run_unnoticed

Say = Callable[[str], None]

Families = Mapping[str, list[Relation]]

ROWS_CAME = "AC001"
#: Comment of such a schema until whoever makes it has moved all that it was asked to: the command and the names follow.
FILLING = "Being filled by `aclue "


@dataclass(frozen=True)
class Retirement:
    """What a rollback would do, or did. `tables` go into `schema`; `stops`: what others made that will get errors for answers;
    `keys`: foreign keys of other tables that would be dropped, as --allow names them."""

    schema: str
    tables: tuple[str, ...]
    stops: tuple[str, ...]
    keys: tuple[str, ...]


def retirement(database: Database, tables: Sequence[str] = ()) -> Retirement:
    """What a rollback would do; changes nothing. Raises NothingFound for a name that is none of ours."""
    with session(database, lock=False) as pg:
        return _looked(pg, _wanted(tables))[0]


def rollback(
    database: Database,
    tables: Sequence[str] = (),
    *,
    allow: Collection[str] = (),
    give_up: timedelta = GIVE_UP,
    progress: Say = lambda line: None,
) -> Retirement:
    """Retire the named tables (all where none is named), as far as they are there.

    Raises NothingFound for a name that is none of ours, NotAllowed where another table's foreign key would have to go and
    `allow` does not name it, MissingPrivilege, VerificationFailed where a user or product could not be deleted any more,
    DeploymentIncomplete where a lock could not be had, AlreadyRunning.
    """
    wanted = _wanted(tables)
    with session(database) as pg:
        todo, moving = _looked(pg, wanted)
        if not todo.tables:
            _finish(pg)
            return todo
        _refuse_keys(todo.keys, allow)
        refuse_role(pg, moving, creates=True)
        _make(pg, todo.schema, todo.tables, "rollback")
        with recorded(pg, "rollback", _oids(moving), progress, allow) as say:
            trial = deletion(pg, say)
            steps = [_retiring(pg, todo.schema, family, trial) for family in moving.values()]
            run(pg, steps, Patience(give_up), say, "aclue rollback")
            _finish(pg)
    return todo


def restore(
    database: Database,
    number: int | None = None,
    *,
    swap: bool = False,
    give_up: timedelta = GIVE_UP,
    progress: Say = lambda line: None,
) -> tuple[str, ...]:
    """Bring back what rollback `number` (the last where None) retired; the tables that are back, with the rights that sql/schema grants.

    `swap`: a table that stands in the place of one is retired in the same transaction. Raises NothingFound where nothing is
    retired, TableStands without `swap`, and what rollback raises.
    """
    with session(database) as pg:
        number = chosen(pg, number or _swapping(pg))
        back = families(pg, f"{PREFIX}{number}")
        standing = _standing(pg, list(back))
        if standing and not swap:
            raise TableStands(
                f"{', '.join(standing)} {'stands' if len(standing) == 1 else 'stand'} where it was; nothing was changed:"
                " say --swap to retire what stands there"
            )
        replaced = families(pg, "public", standing)
        if odd := sorted(set(standing) - set(replaced)):
            raise TableStands(f"{', '.join(odd)} is no table; nothing was changed: rename or drop it first")
        _refuse_keys([name for *_, name in keys_to(pg, _oids(replaced))], ())
        moving = {name: [*family, *replaced.get(name, ())] for name, family in back.items()}
        refuse_role(pg, moving, creates=bool(replaced))
        command = f"restore {number} --swap"
        target = f"{PREFIX}{_next(pg, replaced, command)}" if replaced else ""
        if target:
            _make(pg, target, list(replaced), command)
        with recorded(pg, "restore", _oids(moving), progress) as say:
            trial = deletion(pg, say) if target else ""
            steps = [
                _restoring(pg, name, family, replaced.get(name, []), target, trial) for name, family in back.items()
            ]
            run(pg, steps, Patience(give_up), say, f"aclue {command}" if swap else f"aclue restore {number}")
            with pg.transaction():  # at once, for _swapping
                _finish(pg)
                drop_schema(pg, number, say)
    return tuple(back)


# --- looking ----------------------------------------------------------------------------------------------------------


def _wanted(tables: Sequence[str]) -> tuple[str, ...]:
    known = declared().tables
    for table in tables:
        if table not in known:
            raise NothingFound(f"{table} is none of the deployed tables; they are {', '.join(known)}")
    return tuple(tables) or known


def _looked(pg: Pg, wanted: Sequence[str]) -> tuple[Retirement, Families]:
    moving = families(pg, "public", wanted)
    oids = _oids(moving)
    keys = tuple(name for *_, name in keys_to(pg, oids))
    return Retirement(
        f"{PREFIX}{_next(pg, moving, 'rollback')}", tuple(moving), tuple(stopping(pg, oids)), keys
    ), moving


def _next(pg: Pg, names: Collection[str], command: str) -> int:
    """The number that the command gave before it was stopped half-way, where this is the rest of it, else a new one."""
    there = retired(pg)
    last = max(there, default=0)
    filling = there.get(last, "").partition(f"{FILLING}{command}`: ")[2].split(", ")
    rest = set(names) <= set(filling) - set(families(pg, f"{PREFIX}{last}"))
    return last if names and rest else last_number(pg) + 1


def _swapping(pg: Pg) -> int | None:
    """What a swap was bringing back that was stopped half-way."""
    there = retired(pg)
    last = there[max(there)] if there else ""
    return next((number for number in there if last.startswith(f"{FILLING}restore {number} --swap`")), None)


def chosen(pg: Pg, number: int | None) -> int:
    """That number, or the last. Raises NothingFound where nothing is retired under it."""
    there = retired(pg)
    if not there or number not in (None, *there):
        said = f"the numbers are {', '.join(map(str, there))}" if there else "nothing is retired here"
        raise NothingFound(f"rollback {number} retired nothing that is still there: {said}" if number else said)
    return max(there) if number is None else number


def _oids(moving: Families) -> list[int]:
    return [one.oid for family in moving.values() for one in family]


def _standing(pg: Pg, names: list[str]) -> list[str]:
    rows = pg.execute(
        "select relname::text from pg_class where relnamespace = 'public'::regnamespace and relname = any(%s) order by 1",
        [names],
    ).fetchall()
    return [name for (name,) in rows]


def _refuse_keys(keys: Sequence[str], allow: Collection[str]) -> None:
    refused = [f"drops:{key}" for key in keys if f"drops:{key}" not in allow]
    if refused:
        raise NotAllowed(
            f"foreign keys of other tables refer to what would be retired ({', '.join(keys)}), nothing was changed; if they may be"
            f" dropped, roll back with --allow {' --allow '.join(refused)}"
        )


def refuse_role(pg: Pg, moving: Families, creates: bool = False) -> None:
    """Raises MissingPrivilege where this role cannot act for a table's owner, or, if asked, may not create a schema."""
    rows = pg.execute(
        """select format('%%I.%%I', relnamespace::regnamespace::text, relname), pg_get_userbyid(relowner) from pg_class
           where oid = any(%s) and not pg_has_role(relowner, 'USAGE')""",
        [_oids(moving)],
    ).fetchall()
    if rows:
        names = ", ".join(name for name, _ in rows)
        raise MissingPrivilege(
            f"this role does not own {names}, nothing was changed; connect as {rows[0][1]}, who does"
        )
    row = pg.execute(
        """select has_database_privilege(current_database(), 'CREATE'), format('grant create on database %I to %I', current_database(),
           current_user)"""
    ).fetchone()
    if creates and row and not row[0]:
        raise MissingPrivilege(
            f"this role may not create the schema to retire into, nothing was changed; as the database's owner: {row[1]}"
        )


# --- moving -----------------------------------------------------------------------------------------------------------


def _make(pg: Pg, schema: str, tables: Sequence[str], command: str) -> None:
    """Whatever default privileges grant on new schemas, nobody but table owners enters this one."""
    if pg.execute("select to_regnamespace(%s)", [schema]).fetchone() != (None,):
        return
    with pg.transaction():
        says = f"{FILLING}{command}`: {', '.join(tables)}"
        pg.execute(f"create schema {schema}; comment on schema {schema} is '{says}'".encode())
        for (who,) in pg.execute(_ENTERING, [schema]).fetchall():
            pg.execute(f"revoke all on schema {schema} from {who} cascade".encode())


_ENTERING = """
select distinct case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end
from (select nspowner, (aclexplode(nspacl)).grantee from pg_namespace where nspname = %s) held where grantee <> nspowner
"""


def _finish(pg: Pg) -> None:
    """A schema that holds all that it was to be filled with says so, also where whoever filled it came no further."""
    for number, said in retired(pg).items():
        names = set(said.partition("`: ")[2].split(", "))
        if said.startswith(FILLING) and names <= set(families(pg, f"{PREFIX}{number}")):
            ways = f"`aclue restore {number}` brings them back, `aclue purge {number}` drops them."
            pg.execute(f"comment on schema {PREFIX}{number} is 'Tables that `aclue rollback` retired. {ways}'".encode())


def _retiring(pg: Pg, schema: str, family: list[Relation], trial: str) -> Step:
    """Others' keys (allowed to go) lock their tables as well; nothing else locks more than the table itself."""
    keys = keys_to(pg, [one.oid for one in family])
    drops = [f"alter table {table} drop constraint {key}" for table, key, _ in keys]
    locks = (*locks_on(family), *((table, EXCLUSIVE) for table in dict.fromkeys(table for table, *_ in keys)))
    return step(f"retire {family[0].name} into {schema}", locks, *drops, *_away(schema, family), trial)


def _away(schema: str, family: list[Relation]) -> list[str]:
    """Referential actions run as the owner, who must be able to enter the schema for them."""
    statements = []
    for one in family:
        statements.append(f"grant usage on schema {schema} to {one.owner}")
        if one.grantees:
            statements.append(f"revoke all on table {one.name} from {', '.join(one.grantees)} cascade")
        if one.schema == "public":
            statements.append(f"alter table {one.name} set schema {schema}")
    return statements


def _restoring(pg: Pg, table: str, family: list[Relation], replaced: list[Relation], target: str, trial: str) -> Step:
    back = [f"alter table {one.name} set schema public" for one in family if one.schema == family[0].schema]
    statements = [*(_away(target, replaced) if replaced else ()), *back, *rebinding(pg, table, family[0].oid)]
    statements += [*_granting(pg, table, family[0]), trial if replaced else ""]
    swapped = f", what stood there into {target}" if replaced else ""
    return step(f"restore {family[0].name}{swapped}", locks_on([*family, *replaced]), *statements)


def _granting(pg: Pg, table: str, was: Relation) -> list[str]:
    """The rights that are declared, as far as an older table has their columns; what else differs, deploying mends."""
    rows = pg.execute(
        "select quote_ident(attname) from pg_attribute where attrelid = %s and attnum > 0 and not attisdropped",
        [was.oid],
    ).fetchall()
    columns = {name for (name,) in rows}
    statements = [f"alter table public.{ident(table)} enable row level security"]
    for thing in declared().of("grant", table=table):
        role = thing.key.name
        if role == OWNER or pg.execute("select to_regrole(%s)", [ident(role)]).fetchone() == (None,):
            continue
        for right in thing.facts["rights"]:  # type: ignore[union-attr]
            verb, _, listed = str(right).partition(" (")
            some = [name for name in listed.removesuffix(")").split(", ") if name in columns]
            if some or not listed:
                on = f" ({', '.join(some)})" if listed else ""
                statements.append(f"grant {verb}{on} on table public.{ident(table)} to {ident(role)}")
    return statements


# --- both -------------------------------------------------------------------------------------------------------------


def step(title: str, locks: Sequence[tuple[str, str]], *statements: str) -> Step:
    """One brief transaction; its locks are taken all at once, without queueing."""
    return Step(How.ALTER, tuple(one for one in statements if one), tuple(locks), title=title)


def locks_on(family: Sequence[Relation]) -> list[tuple[str, str]]:
    return [(one.name, EXCLUSIVE) for one in family]


def run(pg: Pg, steps: Sequence[Step], patience: Patience, say: Say, command: str) -> None:
    """Each step as soon as its locks are free. Raises what a step cannot be done for, by name."""
    try:
        run_unnoticed(pg, steps, patience, lambda one: say(f"{one.title} … done"))
    except GaveUp as reason:
        blocked = f"; {reason.blocker}" if reason.blocker else ""
        raise DeploymentIncomplete(
            f"gave up waiting, still to be done: {reason}{blocked}; run `{command}` again, which goes on from there"
        ) from None
    except psycopg.DatabaseError as error:
        if pg.broken:
            raise
        raise _named(error) from error


def _named(error: psycopg.DatabaseError) -> AclueError:
    said = first_line(error)
    if error.sqlstate == NO_DELETION:
        return VerificationFailed(f"users and products could no longer be deleted ({said}); that table is where it was")
    if error.sqlstate == ROWS_CAME:
        return RowsExist(f"{said} was written to meanwhile and stays")
    if isinstance(error, errors.DependentObjectsStillExist):
        return DependentsExist(f"{error.diag.message_detail or said}; drop or change it first".replace("\n", ", "))
    if isinstance(error, errors.DuplicateTable | errors.DuplicateObject):
        return TableStands(f"{said}: it stands in the way; rename or drop it, then run this again")
    if isinstance(error, errors.InsufficientPrivilege):
        return MissingPrivilege(f"{said}; that table is where it was")
    return DeploymentIncomplete(
        f"the server refuses ({said}); that table is where it was: run this again when that is mended"
    )


def drop_schema(pg: Pg, number: int, say: Say) -> None:
    """What somebody put there stays, and the schema with it."""
    try:
        with pg.transaction():
            pg.execute(f"drop schema if exists {PREFIX}{number} restrict".encode())
    except errors.DependentObjectsStillExist as error:
        say(f"the schema {PREFIX}{number} stays: {error.diag.message_detail}")
