"""Imports of network reports and their undoing: the lines that reports.py reads become rows, of each thing the latest counts, and
commission_reconciliation follows, all in one transaction. Where a line finds its click, that table's SQL says."""

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from aclue_pipeline.catalog import Catalog
from aclue_pipeline.derived import ensure, facts, whole
from aclue_pipeline.errors import NothingFound
from aclue_pipeline.postgres import Database, Pg
from aclue_pipeline.revenue.networks import read_mappings
from aclue_pipeline.revenue.reports import Rejected, Report, read_report
from aclue_pipeline.settings import get_settings

TABLE = "analytics.commission_reconciliation"


@dataclass(frozen=True)
class Imported:
    """One import: its number and control totals, by currency; `is_new` is false where the file had been imported before."""

    number: int
    network: str
    file_name: str
    lines: int
    taken: int
    rejected: int
    reported_before: int
    totals: dict[str, Decimal]
    first_day: date | None
    last_day: date | None
    imported_at: datetime
    imported_by: str
    undone_at: datetime | None
    undone_by: str | None
    is_new: bool = False


def import_report(
    db: Database,
    catalog: Catalog,
    data: bytes,
    file_name: str,
    who: str,
    *,
    network: str | None = None,
    currency: str | None = None,
) -> tuple[Imported, tuple[Rejected, ...]]:
    """Take the lines of a report in, and say which were rejected. The same file again changes nothing.

    Raises ReportRefused where the file is none that can be read; nothing is written then.
    """
    report = read_report(data, read_mappings(catalog.root / "revenue" / "networks"), network, currency)
    digest = hashlib.sha256(data).digest()
    with whole(db, catalog, catalog.table(TABLE)) as (pg, refresh):
        again = pg.execute(
            "select import from pipeline.network_imports where file_hash = %s and undone_at is null", [digest]
        ).fetchone()
        if again is None:
            refresh()
            number = _write(pg, report, digest, file_name, who)
            refresh("report")
        found = _imports(pg, number if again is None else again[0], is_new=again is None)
    return found[0], report.rejected


def undo(db: Database, catalog: Catalog, number: int, who: str) -> Imported:
    """Take an import back: what it replaced counts again. That it was made, and who undid it, stays. Raises NothingFound."""
    with whole(db, catalog, catalog.table(TABLE)) as (pg, refresh):
        refresh()
        undone = pg.execute(
            """update pipeline.network_imports set undone_at = now(), undone_by = session_user || ': ' || %s
               where import = %s and undone_at is null""",
            [who, number],
        ).rowcount
        if not undone:
            raise NothingFound(f"no import {number} counts: `aclue revenue imports` lists them")
        pg.execute("create temporary table aclue_keys (line_key bytea) on commit drop")
        pg.execute(
            """with gone as (delete from analytics.network_reports where import = %s returning line_key)
               insert into aclue_keys select line_key from gone where line_key is not null""",
            [number],
        )
        _count_latest(pg)
        refresh("undo of a report")
        return _imports(pg, number)[0]


def imports(db: Database, catalog: Catalog) -> list[Imported]:
    """Every import there was, the latest first."""
    with db.begin() as connection:
        ensure(connection, catalog, catalog.table("pipeline.network_imports"))
    with db.psycopg() as pg:
        return _imports(pg)


