"""The catalogue as one immutable value: every table, function and check that the SQL files describe, read once and passed along."""

import difflib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from aclue_pipeline.catalog import sqltext
from aclue_pipeline.catalog.functions import read_functions, standing_on
from aclue_pipeline.catalog.kept import kept
from aclue_pipeline.catalog.read import DERIVED_ROOMS, TableFile, read_check, read_declared, read_table
from aclue_pipeline.catalog.resolve import resolved
from aclue_pipeline.catalog.statement import shown
from aclue_pipeline.catalog.table import ENSURED, CheckFile, Function, Source, Table
from aclue_pipeline.errors import NothingFound, SqlFileError
from aclue_pipeline.settings import Settings, sql_folder

Described = Table | Function

_NAMED = 3  # columns that are named where a table was meant to be


@dataclass(frozen=True, eq=False)
class Catalog:
    """`tables` and `functions` by key ("analytics.revenue_daily", "analytics.rate"), sources before what stands on them."""

    root: Path
    tables: Mapping[str, Table]
    functions: Mapping[str, Function]
    checks: tuple[CheckFile, ...]

    @classmethod
    def load(cls, root: Path | None = None) -> "Catalog":
        """Read a folder of SQL files; without one, the package's, which is kept read. Raises SqlFileError naming the file that
        cannot be read."""
        return cls._read(root) if root else kept(sql_folder(), cls._read)

    @classmethod
    def _read(cls, root: Path) -> "Catalog":
        files: list[TableFile] = [*read_declared(root)]
        files += [read_table(path, room) for room in DERIVED_ROOMS for path in sorted((root / room).glob("*.sql"))]
        functions = read_functions(root / "functions")
        functions = standing_on(functions, {f.key for f in functions} | {table.key for table, _, _ in files})
        found = _by_key([*functions, *(table for table, _, _ in files)])
        trees, declared = {t.key: tree for t, tree, _ in files}, {t.key: said for t, _, said in files}
        ordered = _in_dependency_order(resolved(_in_dependency_order(found), trees, declared))
        checks = tuple(read_check(path, path.parent.parent.name) for path in sorted(root.glob("*/checks/*.sql")))
        for check in checks:
            if check.asset not in ordered:
                raise SqlFileError(f"{shown(check.path)}: there is no table {check.asset}")
        return cls(
            root,
            {key: one for key, one in ordered.items() if isinstance(one, Table)},
            {key: one for key, one in ordered.items() if isinstance(one, Function)},
            checks,
        )

    def table(self, key: str) -> Table:
        """The table of that key, or of that bare name: a derived one before the app's. Raises NothingFound."""
        if key in self.tables:
            return self.tables[key]
        named = sorted((t for t in self.tables.values() if t.name == key), key=lambda t: t.kind not in ENSURED)
        if named:
            return named[0]
        if held := [f"{t.key}.{key}" for t in self.tables.values() if any(c.name == key for c in t.columns)]:
            left = f" and {len(held) - _NAMED} more" if len(held) > _NAMED else ""
            raise NothingFound(f"there is no table {key}, but columns of that name: {', '.join(held[-_NAMED:])}{left}")
        near = difflib.get_close_matches(key, [*self.tables, *(t.name for t in self.tables.values())], 1, 0.5)
        raise NothingFound(
            f"there is no table {key}" + (f"; did you mean {near[0]}?" if near else "; `aclue lineage` lists them")
        )

    def room(self, room: str, *kinds: str) -> list[Table]:
        """The tables of a room (of these kinds), sources first."""
        return [t for t in self.tables.values() if t.room == room and (not kinds or t.kind in kinds)]

    @property
    def observed(self) -> list[str]:
        """Keys of the tables that others write: the app's, and of the deployed ones those that no Python of ours fills."""
        return [key for key, t in self.tables.items() if t.kind == "app" or (t.kind == "deployed" and not t.upstream)]

    def closure(self, *wanted: Described) -> list[Described]:
        """These, and all that we bring into the database for them to stand on: tables and functions, sources first."""
        needed = {one.key: one for one in wanted}
        waiting = list(needed.values())
        while waiting:
            for key in _stands_on(waiting.pop()):
                below = self.functions.get(key) or self.tables.get(key)
                if below is not None and key not in needed:
                    needed[key] = below
                    waiting.append(below)
        ours = {key for key, one in needed.items() if isinstance(one, Function) or one.kind in ENSURED}
        return [one for key, one in self._ordered.items() if key in ours]

    def with_upstream(self, *tables: Table) -> list[Table]:
        """These tables and every derived table that they are made of, sources first."""
        return [one for one in self.closure(*tables) if isinstance(one, Table)]

    def functions_of(self, *tables: Table) -> list[Function]:
        """The functions that these tables, or what they are made of, call."""
        return [one for one in self.closure(*tables) if isinstance(one, Function)]

    def settings_of(self, table: Table) -> list[str]:
        """Names of the settings that the table, or what it is made of, reads."""
        read = {name for one in self.with_upstream(table) for name in one.parameters}
        return sorted(read & set(Settings.model_fields))

    def version(self, table: Table, settings: Settings) -> str:
        """What a number of the table depends on, besides the facts: a digest of its own SQL and of everything upstream that we
        define, a dash, and one of the values of the settings that any of it reads."""
        statements = (part for one in self.closure(table) for part in (one.key, one.code_version))
        values = (f"{name}={getattr(settings, name)}" for name in self.settings_of(table))
        return f"{sqltext.digest(*statements)[:8]}-{sqltext.digest(*values)[:8]}"

    @cached_property
    def users(self) -> Mapping[tuple[str, str], tuple[Source, ...]]:
        """(table, column) → the columns that rest on it, each by the kind in which they do."""
        found: dict[tuple[str, str], list[Source]] = defaultdict(list)
        for table in self.tables.values():
            for column in table.columns:
                for source in column.lineage:
                    found[source.table, source.column].append(Source(table.key, column.name, source.kind))
        return {of: tuple(users) for of, users in found.items()}

    def users_of(self, key: str) -> list[str]:
        """Keys of the tables and functions that read this table or call this function, sorted."""
        return sorted(one.key for one in self._ordered.values() if key in _stands_on(one))

    @cached_property
    def _ordered(self) -> Mapping[str, Described]:
        return _in_dependency_order({**self.functions, **self.tables})


