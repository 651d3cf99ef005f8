"""Replaces the rows of derived tables by what their SELECT says now, row by row and only where they differ: days in month-sized
transactions, whole tables in one. When that happens is Dagster's business, what the rows mean the SQL file's, what becomes of
the rows they replace history.py's."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

import psycopg
from psycopg import errors, sql
from psycopg.types.json import Json

from aclue_pipeline.catalog import Catalog, Table
from aclue_pipeline.derived import facts, history
from aclue_pipeline.derived.needed import DAY, needed, readers, settle, span, spans
from aclue_pipeline.derived.statement import compute, execute, named_errors, one, parts_of, row
from aclue_pipeline.derived.tables import ensure
from aclue_pipeline.derived.upgrades import select_of, take_over
from aclue_pipeline.errors import DaysFailed, SqlFileError
from aclue_pipeline.postgres import Database, Pg
from aclue_pipeline.postgres.locks import snapshot
from aclue_pipeline.settings import get_settings

#: What the rows of one day can do to a statement, so that the other days can still be computed.
_OF_A_DAY = (psycopg.DataError, psycopg.IntegrityError, errors.ProgramLimitExceeded)


@dataclass(frozen=True)
class DayResult:
    """One rebuilt day: its rows, whether any were written or deleted, the headline columns' sums before and after, how many
    published cells came out different, and how many source rows went while it was kept as published."""

    day: date
    rows: int
    changed: bool
    headline: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    restated: int = 0
    lost: int = 0


@dataclass(frozen=True)
class Replaced:
    """A whole table replaced: its rows now, how many were written and deleted, how many published cells came out different."""

    rows: int
    written: int
    deleted: int
    restated: int = 0

    @property
    def changed(self) -> bool:
        return bool(self.written or self.deleted)


@dataclass(frozen=True)
class _Build:
    """What is the same for every transaction of one rebuild."""

    table: Table
    version: str
    run_id: str | None
    restate: bool
    parameters: Mapping[str, Any]
    readers: list[str]


def rebuild(
    db: Database,
    catalog: Catalog,
    tables: Sequence[Table],
    days: Iterable[date] | None = None,
    *,
    restate: bool = False,
    run_id: str | None = None,
    progress: Callable[[str, list[DayResult]], None] | None = None,
) -> dict[str, list[DayResult] | Replaced]:
    """These tables, sources first: the given days of the daily ones, else those that each needs, and the whole ones.

    A day that failed in a table is left alone in the tables that are made of it. Raises DaysFailed when all others are done.
    """
    results: dict[str, list[DayResult] | Replaced] = {}
    failed: dict[str, dict[date, str]] = {}
    given = None if days is None else list(days)
    for table in (t for t in catalog.tables.values() if t in tables):
        if table.kind == "whole":
            results[table.key] = replace_whole(db, catalog, table, run_id=run_id)
            continue
        above = {day for source in table.upstream for day in failed.get(source, ())}
        wanted = needed(db, catalog, table) if given is None else given

        def month_done(done: list[DayResult], key: str = table.key) -> None:
            if progress is not None:
                progress(key, done)

        try:
            results[table.key] = replace_days(
                db, catalog, table, [day for day in wanted if day not in above],
                run_id=run_id, restate=restate, progress=month_done,
            )  # fmt: skip
        except DaysFailed as error:
            failed.update({key: dict(days) for key, days in error.days.items()})
            results.update(error.results)
    if failed:
        raise DaysFailed(failed, results)
    return results


def replace_days(
    db: Database,
    catalog: Catalog,
    table: Table,
    days: date | Iterable[date],
    last: date | None = None,
    *,
    run_id: str | None = None,
    restate: bool = False,
    parameters: Mapping[str, Any] | None = None,
    progress: Callable[[list[DayResult]], None] | None = None,
) -> list[DayResult]:
    """Compute the days (or those from a first one to `last`, both counted) and write the rows that came out different; a result
    per day.

    Each stretch of days within a calendar month is one transaction under the table's lock: a run that is killed leaves whole
    ones, two at once take turns, and a second run writes nothing. Days that lost source rows keep what was published, unless
    they are dirty for another cause or `restate` says so. `progress` is called after each commit. The table is created or
    brought up to date first. Raises SqlFileError where the SELECT yields another day than asked, and, when all others are done,
    DaysFailed with the days that cannot be computed.
    """
    if table.kind != "daily":
        raise SqlFileError(f"{table.key} is of kind {table.kind}: only daily tables have days to replace")
    with db.begin() as connection:
        ensure(connection, catalog, table, *catalog.functions.values())  # those of its checks, too
    wanted = sorted(set(span(days, last or days) if isinstance(days, date) else days))
    if wanted and facts.reaches(catalog, table) & facts.LOOKED_AT:
        facts.look(db, catalog, wanted[0], wanted[-1])
    build = _Build(
        table, catalog.version(table, get_settings()), run_id, restate, parameters or {}, readers(catalog, table)
    )
    results: list[DayResult] = []
    failed: dict[date, str] = {}
    for begin, end in spans(wanted):
        for done in _attempts(db, build, begin, end, failed):
            results += done
            if progress is not None:
                progress(done)
    if failed:
        raise DaysFailed({table.key: failed}, {table.key: results})
    return results


def _attempts(
    db: Database, build: _Build, begin: date, end: date, failed: dict[date, str]
) -> Iterator[list[DayResult]]:
    """The days in [begin, end) as one transaction; where that fails over its rows, each day as one of its own."""
    try:
        with snapshot(db, alone=build.table.key, beside=(facts.LOCK, *build.table.upstream)) as pg, named_errors():
            done = _replace(pg, build, begin, end)
    except _OF_A_DAY as error:
        if end - begin == DAY:
            failed[begin] = _why(build.table, error)
        else:
            for day in span(begin, end - DAY):
                yield from _attempts(db, build, day, day + DAY, failed)
    else:
        yield done


def _why(table: Table, error: psycopg.Error) -> str:
    if isinstance(error, errors.UniqueViolation | errors.NotNullViolation):
        return f"its rows are not one per ({', '.join(table.grain)}): {error.diag.message_detail or error.diag.message_primary}"
    return error.diag.message_primary or str(error)


def replace_whole(
    db: Database,
    catalog: Catalog,
    table: Table,
    *,
    run_id: str | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> Replaced:
    """Compute a table of kind `whole` and write the rows that came out different, in one transaction."""
    with whole(db, catalog, table, run_id=run_id, parameters=parameters) as (_, refresh):
        return refresh()


@contextmanager
def whole(
    db: Database,
    catalog: Catalog,
    table: Table,
    *,
    run_id: str | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> Iterator[tuple[Pg, Callable[..., Replaced]]]:
    """One transaction under the lock of a table of kind `whole`: its connection, and what replaces the table by its SELECT now (and
    takes causes), so that what the rows follow from can be changed in the same transaction."""
    if table.kind != "whole":
        raise SqlFileError(f"{table.key} is of kind {table.kind}: only a table of kind whole is replaced whole")
    with db.begin() as connection:
        ensure(connection, catalog, table)
    version = catalog.version(table, get_settings())
    with snapshot(db, alone=table.key, beside=(facts.LOCK, *table.upstream)) as pg, named_errors():
        yield pg, lambda *causes: _replace_whole(pg, table, version, run_id, parameters or {}, causes)


def _replace_whole(
    pg: Pg, table: Table, version: str, run_id: str | None, parameters: Mapping[str, Any], causes: Sequence[str]
) -> Replaced:
    compute(pg, table, "aclue_new", parameters)
    try:
        execute(pg, "create unique index on aclue_new ({grain}) nulls not distinct", table)
    except errors.UniqueViolation as error:
        raise SqlFileError(f"{table.path.name}: {_why(table, error)}") from error
    _find_moved(pg, table)
    last = row(
        pg,
        "select version from pipeline.publications where table_name = %s order by number desc limit 1",
        [table.key],
    )
    known = None if last is None else {"": [*_version_causes(last[0], version), *causes]}
    moved = history.publish(pg, table, run_id, version, known) if _any_moved(pg) or last != (version,) else None
    pg.execute("delete from pipeline.dirty where table_name = %s", [table.key])
    rows = one(pg, "select count(*) from aclue_new")
    pg.execute("drop table if exists aclue_new, aclue_moved, aclue_causes")
    return Replaced(rows, moved.written, moved.deleted, moved.restated.get(None, 0)) if moved else Replaced(rows, 0, 0)


# --- one transaction --------------------------------------------------------------------------------------------------


def _replace(pg: Pg, build: _Build, begin: date, end: date) -> list[DayResult]:
    """The days in [begin, end) of one transaction."""
    table = build.table
    values = {**_bounds(pg, build, begin, end), **build.parameters}
    take_over(pg, table, build.run_id, values)
    compute(pg, table, "aclue_new", values)
    _check_days(pg, table, begin, end)
    execute(pg, "alter table aclue_new add primary key ({grain})", table)
    known = _published(pg, table, begin, end)
    kept = [] if build.restate else [day for day, (_, lost, dirty) in known.items() if lost and not dirty]
    _find_moved(pg, table, begin, end, kept)
    results = _compared(pg, table, begin, end)
    causes = {
        day.isoformat(): _version_causes(version, build.version) + (["deleted source"] if lost else [])
        or ([] if dirty else ["unexplained"])
        for day, (version, lost, dirty) in known.items()
    }
    moved = history.publish(pg, table, build.run_id, build.version, causes) if _any_moved(pg) else None
    results = [
        replace(r, restated=moved.restated.get(r.day, 0) if moved else 0, lost=known[r.day][1] if r.day in kept else 0)
        for r in results
    ]
    done = [result for result in results if result.day not in kept]
    known_causes = {r.day: causes.get(r.day.isoformat(), ["new day"]) for r in done if r.changed}
    settle(pg, table, build.readers, [r.day for r in done], known_causes)
    figures = _figures(pg, table, values)
    with pg.cursor() as cursor:
        cursor.executemany(
            """insert into pipeline.days as d (table_name, day, version, rows, figures, publication) values (%s, %s, %s, %s, %s, %s)
               on conflict (table_name, day) do update
               set (version, rows, figures, lost, publication, computed_at)
                   = (excluded.version, excluded.rows, excluded.figures, 0, coalesce(excluded.publication, d.publication), now())
               where excluded.publication is not null
                  or (d.version, d.rows, d.figures, d.lost) is distinct from (excluded.version, excluded.rows, excluded.figures, 0)""",
            [
                (
                    table.key,
                    r.day,
                    build.version,
                    r.rows,
                    figures.get(r.day),
                    moved.number if moved and r.changed else None,
                )
                for r in done
            ],
        )
    return results


def _bounds(pg: Pg, build: _Build, begin: date, end: date) -> dict[str, datetime]:
    """range_start and range_end: the instants that open `begin` and `end` in the reporting zone, by the server's zone data."""
    zone = build.parameters.get("timezone", get_settings().timezone)
    opens = "select analytics.day_start(%s, %s), analytics.day_start(%s, %s)"
    start, stop = row(pg, opens, [begin, zone, end, zone])
    return {"range_start": start, "range_end": stop}