def _write(pg: Pg, report: Report, digest: bytes, file_name: str, who: str) -> int:
    """The import and its rows. The number is the next one: imports take turns under the table's lock."""
    facts.make_secret(pg)
    _stage(pg, report)
    totals: dict[str, Decimal] = defaultdict(Decimal)
    for line in report.lines:
        totals[line.currency] += line.commission
    [number] = pg.execute(
        """insert into pipeline.network_imports
               (import, affiliate_network, file_name, file_hash, lines, taken, rejected, reported_before, totals, imported_by)
           select coalesce((select max(import) from pipeline.network_imports), 0) + 1, %s, %s, %s, %s, %s, %s,
               (select count(*) from aclue_lines l where exists (select from analytics.network_reports r where r.line_key = l.line_key)),
               %s, session_user || ': ' || %s
           returning import""",
        [
            report.network,
            file_name.encode("utf-8", "replace").decode()[:200],
            digest,
            len(report.lines) + len(report.rejected),
            len(report.lines),
            len(report.rejected),
            Jsonb({currency: str(total) for currency, total in sorted(totals.items())}),
            who,
        ],
    ).fetchone() or [0]
    pg.execute(_LINES, {"import": number, "network": report.network, "timezone": get_settings().timezone})
    pg.execute("create temporary table aclue_keys on commit drop as select line_key from aclue_lines")
    _count_latest(pg)
    with pg.cursor().copy(
        "copy analytics.network_reports (import, line, affiliate_network, rejection, counts) from stdin"
    ) as copy:
        for rejected in report.rejected:
            copy.write_row((number, rejected.number, report.network, rejected.reason, False))
    pg.execute(
        """update pipeline.network_imports set (first_day, last_day) =
               (select min(sold_on), max(sold_on) from analytics.network_reports where import = %(import)s)
           where import = %(import)s""",
        {"import": number},
    )
    return int(number)


def _stage(pg: Pg, report: Report) -> None:
    pg.execute(
        """create temporary table aclue_lines (
               line bigint, line_key bytea, sold_at timestamptz, sold_local timestamp, zone text, sold_on date, status text, currency text,
               commission numeric, reported numeric, sale_amount numeric, order_id text, click_id uuid
           ) on commit drop"""
    )
    with pg.cursor().copy("copy aclue_lines from stdin") as copy:
        for line in report.lines:
            at = line.sold if isinstance(line.sold, datetime) else None
            aware = at is not None and at.tzinfo is not None
            copy.write_row(
                (
                    line.number, line.key, at if aware else None, None if aware else at, line.zone, line.sold if at is None else None,
                    line.status, line.currency, line.commission, line.reported, line.sale, line.order, line.click,
                )
            )  # fmt: skip


#: Order numbers are hashed where the key is, as the sync does it; times become instants by the server's zone data.
_LINES = """
insert into analytics.network_reports (
    import, line, affiliate_network, counts, line_key, sold_at, sold_on, status, currency, commission, reported_commission, sale_amount,
    order_key, click_id
)
select
    %(import)s, l.line, %(network)s, true, l.line_key, t.sold_at, coalesce(l.sold_on, analytics.local_day(t.sold_at, %(timezone)s)),
    l.status, l.currency, l.commission, l.reported, l.sale_amount, sha256(k.secret || convert_to(l.order_id, 'UTF8')), l.click_id
from aclue_lines as l
cross join pipeline.secrets as k
cross join lateral (select coalesce(l.sold_at, l.sold_local at time zone nullif(l.zone, '')) as sold_at) as t
where k.name = 'orders'
"""


def _count_latest(pg: Pg) -> None:
    """Of each of these keys, the row of the latest import counts."""
    pg.execute(
        """update analytics.network_reports r set counts = l.counts
           from (
               select n.import, n.line, n.import = max(n.import) over (partition by n.line_key) as counts
               from analytics.network_reports n where n.line_key in (select line_key from aclue_keys)
           ) as l
           where (l.import, l.line) = (r.import, r.line) and l.counts <> r.counts"""
    )


def _imports(pg: Pg, number: int | None = None, *, is_new: bool = False) -> list[Imported]:
    rows = pg.cursor(row_factory=dict_row).execute(
        """select import as number, affiliate_network as network, file_name, lines, taken, rejected, reported_before, totals,
               first_day, last_day, imported_at, imported_by, undone_at, undone_by
           from pipeline.network_imports where %(number)s::bigint is null or import = %(number)s order by import desc""",
        {"number": number},
    )
    return [
        Imported(**{**row, "totals": {code: Decimal(total) for code, total in row["totals"].items()}, "is_new": is_new})
        for row in rows
    ]
