"""Looking: the census of a database beside what is declared, read in one go and made into a plan. Changes nothing."""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from aclue_pipeline.errors import NotOurs, SettingsError
from aclue_pipeline.postgres import Pg, driver
from aclue_pipeline.schema import history
from aclue_pipeline.schema.census import Census, Key, Thing, take
from aclue_pipeline.schema.census.thing import fingerprint as fingerprint_of
from aclue_pipeline.schema.change import Change
from aclue_pipeline.schema.declared import declared
from aclue_pipeline.schema.differ import differ, with_readers
from aclue_pipeline.schema.plan import Plan
from aclue_pipeline.schema.remedies.columns import lossless
from aclue_pipeline.schema.retired import rebinding
from aclue_pipeline.settings import get_settings, sql_folder

if TYPE_CHECKING:
    import sqlalchemy as sa

#: Least share of the declared columns that must be there, and of these with a type of ours, for a table to pass as one.
ALIKE = 0.8
_KINDS = {
    "r": "a table",
    "v": "a view",
    "m": "a materialized view",
    "S": "a sequence",
    "i": "an index",
    "f": "a foreign table",
    "c": "a type",
    "type": "a type",
}


def look(pg: Pg, allowed: frozenset[str] = frozenset()) -> Plan:
    """Raises NotOurs where a name that is needed stands for something of somebody else's, SettingsError where a setting names what
    is not there."""
    _refuse_unknown_names(pg)
    there = take(pg, declared().tables, declared().functions)
    owner = get_settings().schema_owner or history.last_owner(pg) or _owner(pg, there)
    wanted = with_readers(declared(), get_settings().reader_grants).owned_by(owner)
    _refuse_taken_names(pg, wanted, there)
    _refuse_strangers(wanted, there, allowed)
    changes, accepted = _accepted(_followed(pg, differ(wanted, there, gone()), there))
    missing = tuple(table for table in wanted.tables if table not in there.tables)
    return Plan(tuple(changes), tuple(accepted), missing, fingerprint_of(there), owner, there, allowed)


def _followed(pg: Pg, changes: Sequence[Change], there: Census) -> list[Change]:
    """Where retired tables have had the names of those that are made, our views on them come along with the last: a view may read
    more than one."""
    making = [change for change in changes if change.key.kind == "table" and change.found is None]
    if not making:
        return list(changes)
    standing = {thing.key.table: int(str(thing.notes["oid"])) for thing in there.of("table")}
    tables = {change.key.table: 0 for change in making} | standing
    views = dict.fromkeys(one for table, oid in tables.items() for one in rebinding(pg, table, oid))
    (step,) = making[-1].mend.steps
    last = replace(making[-1], mend=replace(making[-1].mend, steps=(step.but(statements=(*step.statements, *views)),)))
    return [last if change is making[-1] else change for change in changes]


def census(connection: "sa.Connection") -> Census:
    """What is deployed."""
    return take(driver(connection), declared().tables, declared().functions)


def fingerprint(connection: "sa.Connection") -> str:
    """16 hexadecimal digits for everything that is deployed, also for nothing: equal ones mean equal deployments."""
    return fingerprint_of(census(connection))


def _refuse_unknown_names(pg: Pg) -> None:
    settings = get_settings()
    named = [("ACLUE_SCHEMA_OWNER", settings.schema_owner)] if settings.schema_owner else []
    named += [("ACLUE_READERS", role) for role, _ in settings.reader_grants]
    there = {name for (name,) in pg.execute("select rolname from pg_roles").fetchall()}
    for setting, role in named:
        if role not in there:
            raise SettingsError(
                f"{setting}: there is no role {role}, nothing was changed; create it first, or correct the name"
            )
    for _, table in settings.reader_grants:
        if table not in declared().tables:
            raise SettingsError(
                f"ACLUE_READERS: {table} is none of the deployed tables; they are {', '.join(sorted(declared().tables))}"
            )


def _owner(pg: Pg, there: Census) -> str:
    """Whoever is connected, if it may create tables; else, who only looks takes for the owner whom the tables belong to."""
    row = pg.execute("select current_user, has_schema_privilege('public', 'CREATE')").fetchone()
    me, creates = row or ("", True)
    owners = {str(thing.facts["role"]) for thing in there.of("owner")}
    return str(me) if creates or len(owners) != 1 else owners.pop()


# --- whose is it? -----------------------------------------------------------------------------------------------------


def _refuse_strangers(wanted: Census, there: Census, allowed: frozenset[str]) -> None:
    for table in there.tables:
        thing = there.things[Key("table", table, "")]
        kind = str(thing.facts["relkind"])
        if kind not in ("r", "p"):
            raise NotOurs(
                f"public.{table} is {_KINDS.get(kind, kind)}, nothing was changed; a table of that name is to be deployed: rename it"
            )
        if thing.notes.get("comment_is_ours") or f"adopts:{table}" in allowed:
            continue
        if reasons := strange(wanted, there, table):
            raise NotOurs(
                f"public.{table} is somebody else's table, nothing was changed: {'; '.join(reasons)}; rename it, or take it for ours,"
                f" whatever that changes, with --adopt {table}"
            )


