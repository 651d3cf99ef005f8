"""Runs a case: given rows → expected rows of one table, on a real server. The format is described in sql/README.md; the cases
themselves are the files in tests/cases/, each of which needs no Python."""

import json
import re
import uuid
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml
from psycopg import sql
from psycopg.rows import dict_row

from aclue_pipeline import derived
from aclue_pipeline.catalog import Catalog, Table
from aclue_pipeline.catalog.types import base_of
from aclue_pipeline.checks import ask
from aclue_pipeline.derived import facts
from aclue_pipeline.postgres import Database

NAMES = uuid.UUID("5b0d3f3e-6d2c-4c55-9d6a-0a1c1b7f2e10")
FILLED = {
    "uuid": None,
    "bool": "false",
    "timestamptz": "2026-01-01 00:00+00",
    "timestamp": "2026-01-01 00:00",
    "date": "2026-01-01",
    "int": "1",
    "numeric": "0",
    "float": "0",
    "jsonb": "{}",
    "json": "{}",
}


@dataclass(frozen=True)
class Case:
    """One given → expected of one table, or one select → expected of one function."""

    name: str
    of: str
    expected: list[Any]
    select: str = ""
    given: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    range: tuple[date, date] | None = None
    shape: str = "a"
    parameters: dict[str, Any] = field(default_factory=dict)
    says: str = ""
    where: str = "true"

    def __str__(self) -> str:
        return f"{self.of}: {self.name}"


class _Loader(yaml.SafeLoader):
    """Leaves times and decimals as they are written: the server reads them, and 5.40 stays exact."""


_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag not in ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:float")
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_cases(path: Path) -> list[Case]:
    """The cases of one file; it is named after its table or function, or `check.<name>`."""
    found = []
    for raw in yaml.load(path.read_text(encoding="utf-8"), _Loader) or []:
        ends = raw.pop("range", None)
        between = (date.fromisoformat(str(ends[0])), date.fromisoformat(str(ends[1]))) if ends else None
        found.append(Case(of=path.stem, range=between, **raw))
    return found


def check(case: Case, catalog: Catalog, db: Database, admin: Database) -> None:
    """Load the given rows, compute the table, compare. `admin` loads (it may write everywhere), `db` computes."""
    if case.of in catalog.functions:
        with db.psycopg() as pg:
            found = [
                None if value is None else str(value) for (value,) in pg.execute(f"select {case.select}").fetchall()
            ]
        assert found == [None if value is None else str(value) for value in case.expected], str(case)
        return
    load(admin, case.given)
    if "staging.click_facts" in catalog.tables:
        facts.sync(db, catalog)
    if case.of.startswith("check."):
        [file] = [file for file in catalog.checks if case.of == f"check.{file.name}"]
        said = ask(db, file)
        judged = {"outcome": said.outcome, **said.evidence}
        assert [{name: judged[name] for name in wanted} for wanted in case.expected] == case.expected, (
            f"{case}: {judged}"
        )
        return
    table = catalog.table(case.of)
    if table.kind == "daily":
        assert case.range, f"{case}: a daily table needs `range: [first day, last day]`"
        for one in catalog.with_upstream(table):
            if one.kind == "daily":
                derived.replace_days(db, catalog, one, *case.range, parameters=case.parameters)
    elif table.kind == "whole":
        derived.replace_whole(db, catalog, table, parameters=case.parameters)
    else:
        assert table.kind in ("view", "facts"), (
            f"{case}: cases are for tables made by a SELECT, {table.key} is of kind {table.kind}"
        )
    compare(case, table, db)


# --- given ------------------------------------------------------------------------------------------------------------


def load(admin: Database, given: dict[str, list[dict[str, Any]]]) -> None:
    """Insert the rows, tables that others refer to first; fill what is not given."""
    with admin.psycopg() as pg:
        inserter = Inserter(pg)
        for key in inserter.in_order(list(given)):
            for row in given[key] or []:
                inserter.insert(key, row)


def identifier(name: str) -> str:
    """The uuid that a short name stands for; a uuid is itself."""
    try:
        return str(uuid.UUID(name))
    except ValueError:
        return str(uuid.uuid5(NAMES, name))


@dataclass(frozen=True)
class Slot:
    """A column as the server has it: how to fill it when it is not given, and what it refers to."""

    name: str
    type: str
    needed: bool
    unique: bool
    choice: str | None
    parent: str | None
    parent_column: str | None


