"""Which days of a daily table are to be computed: those that need it, those that a person names. Computing them is days.py's work."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from aclue_pipeline.catalog import Catalog, Table
from aclue_pipeline.derived.statement import is_there, local_day
from aclue_pipeline.errors import NoSuchDay
from aclue_pipeline.postgres import Database, Pg
from aclue_pipeline.settings import get_settings

DAY = timedelta(days=1)


def needed(
    db: Database, catalog: Catalog, table: Table, first: date | None = None, last: date | None = None
) -> list[date]:
    """Days of the range (else ACLUE_FIRST_DAY to yesterday) that were never computed, that facts behind them made dirty, or that
    another version computed; of the last, those that lost source rows stay as they are."""
    first, last = first or get_settings().first_day, last or today(db) - DAY
    if not is_known(db):
        return list(span(first, last))
    return _days(
        db,
        """select s.day::date from generate_series(%s::date, %s::date, interval '1 day') as s (day)
           left join pipeline.days d on d.table_name = %s and d.day = s.day::date
           where d.day is null or (d.version is distinct from %s and d.lost = 0)
              or exists (select from pipeline.dirty x where x.table_name = d.table_name and x.day = d.day) order by 1""",
        [first, last, table.key, catalog.version(table, get_settings())],
    )


def outdated_days(db: Database, catalog: Catalog, table: Table, *, lost: bool = False) -> list[date]:
    """Days that another version computed than there is now; with `lost`, those that lost source rows since and therefore stay."""
    if not is_known(db):
        return []
    return _days(
        db,
        """select day from pipeline.days where table_name = %s and version is distinct from %s and (lost > 0) = %s order by day""",
        [table.key, catalog.version(table, get_settings()), lost],
    )


def missing_days(db: Database, table: Table, last: date | None = None) -> list[date]:
    """Days from ACLUE_FIRST_DAY to `last` (else yesterday) that were never computed."""
    first, last = get_settings().first_day, last or today(db) - DAY
    if not is_known(db):
        return list(span(first, last))
    return _days(
        db,
        """select s.day::date from generate_series(%s::date, %s::date, interval '1 day') as s (day)
           where not exists (select from pipeline.days d where d.table_name = %s and d.day = s.day::date) order by 1""",
        [first, last, table.key],
    )


def dirty_days(db: Database, *tables: Table) -> dict[date, datetime]:
    """Days of these tables that facts made dirty, each with the time of the newest change."""
    if not is_known(db):
        return {}
    with db.psycopg() as pg:
        statement = "select day, max(noted_at) from pipeline.dirty where table_name = any(%s) group by 1 order by 1"
        return dict(pg.execute(statement, [[table.key for table in tables]]).fetchall())


def readers(catalog: Catalog, table: Table) -> list[str]:
    """Daily tables that are made of this one."""
    return [other.key for other in catalog.tables.values() if other.kind == "daily" and table.key in other.upstream]


def settle(pg: Pg, table: Table, readers: list[str], done: list[date], changed: Mapping[date, Sequence[str]]) -> None:
    """Days that were built are no longer dirty, unless what the table is made of waits for the same day; those that changed
    (with causes that no fact has) make the tables dirty that read them, which others may have built from what stood there."""
    pg.execute(
        """insert into pipeline.dirty (table_name, day, cause, cell)
           select d.table_name, d.day, c.cause, c.cell from (
               select x.day, x.cause, x.cell from pipeline.dirty x where x.table_name = %s
               union
               select v.day, v.cause, '{}' from unnest(%s::date[], %s::text[]) as v (day, cause)
           ) as c
           join pipeline.days d on d.day = c.day
           where d.day = any(%s) and d.table_name = any(%s)
           on conflict do nothing""",
        [
            table.key,
            [day for day, causes in changed.items() for _ in causes],
            [cause for causes in changed.values() for cause in causes],
            list(changed),
            readers,
        ],
    )
    pg.execute(
        """delete from pipeline.dirty x where table_name = %s and day = any(%s)
           and not exists (select from pipeline.dirty u where u.table_name = any(%s) and u.day = x.day)""",
        [table.key, done, list(table.upstream)],
    )


def rebuild_range(first: date, last: date | None, today: date) -> tuple[date, date]:
    """First and last day to rebuild, both counted: as given, else up to yesterday (of the reporting zone).

    Raises NoSuchDay before ACLUE_FIRST_DAY, for a day that is not over, and where the range ends before it begins.
    """
    settings = get_settings()
    late = max(first, last or first)
    last = last or today - DAY
    if late >= today:
        raise NoSuchDay(f"{late} is not over yet in {settings.timezone}: the last whole day is {today - DAY}")
    if first < settings.first_day:
        raise NoSuchDay(f"{first} is before the first day, {settings.first_day}: ACLUE_FIRST_DAY sets another")
    if last < first:
        raise NoSuchDay(f"the range ends on {last}, before it begins on {first}: turn --from and --to round")
    return first, last


def today(db: Database, at: datetime | None = None) -> date:
    """The day it is (was at an instant) in the reporting zone."""
    with db.psycopg() as pg:
        return local_day(pg, at)


def span(first: date, last: date) -> Iterator[date]:
    """Every day from `first` to `last`, both counted."""
    return (first + DAY * n for n in range((last - first).days + 1))


def spans(days: Iterable[date]) -> Iterator[tuple[date, date]]:
    """The days as stretches without a gap that cross no month: first day, day after the last."""
    begin = end = None
    for day in sorted(set(days)):
        if begin is not None and end is not None and (day != end or day.day == 1):
            yield begin, end
            begin = None
        begin, end = begin or day, day + DAY
    if begin is not None and end is not None:
        yield begin, end


def is_known(db: Database) -> bool:
    with db.psycopg() as pg:
        return is_there(pg, "pipeline.dirty")


def _days(db: Database, statement: str, values: list[Any]) -> list[date]:
    with db.psycopg() as pg:
        return [day for (day,) in pg.execute(statement, values).fetchall()]