def _stands_on(one: Described) -> tuple[str, ...]:
    return (*one.upstream, *(one.functions if isinstance(one, Table) else ()))


def _by_key(described: list[Described]) -> dict[str, Described]:
    found: dict[str, Described] = {}
    for one in described:
        if one.key in found:
            raise SqlFileError(f"{shown(one.path)}: {one.key} is already described by {shown(found[one.key].path)}")
        found[one.key] = one
    ours = {function.schema for function in found.values() if isinstance(function, Function)} | set(
        DERIVED_ROOMS.values()
    )
    for one in found.values():
        for key in one.functions if isinstance(one, Table) else ():
            if key not in found and key.split(".")[0] in ours:
                raise SqlFileError(f"{shown(one.path)}: calls {key}, which no file of sql/functions describes")
    return found


def _in_dependency_order(found: Mapping[str, Described]) -> dict[str, Described]:
    """Sources before what is made of them; otherwise as found. Raises SqlFileError on a circle."""
    ordered: dict[str, Described] = {}
    waiting: list[str] = []

    def place(key: str) -> None:
        if key in ordered:
            return
        if key in waiting:
            circle = " → ".join([*waiting[waiting.index(key) :], key])
            raise SqlFileError(f"{shown(found[key].path)}: its SQL leads back to itself: {circle}")
        waiting.append(key)
        for source in _stands_on(found[key]):
            if source in found:
                place(source)
        waiting.pop()
        ordered[key] = found[key]

    for key in found:
        place(key)
    return ordered
