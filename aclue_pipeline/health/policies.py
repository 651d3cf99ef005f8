"""What row level security costs, policy by policy: functions that are called for each row where once would do, columns that no index
finds, and the milliseconds of it, measured on rows of the table itself."""

import re
from collections.abc import Iterator
from time import monotonic
from typing import Any, NamedTuple

from psycopg import errors, sql

from aclue_pipeline.derived.statement import one
from aclue_pipeline.health.plans import Row
from aclue_pipeline.postgres import Pg

#: What a policy may cost: milliseconds for so many rows.
_MS, _ROWS = 10.0, 10_000

#: Seconds for measuring all of them together; what is left then is judged by what stands in it.
_WHOLE = 10.0

# Another database's table may have the same number, and a prepared transaction has no process.
_HELD = """
select l.relation from pg_locks l join pg_database d on d.oid = l.database and d.datname = current_database()
where l.locktype = 'relation' and l.granted and l.mode = 'AccessExclusiveLock' and l.pid is distinct from pg_backend_pid()
"""

#: Tables that somebody holds alone: already to ask for a policy's text is to wait.
_LOCKED = f"""
select distinct format('%I.%I', n.nspname, c.relname)
from pg_policy p join pg_class c on c.oid = p.polrelid and c.relrowsecurity join pg_namespace n on n.oid = c.relnamespace
where n.nspname in ('public', 'staging', 'analytics', 'history', 'pipeline') and c.oid in ({_HELD})
"""  # noqa: S608

_POLICIES = f"""
select format('%I.%I', n.nspname, c.relname), format('%I', p.polname), c.reltuples::bigint, n.nspname, c.relname,
    pg_get_userbyid(c.relowner), pg_get_expr(p.polqual, c.oid), pg_get_expr(p.polwithcheck, c.oid),
    array(select a.attname from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped),
    array(
        select distinct a.attname from pg_index x join pg_attribute a on a.attrelid = c.oid and a.attnum = x.indkey[0]
        where x.indrelid = c.oid and x.indisvalid
    ),
    array(
        select f.proname from pg_depend d join pg_proc f on f.oid = d.refobjid and f.provolatile <> 'i'
        where d.classid = 'pg_policy'::regclass and d.objid = p.oid and d.refclassid = 'pg_proc'::regclass
    ),
    p.polcmd in ('r', '*') and array[0, to_regrole('anon'), to_regrole('authenticated')]::oid[] && p.polroles
from pg_policy p
join pg_class c on c.oid = p.polrelid and c.relrowsecurity
join pg_namespace n on n.oid = c.relnamespace
where n.nspname in ('public', 'staging', 'analytics', 'history', 'pipeline') and c.oid not in ({_HELD})
order by 1, 2
"""  # noqa: S608


class Policy(NamedTuple):
    """`table` and `name` as SQL; `rows` as the server estimates them; `using` and `check` in the server's words, None where it has none;
    all columns of the table, and those with which an index begins; functions that may give another answer the next time; `is_read`:
    of what clients read."""

    table: str
    name: str
    rows: int
    schema: str
    relation: str
    owner: str
    using: str | None
    check: str | None
    columns: list[str]
    indexed: list[str]
    functions: list[str]
    is_read: bool


def policy_costs(pg: Pg, _: Any) -> Iterator[Row]:
    """A row per policy that costs more than it must, and per column of one that lacks an index."""
    for (table,) in pg.execute(_LOCKED).fetchall():
        yield (
            "not judged",
            table,
            "another session holds it alone",
            {},
            "aclue health policy_costs # once that has ended",
        )
    until = monotonic() + _WHOLE
    for policy in map(Policy._make, pg.execute(_POLICIES).fetchall()):
        yield from _dear(pg, policy, until)
        yield from _unindexed(pg, policy)


def _dear(pg: Pg, policy: Policy, until: float) -> Iterator[Row]:
    names = [*policy.functions, "current_setting"]
    using, check = (_wrapped(text, names, policy.columns) for text in (policy.using, policy.check))
    if not _asks_for_each_row(using, names) and (using, check) == (policy.using, policy.check):
        return
    is_measured = policy.using and policy.rows >= _ROWS and monotonic() < until
    took = _took(pg, policy, [None, policy.using, using], until) if is_measured else None
    without, with_it, once = took or (0.0, 0.0, 0.0)
    evidence: dict[str, Any] = {"rows": policy.rows}
    if took:
        evidence |= {"rows_measured": _ROWS, "ms_without": without, "ms_with": with_it, "ms_asked_once": once}
    measured = f"; {_ROWS} rows take {with_it:.1f} ms with it, {without:.1f} without" if took else ""
    of = f"{policy.table}: {policy.name}"
    if (using, check) != (policy.using, policy.check):
        clauses = [
            f"{kind} ({text})"
            for kind, text, before in (("using", using, policy.using), ("with check", check, policy.check))
            if text != before
        ]
        says = f"calls for each row what needs nothing of it{measured}" + (f", {once:.1f} asked once" if took else "")
        remedy = f"alter policy {policy.name} on {policy.table} {' '.join(clauses)}"
        yield "warn" if policy.rows >= _ROWS else "info", of, says, evidence, remedy
    elif with_it - without > _MS and with_it > 2 * without:
        yield "warn", of, f"is dear{measured}", evidence, "ask once for all rows: column in (select … )"