def strange(wanted: Census, there: Census, table: str) -> list[str]:
    """Why a table cannot be taken for ours; [] where it can."""
    ours, theirs = ({one.key.name: one.facts for one in census.of("column", table=table)} for census in (wanted, there))
    both = [name for name in ours if name in theirs]
    fit = [name for name in both if _fits(str(theirs[name]["type"]), str(ours[name]["type"]))]
    demands = [
        name
        for name, facts in theirs.items()
        if name not in ours and facts["not_null"] and facts["default"] is None and not facts["identity"]
    ]
    reasons = []
    if len(both) < ALIKE * len(ours):
        reasons.append(f"it has {len(both)} of our {len(ours)} columns ({_some(set(ours) - set(both))} missing)")
    elif len(fit) < ALIKE * len(both):
        reasons.append(f"{_some(set(both) - set(fit))} of other types")
    if demands:
        reasons.append(f"it demands {_some(demands)}, of which we know nothing")
    return reasons


def _fits(found: str, wanted: str) -> bool:
    return found == wanted or lossless(found, wanted)


def _some(names: Sequence[str] | set[str]) -> str:
    listed = sorted(names)
    return ", ".join(listed[:5]) + (f" and {len(listed) - 5} more" if len(listed) > 5 else "")


def _refuse_taken_names(pg: Pg, wanted: Census, there: Census) -> None:
    """Indexes share their names with tables, views and sequences of the schema; a function keeps what it returns."""
    for one in wanted.of("function"):
        found = there.things.get(one.key)
        if found and _returns(found) != _returns(one):
            raise NotOurs(
                f"{one.key.name} is somebody else's function, which returns {_returns(found)}, nothing was changed; one of that name is"
                " to be deployed: rename it"
            )
    needed = {
        one.key.name: one.key
        for one in wanted.of("index", "constraint")
        if one.key.kind == "index" or one.notes["contype"] in ("p", "u")
    }
    rows = pg.execute(
        """select c.relname, c.relkind, x.indrelid::regclass::text from pg_class c left join pg_index x on x.indexrelid = c.oid
           where c.relnamespace = to_regnamespace('public') and c.relname = any(%s)
               and (x.indrelid is null or x.indrelid <> all(select to_regclass('public.' || quote_ident(t)) from unnest(%s::text[]) t
                    where to_regclass('public.' || quote_ident(t)) is not null))""",
        [list(needed), list(there.tables)],
    ).fetchall()
    for name, kind, of in rows:
        what = f"an index of {of}" if of else _KINDS.get(kind, kind)
        raise NotOurs(f"public.{name} is {what}, nothing was changed; {needed[name]} needs that name: rename it")


def _returns(function: Thing) -> str:
    said = re.search(r"^ RETURNS (.*)$", str(function.facts["definition"]), re.MULTILINE)
    return said[1] if said else "nothing"


# --- files ------------------------------------------------------------------------------------------------------------


@cache
def gone() -> Mapping[tuple[str, str], frozenset[str]]:
    """sql/schema/gone.csv: what earlier releases of ours declared, by kind and name, with digests of how they did."""
    found: dict[tuple[str, str], frozenset[str]] = {}
    for row in _rows(sql_folder() / "schema" / "gone.csv"):
        key = (row["kind"], row["name"])
        found[key] = found.get(key, frozenset()) | {row["definition"]}
    return found


def _accepted(changes: Sequence[Change]) -> tuple[list[Change], list[tuple[Change, str]]]:
    """The changes to be made, and those that a person accepted to leave, each with the reason."""
    reasons = reasons_to_accept()
    left = [(change, reasons[str(change.key)]) for change in changes if str(change.key) in reasons]
    return [change for change in changes if str(change.key) not in reasons], left


def reasons_to_accept() -> dict[str, str]:
    """Why what is not as declared may stay so, by object, of those whose day has not passed."""
    settings = get_settings()
    path = settings.accepted_file
    if not path.is_file():
        if settings.accepted:
            raise SettingsError(f"ACLUE_ACCEPTED: there is no file {path}; correct the path, or leave it empty")
        return {}
    today = datetime.now(UTC).date()
    reasons = {}
    rows = _rows(path)
    if not rows and path.read_text(encoding="utf-8").strip() not in ("", "object,reason,until"):
        raise SettingsError(f"{path.name}: its first line must be object,reason,until; the differences stand below")
    for row in rows:
        try:
            until = date.fromisoformat(row["until"])
            if until >= today:
                reasons[row["object"]] = f"{row['reason']}, until {until}"
        except (KeyError, ValueError, TypeError) as error:
            raise SettingsError(
                f"{path.name}: every line is object,reason,until (a date as 2026-12-31): {error}"
            ) from None
    return reasons


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
