"""Dropping what was retired. Its keys go first, each in a moment when nobody holds its two tables: dropping a table together with them
would lock the app's tables against everybody."""

from collections.abc import Iterator
from datetime import timedelta

from psycopg import errors, sql

from aclue_pipeline.errors import DependentsExist, MissingPrivilege, RowsExist
from aclue_pipeline.postgres import Database, Pg
from aclue_pipeline.schema.apply import GIVE_UP
from aclue_pipeline.schema.change import EXCLUSIVE, Step
from aclue_pipeline.schema.declared import declared
from aclue_pipeline.schema.history import recorded
from aclue_pipeline.schema.retire import (
    ROWS_CAME,
    Families,
    Say,
    chosen,
    drop_schema,
    locks_on,
    refuse_role,
    run,
    step,
)
from aclue_pipeline.schema.retired import PREFIX, Relation, dependents, families, our_views, retired
from aclue_pipeline.schema.session import session
from aclue_pipeline.schema.waiting import Patience


def purge(
    database: Database,
    number: int | None = None,
    *,
    discard_data: bool = False,
    give_up: timedelta = GIVE_UP,
    progress: Say = lambda line: None,
) -> tuple[str, ...]:
    """Drop what rollback `number` retired (what every one did where None); qualified names of the tables that are gone.

    Raises NothingFound, RowsExist where rows are left and `discard_data` is not set, DependentsExist where something of somebody
    else's stands on a table (all of it is named), MissingPrivilege, DeploymentIncomplete where a lock could not be had,
    AlreadyRunning.
    """
    with session(database) as pg:
        numbers = list(retired(pg)) if number is None else [chosen(pg, number)]
        doomed = {family[0].name: family for one in numbers for family in families(pg, f"{PREFIX}{one}").values()}
        refuse_role(pg, doomed)
        if not discard_data:
            _refuse_rows(pg, doomed)
        _refuse_dependents(pg, doomed, progress)
        if not numbers:
            return ()
        patience = Patience(give_up)
        with recorded(pg, "purge", [one.oid for family in doomed.values() for one in family], progress) as say:
            for steps in _steps(pg, doomed, discard_data):
                run(pg, steps, patience, say, "aclue purge")
            for one in numbers:
                drop_schema(pg, one, say)
    return tuple(doomed)


def _steps(pg: Pg, doomed: Families, discard_data: bool) -> Iterator[list[Step]]:
    """Rows go before the keys by which a deleted user reaches them: a run that ends in between leaves none that nobody can reach."""
    if discard_data:
        yield [step(f"empty {name}", locks_on(family), f"truncate {name}") for name, family in doomed.items()]
    yield [one for family in doomed.values() for one in _key_steps(pg, family)]
    yield [_dropping(pg, name, family) for name, family in doomed.items()]


def _refuse_rows(pg: Pg, doomed: Families) -> None:
    full = []
    for name in doomed:
        try:
            if pg.execute(sql.SQL("select exists (select from {})").format(sql.SQL(name))).fetchone() == (True,):
                full.append(name)
        except errors.InsufficientPrivilege:
            raise MissingPrivilege(
                f"row level security hides rows of {name} from this role, or it may not read them; log in as the owner"
                " (without FORCE ROW LEVEL SECURITY) or as a role with BYPASSRLS"
            ) from None
    if full:
        raise RowsExist(
            f"{', '.join(full)} {'holds' if len(full) == 1 else 'hold'} rows, nothing was dropped;"
            " keep a copy of them, then say --discard-data"
        )


def _refuse_dependents(pg: Pg, doomed: Families, say: Say) -> None:
    """Views of ours go along (the next job makes them again); what others made on the table itself goes along and is named; what
    stands on it from elsewhere must not."""
    oids = [one.oid for family in doomed.values() for one in family]
    ours = {f"view {key}" for key in our_views(pg, oids)}
    found = {named: along for named, along in dependents(pg, oids).items() if named not in ours}
    for name, family in doomed.items():
        schema = f"{family[0].schema}."
        for key in declared().things:
            kind = {"constraint": "table constraint"}.get(key.kind, key.kind)
            found.pop(f"{kind} {schema}{key.name}" if kind == "index" else f"{kind} {key.name} on {name}", None)
    others = [named for named, along in found.items() if not along]
    if others:
        raise DependentsExist(
            f"nothing was dropped, since {', '.join(others)} {'stands' if len(others) == 1 else 'stand'} on it and"
            f" {'is' if len(others) == 1 else 'are'} not ours; drop or change it first"
        )
    for named in found:
        say(f"goes along: {named}")


def _key_steps(pg: Pg, family: list[Relation]) -> Iterator[Step]:
    keys = pg.execute(
        """select format('%%I.%%I', n.nspname, c.relname), quote_ident(k.conname), format('%%I.%%I', o.nspname, r.relname)
           from pg_constraint k
           join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
           join pg_class r on r.oid = k.confrelid join pg_namespace o on o.oid = r.relnamespace
           where k.contype = 'f' and k.conrelid = any(%s) and k.conparentid = 0 order by 1, 2""",
        [[one.oid for one in family]],
    ).fetchall()
    for table, key, other in keys:
        drop = f"alter table {table} drop constraint {key}"
        locks = [*locks_on(family), (other, EXCLUSIVE)]
        yield step(f"drop key {key} of {table}", locks, _only_if_empty(family[0].name), drop)


def _dropping(pg: Pg, name: str, family: list[Relation]) -> Step:
    views = our_views(pg, [one.oid for one in family])
    away = f"drop view if exists {', '.join(views)} restrict" if views else ""
    with_them = f", with {', '.join(views)}" if views else ""
    return step(
        f"drop table {name}{with_them}", locks_on(family), _only_if_empty(name), away, f"drop table {name} restrict"
    )


def _only_if_empty(table: str) -> str:
    """A row may come between looking and dropping; under the lock it cannot."""
    return f"""do $aclue$ begin
    if exists (select from {table}) then
        raise exception using errcode = '{ROWS_CAME}', message = '{table}';
    end if;
end $aclue$"""