def _unindexed(pg: Pg, policy: Policy) -> Iterator[Row]:
    lacks = [column for column in _compared(policy.using, policy.columns) if column not in policy.indexed]
    if lacks and policy.is_read and policy.rows >= _ROWS:
        says = f"no index begins with {lacks[0]}, so that all {policy.rows} rows are looked at for each request"
        relation, column = sql.Identifier(policy.schema, policy.relation), sql.Identifier(lacks[0])
        remedy = sql.SQL("create index concurrently on {} ({})").format(relation, column).as_string(pg)
        yield "warn", f"{policy.table}: {policy.name} ({lacks[0]})", says, {"rows": policy.rows}, remedy


# --- what stands in it ------------------------------------------------------------------------------------------------


def _wrapped(text: str | None, names: list[str], columns: list[str]) -> str | None:
    """The expression with each call that needs nothing of the row as a sub-select, which is asked once."""
    if text is None:
        return None
    spans, calls = _asked_once(text), []
    for found in re.finditer(rf'(?<![\w."])(?:\w+\.)?(?:{"|".join(map(re.escape, sorted(names)))})(?=\()', text):
        end = _closing(text, found.end())
        own = re.sub(r"'(?:[^']|'')*'", "", text[found.end() : end])
        free = not any(re.search(rf"\b{re.escape(column)}\b", own) for column in columns)
        if free and not any(begin <= found.start() < stop for begin, stop in spans):
            calls.append((found.start(), end))
    for begin, end in reversed(calls):
        text = f"{text[:begin]}(select {text[begin:end]}){text[end:]}"
    return text


def _asks_for_each_row(text: str | None, names: list[str]) -> bool:
    """Whether a function or another table is asked about each row."""
    for begin, end in reversed(_asked_once(text or "")):
        text = (text or "")[:begin] + (text or "")[end:]
    return any(f"{name}(" in (text or "") for name in names) or " FROM " in (text or "")


def _asked_once(text: str) -> list[tuple[int, int]]:
    """Where sub-selects stand that read no table, the outer one of two."""
    found: list[tuple[int, int]] = []
    for select in re.finditer(r"\( ?select ", text, re.IGNORECASE):
        begin, end = select.start(), _closing(text, select.start())
        if not re.search(r"\bFROM\b", text[begin:end]) and not (found and begin < found[-1][1]):
            found.append((begin, end))
    return found


def _closing(text: str, begin: int) -> int:
    """Behind the parenthesis that closes the one at `begin`."""
    depth, quoted = 0, False
    for at in range(begin, len(text)):
        if text[at] == "'":
            quoted = not quoted
        elif not quoted:
            depth += {"(": 1, ")": -1}.get(text[at], 0)
            if depth == 0:
                return at + 1
    return len(text)


def _compared(text: str | None, columns: list[str]) -> list[str]:
    """Columns of which the row's value must be that of the one who asks: the policy is nothing but such a comparison, or several."""
    found = []
    for part in (text or "").split(" AND "):
        equal = re.match(r"\(*(\w+) = (\( ?SELECT|\(?\w+\.\w+\(|current_setting)", part)
        if equal and equal[1] in columns and " OR " not in (text or ""):
            found.append(equal[1])
    return found


# --- what it takes ----------------------------------------------------------------------------------------------------


def _took(pg: Pg, policy: Policy, conditions: list[str | None], until: float) -> tuple[float, ...] | None:
    """Milliseconds for some of the table's rows, the better of two times, by each condition; as the table's owner, who made the policies
    or could have. None where this role may not be the owner, or the measuring was stopped."""
    ask = "explain (analyze, timing off, format json) select count(*) {} from (select * from {} limit {}) as {}"
    took = []
    try:
        with pg.transaction(force_rollback=True):
            pg.execute("select set_config('role', %s, true)", [policy.owner])
            for condition in conditions:
                left = min(max(until - monotonic(), 0.001), 2.0)
                pg.execute("select set_config('statement_timeout', %s, true)", [f"{left * 1000:.0f}ms"])
                kept = sql.SQL(f"filter (where {condition})" if condition else "")
                relation, alias = sql.Identifier(policy.schema, policy.relation), sql.Identifier(policy.relation)
                statement = sql.SQL(ask).format(kept, relation, sql.Literal(_ROWS), alias)
                took.append(round(min(float(one(pg, statement)[0]["Execution Time"]) for _ in range(2)), 2))
    except errors.Error:
        return None
    return tuple(took)
