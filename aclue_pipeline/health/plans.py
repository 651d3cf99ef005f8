"""Large tables that statements read whole, as their plans have it: statements of others, under the role that ran them, and those of our
own files. Nothing is run: each is planned. Which index would spare it is told from what the scan filters by."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, NamedTuple

import sqlglot
from psycopg import errors, sql
from sqlglot import exp

from aclue_pipeline.catalog import Catalog
from aclue_pipeline.derived.statement import filled, local_day, one
from aclue_pipeline.postgres import Pg
from aclue_pipeline.settings import get_settings

#: Severity, object, sentence, evidence, remedy.
Row = tuple[str, str, str, dict[str, Any], str]

#: Below this many rows, reading a whole table may rightly be the planner's choice.
_LARGE = 100_000

#: Part of a table's rows up to which an index serves better than reading all.
_FEW = 0.05

#: A statement of others counts from so many calls on; so many are planned, the costliest first.
_CALLS, _STATEMENTS = 20, 50

#: Then the whole look is given up: to wait for each of a hundred plans is to hang.
_WAITED = (errors.LockNotAvailable, errors.QueryCanceled)

#: What a statement of ours reads is not deployed yet, or not readable by this role.
_ABSENT = (
    errors.UndefinedTable, errors.UndefinedColumn, errors.UndefinedFunction, errors.InvalidSchemaName, errors.InsufficientPrivilege
)  # fmt: skip

_MODES = (exp.EQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between)


class Scan(NamedTuple):
    """One table read whole by one statement: columns by which an index would find the rows, empty where none would."""

    table: str
    columns: tuple[str, ...]
    rows: int
    reader: str
    calls: int


def sequential_scans(pg: Pg, catalog: Catalog) -> Iterator[Row]:
    """A row per index that would spare reading a large table whole, and per large table that others read whole for good reasons."""
    found: dict[str, list[Scan]] = {}
    try:
        for scan in _of_others(pg, catalog):
            found.setdefault(_object(scan), []).append(scan)
    except _Hidden as hidden:
        yield "not judged", "pg_stat_statements", f"whole reads by others: {hidden.why}", {}, hidden.remedy
    for scan in _of_ours(pg, catalog):
        if scan.columns:  # what we read whole is meant to be read whole
            found.setdefault(_object(scan), []).append(scan)
    for of, scans in found.items():
        yield _row(of, scans)


def _object(scan: Scan) -> str:
    return f"{scan.table} ({', '.join(scan.columns)})" if scan.columns else scan.table


def _row(of: str, scans: list[Scan]) -> Row:
    scan, readers = scans[0], sorted({one.reader for one in scans})
    by = ", ".join(readers[:3]) + (f" and {len(readers) - 3} more" if len(readers) > 3 else "")
    evidence = {"rows": scan.rows, "readers": readers[:20], "calls": sum(one.calls for one in scans)}
    if scan.columns:
        says = f"no index finds the rows, so that all {scan.rows} are read by {by}"
        return "warn", of, says, evidence, f"create index concurrently on {of}"
    says = f"all {scan.rows} rows are read each time by {by}"
    return "warn", of, says, evidence, "ask for fewer rows, or keep the answer for a while"


# --- whose statements -------------------------------------------------------------------------------------------------


class _Hidden(Exception):
    """Why statements of others cannot be seen, and what would show them."""

    def __init__(self, why: str, remedy: str) -> None:
        self.why, self.remedy = why, remedy


_HOME = "select nspname from pg_extension e join pg_namespace n on n.oid = extnamespace where extname = 'pg_stat_statements'"

# As sql/health/slow_statements.sql tells ours from those of others.
_OTHERS = r"""
select s.queryid, r.rolname, s.query, s.calls
from {}.pg_stat_statements s join pg_roles r on r.oid = s.userid
where s.dbid = (select oid from pg_database where datname = current_database()) and s.toplevel and s.calls >= {}
    and left(s.query, 5000) ~* '^(\s|--[^\n]*\n|/\*([^*]|\*+[^*/])*\*+/)*(select|insert|update|delete|merge|with)\M'
    and right(s.query, 20) not like '%/* aclue */%' and r.rolname not in ('aclue_pipeline', 'aclue_deployer')