def _check_days(pg: Pg, table: Table, begin: date, end: date) -> None:
    stray = execute(
        pg, "select {clock} from aclue_new where ({clock} >= {begin} and {clock} < {end}) is not true limit 1",
        table, begin=begin, end=end,
    ).fetchone()  # fmt: skip
    if stray is not None:
        what = stray[0] or "rows without a day"
        raise SqlFileError(f"{table.path.name}: asked for {begin} to {end - DAY}, its SELECT also yields {what}")


def _published(pg: Pg, table: Table, begin: date, end: date) -> dict[date, tuple[str | None, int, bool]]:
    """Days that were computed before: by which version, how many of their source rows went since, whether facts made them dirty."""
    statement = """select day, version, lost, exists (select from pipeline.dirty x where x.table_name = d.table_name and x.day = d.day)
                   from pipeline.days d where table_name = %s and day >= %s and day < %s"""
    return {day: tuple(rest) for day, *rest in pg.execute(statement, [table.key, begin, end])}


def _version_causes(old: str | None, new: str) -> list[str]:
    """Why a number may differ although no fact behind it changed: the SQL, or only the value of a setting."""
    if old == new:
        return []
    return ["setting" if old and old.split("-")[0] == new.split("-")[0] else "definition"]


def _find_moved(
    pg: Pg, table: Table, begin: date | None = None, end: date | None = None, kept: Sequence[date] = ()
) -> None:
    """aclue_moved: the keys of rows that are only, or otherwise, in one of the table and what was computed now."""
    clock = parts_of(table)["clock"]
    inside = sql.SQL("{0} >= {1} and {0} < {2}").format(clock, begin, end) if begin else sql.SQL("true")
    # Where nothing stands yet all is new, and need not be told apart.
    there = execute(pg, "select exists (select from {table} where {inside})", table, inside=inside).fetchone()
    if there == (False,) and not kept:
        execute(pg, "create temporary table aclue_moved on commit drop as select {grain} from aclue_new", table)
        return
    execute(
        pg,
        """create temporary table aclue_moved on commit drop as
           select distinct {grain} from (
               (select {columns} from {table} where {inside} except all select {columns} from aclue_new)
               union all
               (select {columns} from aclue_new except all select {columns} from {table} where {inside})
           ) as d where {outside}""",
        table,
        inside=inside,
        outside=sql.SQL("{} <> all({})").format(clock, list(kept)) if kept else sql.SQL("true"),
    )
    pg.execute("analyze aclue_moved")


