"""Replaces the rows of derived tables by what their SELECT says now: days in month-sized transactions, each day only if it came
out different. When that happens is Dagster's business, what the rows mean the SQL file's."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from aclue_pipeline.catalog import Catalog, Table
from aclue_pipeline.catalog.table import ADDED
from aclue_pipeline.derived.tables import bound, compute, ensure, named_errors
from aclue_pipeline.errors import NoSuchDay, SqlFileError

if TYPE_CHECKING:
    import psycopg

    from aclue_pipeline.postgres import Database

    Pg = psycopg.Connection[Any]

DAY = timedelta(days=1)


@dataclass(frozen=True)
class DayResult:
    """One rebuilt day: its rows, whether they were written, and the headline columns' sums before and after."""

    day: date
    rows: int
    changed: bool
    headline: dict[str, tuple[Any, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Replaced:
    """A whole table replaced: its rows now, and how many of them were written or deleted."""

    rows: int
    written: int
    deleted: int

    @property
    def changed(self) -> bool:
        return bool(self.written or self.deleted)


def replace_days(
    db: "Database",
    catalog: Catalog,
    table: Table,
    first: date,
    last: date,
    *,
    run_id: str | None = None,
    parameters: Mapping[str, Any] | None = None,
    progress: Callable[[list[DayResult]], None] | None = None,
) -> list[DayResult]:
    """Compute the days from `first` to `last` (both counted) and write those that came out different; a result per day.

    Each calendar month is one transaction that holds the table's lock: a run that is killed leaves whole months, two at once
    take turns, and a second run writes nothing. `progress` is called after each commit. The table is created or brought up to
    date first. Raises SqlFileError where the SELECT yields another day than asked, or two rows of one grain.
    """
    if table.kind != "daily":
        raise SqlFileError(f"{table.key} is of kind {table.kind}: only daily tables have days to replace")
    with db.begin() as connection:
        ensure(connection, catalog, table)
    results: list[DayResult] = []
    for begin, end in months(first, last):
        with db.psycopg() as pg, named_errors():
            done = _replace(pg, table, begin, end, run_id, {**bounds(begin, end), **(parameters or {})})
        results += done
        if progress is not None:
            progress(done)
    return results


def replace_table(
    db: "Database",
    catalog: Catalog,
    table: Table,
    *,
    run_id: str | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> Replaced:
    """Compute a table of kind `whole` and write the rows that came out different, in one transaction."""
    from psycopg import sql

    if table.kind != "whole":
        raise SqlFileError(f"{table.key} is of kind {table.kind}: only a table of kind whole is replaced whole")
    with db.begin() as connection:
        ensure(connection, catalog, table)
    with db.psycopg() as pg, named_errors(), _grain_errors(table):
        _lock(pg, table)
        compute(pg, table, "aclue_new", bound(table, parameters or {}))
        names = _names(table)
        deleted = pg.execute(
            sql.SQL(
                """delete from {table} where ({grain}) in (
                       select {grain} from (select {columns} from {table} except all select {columns} from aclue_new) d)"""
            ).format(**names)
        ).rowcount
        written = pg.execute(
            sql.SQL(
                """insert into {table} ({written}, run_id) select {written}, %s from aclue_new
                   where ({grain}) in (select {grain} from (select {columns} from aclue_new except all select {columns} from {table}) d)"""
            ).format(**names),
            [run_id],
        ).rowcount
        rows = pg.execute("select count(*) from aclue_new").fetchone()
        return Replaced(rows[0] if rows else 0, written, deleted)


def outdated_days(db: "Database", table: Table) -> list[date]:
    """Days that were computed by another version of the SQL than the file has now."""
    return _days(
        db,
        "select day from pipeline.days where table_name = %s and code_version <> %s order by day",
        [table.key, table.code_version],
    )


def missing_days(db: "Database", table: Table, first: date, last: date) -> list[date]:
    """Days of the range (both counted) that were never computed."""
    computed = set(_days(db, "select day from pipeline.days where table_name = %s", [table.key]))
    return [day for day in days(first, last) if day not in computed]


def trailing_range(last: date) -> tuple[date, date]:
    """The trailing days (ACLUE_TRAILING_DAYS) up to `last`: late conversions change days that are long over."""
    from aclue_pipeline.settings import get_settings

    settings = get_settings()
    return max(settings.first_day, last - DAY * (settings.trailing_days - 1)), last


def rebuild_range(first: date | None, last: date | None, today: date | None = None) -> tuple[date, date]:
    """First and last day to rebuild, both counted: as given, else up to yesterday (of the reporting zone), the trailing days.

    Raises NoSuchDay before ACLUE_FIRST_DAY, for a day that is not over, and where the range ends before it begins.
    """
    from aclue_pipeline.settings import get_settings

    settings = get_settings()
    today = today or datetime.now(ZoneInfo(settings.timezone)).date()
    last = last or today - DAY
    first = first or trailing_range(last)[0]
    if last >= today:
        raise NoSuchDay(f"{last} is not over yet in {settings.timezone}: the last day to rebuild is {today - DAY}")
    if first < settings.first_day:
        raise NoSuchDay(f"{first} is before the first day, {settings.first_day}: ACLUE_FIRST_DAY sets another")
    if last < first:
        raise NoSuchDay(f"the range ends on {last}, before it begins on {first}: turn --from and --to round")
    return first, last


def days(first: date, last: date) -> Iterator[date]:
    return (first + DAY * n for n in range((last - first).days + 1))


def months(first: date, last: date) -> Iterator[tuple[date, date]]:
    """The range cut at the ends of months: first day, day after the last."""
    begin = first
    while begin <= last:
        end = min((begin.replace(day=1) + 31 * DAY).replace(day=1), last + DAY)
        yield begin, end
        begin = end


def bounds(begin: date, end: date, zone: str | None = None) -> dict[str, datetime]:
    """range_start and range_end: the local midnights that open `begin` and `end` in the reporting zone."""
    from aclue_pipeline.settings import get_settings

    local = ZoneInfo(zone or get_settings().timezone)
    return {
        "range_start": datetime(begin.year, begin.month, begin.day, tzinfo=local),
        "range_end": datetime(end.year, end.month, end.day, tzinfo=local),
    }


# --- one transaction --------------------------------------------------------------------------------------------------


def _replace(
    pg: "Pg", table: Table, begin: date, end: date, run_id: str | None, parameters: Mapping[str, Any]
) -> list[DayResult]:
    """The days in [begin, end) of one transaction."""
    from psycopg import sql

    _lock(pg, table)
    compute(pg, table, "aclue_new", bound(table, parameters))
    _check_days(pg, table, begin, end)
    results = _compared(pg, table, begin, end)
    changed = [result.day for result in results if result.changed]
    names = _names(table)
    if changed:
        with _grain_errors(table):
            pg.execute(sql.SQL("delete from {table} where {clock} = any(%s)").format(**names), [changed])
            insert = (
                "insert into {table} ({written}, run_id) select {written}, %s from aclue_new where {clock} = any(%s)"
            )
            pg.execute(sql.SQL(insert).format(**names), [run_id, changed])
    pg.execute("drop table aclue_new")
    with pg.cursor() as cursor:
        cursor.executemany(
            """insert into pipeline.days as d (table_name, day, code_version, rows) values (%s, %s, %s, %s)
               on conflict (table_name, day) do update
               set (code_version, rows, computed_at) = (excluded.code_version, excluded.rows, now())
               where %s or (d.code_version, d.rows) is distinct from (excluded.code_version, excluded.rows)""",
            [(table.key, result.day, table.code_version, result.rows, result.changed) for result in results],
        )
    return results


def _compared(pg: "Pg", table: Table, begin: date, end: date) -> list[DayResult]:
    """Each day's rows now, whether they differ from what the table holds, and the headline before and after."""
    from psycopg import sql

    heads = table.headline
    sums = sql.SQL("").join(sql.SQL(", sum({0}) as {0}").format(sql.Identifier(name)) for name in heads)
    shown = sql.SQL("").join(sql.SQL(", o.{0}, n.{0}").format(sql.Identifier(name)) for name in heads)
    statement = sql.SQL(
        """
        with old as (select {columns} from {table} where {clock} >= %(begin)s and {clock} < %(end)s),
        differs as (
            select distinct {clock} as day from (
                (select {columns} from aclue_new except all select {columns} from old)
                union all
                (select {columns} from old except all select {columns} from aclue_new)
            ) d
        ),
        before as (select {clock} as day{sums} from old group by 1),
        after as (select {clock} as day, count(*) as rows{sums} from aclue_new group by 1)
        select s.day::date, coalesce(n.rows, 0), d.day is not null{shown}
        from generate_series(%(begin)s::date, %(end)s::date - 1, interval '1 day') as s (day)
        left join differs d on d.day = s.day::date
        left join before o on o.day = s.day::date
        left join after n on n.day = s.day::date
        order by 1
        """
    ).format(**_names(table), sums=sums, shown=shown)
    rows = pg.execute(statement, {"begin": begin, "end": end}).fetchall()
    return [
        DayResult(day, count, changed, {name: (values[2 * n], values[2 * n + 1]) for n, name in enumerate(heads)})
        for day, count, changed, *values in rows
    ]


def _names(table: Table) -> dict[str, Any]:
    """Parts of statements: `columns` are compared, `written` also holds the bookkeeping columns that the SELECT yields."""
    from psycopg import sql

    def listed(names: Iterable[str]) -> Any:
        return sql.SQL(", ").join(map(sql.Identifier, names))

    return {
        "table": sql.Identifier(table.schema, table.name),
        "columns": listed(column.name for column in table.columns if not column.bookkeeping),
        "written": listed(column.name for column in table.columns if column.name not in ADDED),
        "grain": listed(table.grain),
        "clock": sql.Identifier(table.clock or table.grain[0]),
    }


@contextmanager
def _grain_errors(table: Table) -> Iterator[None]:
    from psycopg import errors

    try:
        yield
    except (errors.UniqueViolation, errors.NotNullViolation) as error:
        unique = isinstance(error, errors.UniqueViolation)
        why = error.diag.message_detail if unique else error.diag.message_primary
        raise SqlFileError(f"{table.path.name}: its rows are not one per ({', '.join(table.grain)}): {why}") from error


def _lock(pg: "Pg", table: Table) -> None:
    # Taken before the SELECT runs: under READ COMMITTED the second of two then sees what the first has written.
    pg.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"aclue:{table.key}"])


def _check_days(pg: "Pg", table: Table, begin: date, end: date) -> None:
    from psycopg import sql

    statement = sql.SQL(
        "select {clock} from aclue_new where ({clock} >= %s and {clock} < %s) is not true limit 1"
    ).format(**_names(table))
    stray = pg.execute(statement, [begin, end]).fetchone()
    if stray is not None:
        what = stray[0] or "rows without a day"
        raise SqlFileError(f"{table.path.name}: asked for {begin} to {end - DAY}, its SELECT also yields {what}")


def _days(db: "Database", statement: str, values: list[str]) -> list[date]:
    with db.psycopg() as pg:
        if pg.execute("select to_regclass('pipeline.days')").fetchone() == (None,):
            return []
        return [day for (day,) in pg.execute(statement, values).fetchall()]