order by s.total_exec_time desc limit {}
"""


def _of_others(pg: Pg, catalog: Catalog) -> Iterator[Scan]:
    for judged in pg.execute(catalog.tables["analytics.slow_statements"].sql):
        if judged[1] == "not judged":
            raise _Hidden(judged[3], judged[5])
    home = one(pg, _HOME)
    rows = pg.execute(sql.SQL(_OTHERS).format(sql.Identifier(home), _CALLS, _STATEMENTS)).fetchall()
    for number, role, text, calls in rows:
        yield from _planned(pg, text, role, f"statement {number} of {role} ({calls} times)", calls)


def _planned(pg: Pg, text: str, role: str, reader: str, calls: int) -> Iterator[Scan]:
    """Of a statement whose values nobody kept: the plan that holds for any. Prepared by the protocol, which takes one statement
    and runs none; as the role that ran it, since functions that planning evaluates are the role's own business, and since row
    level security is part of the plan. What cannot be planned so (a role we are not, a table of another path) is left out."""
    try:
        with pg.transaction(force_rollback=True):
            become = "select set_config('role', %s, true), set_config('plan_cache_mode', 'force_generic_plan', true)"
            pg.execute(become, [role])
            # The server took away a value and left the type that stood before it.
            text = re.sub(r"(?i)\b(interval|date|time|timestamp|timestamptz)\s+(\$\d+)", r"\2::\1", text)
            if pg.pgconn.prepare(b"aclue_look", text.encode()).error_message:
                return
            count = one(pg, "select cardinality(parameter_types) from pg_prepared_statements where name = 'aclue_look'")
            values = f"({', '.join(['null'] * count)})" if count else ""
            plan = one(pg, f"explain (verbose, format json) execute aclue_look{values}")[0]["Plan"]
    except _WAITED:
        raise
    except errors.Error:
        return
    finally:
        pg.execute("deallocate all")
    yield from _scans(pg, plan, reader, calls)


def _of_ours(pg: Pg, catalog: Catalog) -> Iterator[Scan]:
    """Of the SELECTs in sql/ that ask for days, for yesterday; all others read their tables whole, and mean to."""
    today = local_day(pg)
    zone = get_settings().timezone
    midnight = "select %s::date::timestamp at time zone %s"
    values = {
        "range_start": one(pg, midnight, [today - timedelta(days=1), zone]),
        "range_end": one(pg, midnight, [today, zone]),
    }
    texts = {table.name: table.sql for table in catalog.tables.values() if table.kind == "daily"}
    for path in sorted((catalog.root / "pipeline" / "source_days").glob("*.sql")):
        texts[f"source_days/{path.stem}"] = path.read_text(encoding="utf-8")
    for name, text in texts.items():
        try:
            with pg.transaction():
                plan = one(pg, sql.SQL("explain (verbose, format json) ") + filled(pg, text, values))
        except _ABSENT:
            continue
        yield from _scans(pg, plan[0]["Plan"], f"aclue's {name}", 0)


# --- plans ------------------------------------------------------------------------------------------------------------


# Of a large table: its rows and pages, the columns as SQL, the first columns of its indexes, and that of the one that is scanned.
_TABLE = """
select format('%%I.%%I', n.nspname, c.relname), c.reltuples::bigint, c.relpages,
    array(select format('%%I', name) from unnest(%s::text[]) as name),
    coalesce(array_agg(a.attname), '{}'), max(a.attname) filter (where i.relname = %s)
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
left join pg_index x on x.indrelid = c.oid and x.indisvalid
left join pg_class i on i.oid = x.indexrelid
left join pg_attribute a on a.attrelid = c.oid and a.attnum = x.indkey[0]
where (n.nspname, c.relname) = (%s, %s) and c.reltuples >= %s and n.nspname <> all('{pg_catalog,information_schema}')
group by n.nspname, c.oid
"""


def _scans(pg: Pg, plan: dict[str, Any], reader: str, calls: int) -> Iterator[Scan]:
    for node, is_cut in _nodes(plan):
        index, wanted = node.get("Index Name"), _servable(node)
        asked = [list(wanted), index, node["Schema"], node["Relation Name"], _LARGE]
        large = pg.execute(_TABLE, asked).fetchone()
        if large is None:
            continue
        table, rows, pages, columns, first, first_scanned = large
        if index and (first_scanned in wanted or node["Total Cost"] < pages / 4):
            continue  # it finds the rows, or (from PostgreSQL 18 on) skips from one value of its first column to the next
        if wanted and node["Plan Rows"] <= _FEW * rows:
            if wanted[0] not in first:  # else there is an index, and the planner has its reasons
                yield Scan(table, tuple(columns), rows, reader, calls)
        elif not index and not is_cut:
            yield Scan(table, (), rows, reader, calls)


def _nodes(node: dict[str, Any], limit: float = float("inf")) -> Iterator[tuple[dict[str, Any], bool]]:
    """The scans that may read their table, or an index of it, to its end; and whether there is a limit that costs a part of that."""
    below = node.get("Plans", [])
    if "Relation Name" in node and node["Node Type"] in ("Seq Scan", "Index Scan", "Index Only Scan"):
        yield node, node["Total Cost"] > 2 * limit
    elif node["Node Type"] == "Bitmap Heap Scan" and below[0]["Node Type"] == "Bitmap Index Scan":
        yield below[0] | node, False
    if node["Node Type"] == "Limit":
        limit = min(limit, node["Total Cost"])
    for one_below in below:
        yield from _nodes(one_below, limit)


def _servable(node: dict[str, Any]) -> tuple[str, ...]:
    """Columns that the scan compares with something that is no column of the table: those compared by =, then one of a range."""
    try:
        # What another part of the plan hands in is written in no SQL.
        text = re.sub(
            r"\((hashed )?(Init|Sub)Plan \d+\)(\.col\d+)?", "$1", node.get("Index Cond") or node.get("Filter", "true")
        )
        tree = sqlglot.parse_one(text, dialect="postgres")
    except sqlglot.ParseError:
        return ()
    equal: list[str] = []
    ranges: list[str] = []
    for part in _and(tree):
        if isinstance(part, _MODES):
            column, other = part.this.unnest(), part.args.get("expression") or part.args["low"]
            if isinstance(column, exp.Cast) and column.is_type("text"):
                column = column.this.unnest()
            if isinstance(column, exp.Column) and not list(other.find_all(exp.Column)):
                (equal if isinstance(part, exp.EQ) else ranges).append(column.name)
    return tuple(dict.fromkeys((*equal[:2], *ranges[:1])))


def _and(tree: exp.Expr) -> Iterator[exp.Expr]:
    tree = tree.unnest()
    if isinstance(tree, exp.And):
        yield from _and(tree.left)
        yield from _and(tree.right)
    else:
        yield tree