def _any_moved(pg: Pg) -> bool:
    return bool(one(pg, "select exists (select from aclue_moved)"))


def _compared(pg: Pg, table: Table, begin: date, end: date) -> list[DayResult]:
    """Each day's rows, whether any of them differ from what the table holds, and the headline before and after."""
    heads = table.headline
    sums = sql.SQL("").join(sql.SQL(", sum({})").format(sql.Identifier(name)) for name in heads)
    before, after = (
        {
            day: values
            for day, *values in execute(
                pg, "select {clock}, count(*) {sums} from {source} where {clock} >= {begin} and {clock} < {end} group by 1",
                table, begin=begin, end=end, sums=sums, source=source,
            )
        }
        for source in (parts_of(table)["table"], sql.SQL("aclue_new"))
    )  # fmt: skip
    changed = {day for (day,) in execute(pg, "select distinct {clock} from aclue_moved", table)}
    none = [0, *(None for _ in heads)]
    results = []
    for day in span(begin, end - DAY):
        old = before.get(day, none)
        new = after.get(day, none) if day in changed else old
        results.append(
            DayResult(day, new[0], day in changed, dict(zip(heads, zip(old[1:], new[1:], strict=True), strict=True)))
        )
    return results


def _figures(pg: Pg, table: Table, values: Mapping[str, Any]) -> dict[date, Json]:
    """What the days were computed from, as sql/<room>/figures/<table>.sql counts it in this snapshot."""
    path = table.path.parent / "figures" / table.path.name
    if not path.is_file():
        return {}
    select = select_of(pg, path, values)
    rows = pg.execute(sql.SQL("select f.day, to_jsonb(f) - 'day' from ({}) as f").format(select))
    return {day: Json(counts) for day, counts in rows}