class Inserter:
    """Writes rows into the app's and the deployed tables, with whatever else those need to be valid."""

    def __init__(self, pg: Any) -> None:
        self._pg = pg
        self._slots: dict[str, dict[str, Slot]] = {}
        self._count = 0

    def in_order(self, keys: list[str]) -> list[str]:
        ordered: list[str] = []

        def place(key: str) -> None:
            for slot in self.slots(key).values():
                if slot.parent in keys and slot.parent not in ordered and slot.parent != key:
                    place(slot.parent)
            if key not in ordered:
                ordered.append(key)

        for key in keys:
            place(key)
        return ordered

    def insert(self, key: str, row: dict[str, Any], *, unless_there: bool = False) -> None:
        slots = self.slots(key)
        unknown = set(row) - set(slots)
        assert not unknown, f"{key} has no column {', '.join(sorted(unknown))}"
        self._count += 1
        values = {name: self._value(slots[name], value) for name, value in row.items()}
        for name, slot in slots.items():
            if slot.needed and name not in values:
                values[name] = self._fill(key, slot)
        for name, value in values.items():
            parent, column = slots[name].parent, slots[name].parent_column
            if parent and column and value is not None:
                self.insert(parent, {column: value}, unless_there=True)
        statement = sql.SQL("insert into {} ({}) values ({})").format(
            sql.Identifier(*key.split(".")),
            sql.SQL(", ").join(map(sql.Identifier, values)),
            sql.SQL(", ").join(sql.SQL("%s::" + slots[name].type) for name in values),
        )
        if unless_there:
            statement += sql.SQL(" on conflict do nothing")
        self._pg.execute(statement, list(values.values()))

    def _value(self, slot: Slot, value: Any) -> Any:
        if value is None or isinstance(value, bool):
            return value
        if slot.type == "uuid":
            return identifier(str(value))
        if slot.type in ("json", "jsonb"):
            return value if isinstance(value, str) else json.dumps(value)
        return [str(item) for item in value] if isinstance(value, list) else str(value)

    def _fill(self, key: str, slot: Slot) -> Any:
        if slot.choice is not None:
            return slot.choice
        if slot.type == "uuid":
            return identifier(f"{key} {self._count}")
        if slot.type.endswith("[]"):
            return "{}"
        return FILLED.get(base_of(slot.type), f"{slot.name} {self._count}" if slot.unique else slot.name)

    def slots(self, key: str) -> dict[str, Slot]:
        if key not in self._slots:
            rows = self._pg.execute(_SLOTS, {"table": key}).fetchall()
            assert rows, f"there is no table {key} to be given rows of"
            self._slots[key] = {row[0]: Slot(*row[:4], _first_literal(row[4]), *row[5:]) for row in rows}
        return self._slots[key]


_SLOTS = """
select a.attname, format_type(a.atttypid, null), a.attnotnull and not a.atthasdef and a.attidentity = '' as needed,
    exists (select from pg_index i where i.indrelid = a.attrelid and i.indisunique and a.attnum = any(i.indkey)) as is_unique,
    (select pg_get_constraintdef(c.oid) from pg_constraint c
     where c.conrelid = a.attrelid and c.contype = 'c' and c.conkey = array[a.attnum] limit 1),
    f.parent, f.parent_column
from pg_attribute a
left join lateral (
    select n.nspname || '.' || r.relname as parent, p.attname as parent_column
    from pg_constraint c join pg_class r on r.oid = c.confrelid join pg_namespace n on n.oid = r.relnamespace
    join pg_attribute p on p.attrelid = r.oid and p.attnum = c.confkey[1]
    where c.conrelid = a.attrelid and c.contype = 'f' and c.conkey = array[a.attnum] limit 1
) f on true
where a.attrelid = %(table)s::regclass and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
order by a.attnum
"""


def _first_literal(check: str | None) -> str | None:
    match = re.search(r"'([^']+)'", check or "")
    return match[1] if match else None


# --- expected ---------------------------------------------------------------------------------------------------------


def compare(case: Case, table: Table, db: Database) -> None:
    """Every expected row is one of the table's rows on the columns it names, and there are no others."""
    names = {identifier(name): name for name in _words([case.given, case.expected])}
    with db.psycopg() as pg, pg.cursor(row_factory=dict_row) as cursor:
        actual = [
            _shown(row, names)
            for row in cursor.execute(
                sql.SQL("select * from {} where ").format(sql.Identifier(table.schema, table.name))
                + sql.SQL(case.where)
            )
        ]
        shape = sql.SQL("create temporary table expected as select null::int as case_row, t.* from {} t with no data")
        cursor.execute(shape.format(sql.Identifier(table.schema, table.name)))
        inserter = Inserter(pg)
        for n, row in enumerate(case.expected):
            inserter.insert("pg_temp.expected", {**row, "case_row": n})
        read = cursor.execute("select * from expected order by case_row").fetchall()
        cursor.execute("drop table expected")
    left = list(actual)
    missed = []
    for raw, row in sorted(zip(case.expected, read, strict=True), key=lambda pair: -len(pair[0])):
        wanted = {name: value for name, value in _shown(row, names).items() if name in raw}
        match = next(
            (found for found in left if all(_same(wanted[name], found[name], raw[name]) for name in wanted)), None
        )
        if match is None:
            missed.append(wanted)
        else:
            left.remove(match)
    columns = list(dict.fromkeys(name for row in case.expected for name in row)) or list(table.grain)
    differs = bool(missed or left)
    assert not differs, _told(case, missed, [{name: row[name] for name in columns} for row in left])


def _same(wanted: Any, found: Any, raw: Any) -> bool:
    if isinstance(found, Decimal | float) and wanted is not None:
        digits = len(str(raw).partition(".")[2])
        exact = Decimal(str(found))
        return (round(exact, digits) if digits >= 4 else exact) == Decimal(str(raw))
    return bool(wanted == found)


def _shown(row: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    return {
        name: names.get(str(value), value) if isinstance(value, str | uuid.UUID) else value
        for name, value in row.items()
    }


def _words(value: Any) -> set[str]:
    """Every string in the case that could be a short name."""
    if isinstance(value, dict):
        return set().union(*(_words(item) for item in value.values())) if value else set()
    if isinstance(value, list):
        return set().union(*(_words(item) for item in value)) if value else set()
    return {str(value)} if isinstance(value, str | int) and not isinstance(value, bool) else set()


def _told(case: Case, missed: list[dict[str, Any]], left: list[dict[str, Any]]) -> str:
    lines = [str(case), *([case.says] if case.says else [])]
    lines += [f"  expected, not there: {_line(row)}" for row in missed]
    lines += [f"  there, not expected: {_line(row)}" for row in left]
    return "\n".join(lines)


def _line(row: dict[str, Any]) -> str:
    return ", ".join(f"{name}: {value}" for name, value in row.items())
