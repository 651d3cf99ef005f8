"""What row level security costs, policy by policy: functions that are called for each row where once would do, columns that no index
finds, and the milliseconds of it, measured on rows of the table itself."""

import re
from collections.abc import Iterator
from typing import Any

from psycopg import errors, sql

from aclue_pipeline.derived.statement import Pg, one
from aclue_pipeline.health.plans import Row

#: What a policy may cost: milliseconds for so many rows.
_MS, _ROWS = 10.0, 10_000

_POLICIES = """
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
where n.nspname in ('public', 'staging', 'analytics', 'history', 'pipeline')
order by 1, 2
"""


def policy_costs(pg: Pg, _: Any) -> Iterator[Row]:
    """A row per policy that costs more than it must."""
    for policy in pg.execute(_POLICIES).fetchall():
        yield from _judged(pg, policy)


def _judged(pg: Pg, policy: tuple[Any, ...]) -> Iterator[Row]:
    table, name, rows, schema, relation, owner, using, check, columns, indexed, functions, is_read = policy
    names = {*functions, "current_setting"}
    better = {"using": _wrapped(using, names, columns), "with check": _wrapped(check, names, columns)}
    before = {"using": using, "with check": check}
    clauses = [f"{kind} ({text})" for kind, text in better.items() if text != before[kind]]
    took = _took(pg, owner, schema, relation, [None, using, better["using"]]) if using and rows >= _ROWS else None
    cost = took[1] - took[0] if took else 0.0
    evidence: dict[str, Any] = {"rows": rows}
    if took:
        measured = {"ms_without": took[0], "ms_with": took[1], "ms_asked_once": took[2]}
        evidence |= {"rows_measured": _ROWS, **{of: round(ms, 2) for of, ms in measured.items()}}
    by = f"; {_ROWS} rows take {took[1]:.1f} ms with it, {took[0]:.1f} without" if took else ""
    lacks = (
        [column for column in _compared(using, columns) if column not in indexed] if is_read and rows >= _ROWS else []
    )
    of = f"{table}: {name}"
    if clauses:
        called = ", ".join(f"{one}()" for one in sorted(names) if re.search(rf"\b{one}\(", f"{using} {check}"))
        once = f", {took[2]:.1f} asked once" if took and cost > _MS else ""
        severity = "warn" if rows >= _ROWS else "info"
        yield (
            severity,
            of,
            f"calls {called} for each row{by}{once}",
            evidence,
            f"alter policy {name} on {table} {' '.join(clauses)}",
        )
    elif cost > _MS:
        yield "warn", of, f"is dear{by}", evidence, "let its function be asked once for all rows: column in (select … )"
    if lacks:
        says = f"no index begins with {lacks[0]}, so that all {rows} rows are looked at for each request"
        remedy = sql.SQL("create index concurrently on {} ({})").format(
            sql.Identifier(schema, relation), sql.Identifier(lacks[0])
        )
        yield "warn", f"{of} ({lacks[0]})", says, evidence, remedy.as_string(pg)


# --- what stands in it ------------------------------------------------------------------------------------------------


def _wrapped(text: str | None, names: set[str], columns: list[str]) -> str | None:
    """The expression with each call that needs nothing of the row as a sub-select, which is asked once."""
    if text is None:
        return None
    asked_once = [_closing(text, found.start()) for found in re.finditer(r"\( SELECT ", text)]
    spans = [(begin, end) for begin, end in asked_once if not re.search(r"\bFROM\b", text[begin:end])]
    calls = []
    for found in re.finditer(rf'(?<![\w."])(?:\w+\.)?(?:{"|".join(map(re.escape, sorted(names)))})(?=\()', text):
        end = _closing(text, found.end())[1]
        own = re.sub(r"'(?:[^']|'')*'", "", text[found.end() : end])
        free = not any(re.search(rf"\b{re.escape(column)}\b", own) for column in columns)
        if free and not any(begin <= found.start() < stop for begin, stop in spans):
            calls.append((found.start(), end))
    for begin, end in reversed(calls):
        text = f"{text[:begin]}(select {text[begin:end]}){text[end:]}"
    return text


def _closing(text: str, begin: int) -> tuple[int, int]:
    """From the parenthesis that opens at `begin` to behind the one that closes it."""
    depth, quoted = 0, False
    for at in range(begin, len(text)):
        if text[at] == "'":
            quoted = not quoted
        elif not quoted:
            depth += {"(": 1, ")": -1}.get(text[at], 0)
            if depth == 0:
                return begin, at + 1
    return begin, len(text)


def _compared(text: str | None, columns: list[str]) -> list[str]:
    """Columns of which the row's value must be that of the one who asks: the policy is nothing but such a comparison, or several."""
    found = []
    for part in (text or "").split(" AND "):
        equal = re.match(r"\(*(\w+) = (\( ?SELECT|\(?\w+\.\w+\(|current_setting)", part)
        if equal and equal[1] in columns and " OR " not in (text or ""):
            found.append(equal[1])
    return found


# --- what it takes ----------------------------------------------------------------------------------------------------


def _took(pg: Pg, owner: str, schema: str, relation: str, conditions: list[str | None]) -> list[float] | None:
    """Milliseconds for some of the table's rows, the better of two times, by each condition; as the table's owner, who made the policies
    or could have. None where this role may not be the owner, or the measuring was stopped."""
    ask = "explain (analyze, timing off, format json) select count(*) {} from (select * from {} limit {}) as {}"
    took = []
    try:
        with pg.transaction(force_rollback=True):
            pg.execute("select set_config('role', %s, true), set_config('statement_timeout', '2s', true)", [owner])
            for condition in conditions:
                kept = sql.SQL(f"filter (where {condition})" if condition else "")
                statement = sql.SQL(ask).format(
                    kept, sql.Identifier(schema, relation), sql.Literal(_ROWS), sql.Identifier(relation)
                )
                took.append(min(float(one(pg, statement)[0]["Execution Time"]) for _ in range(2)))
    except errors.Error:
        return None
    return took
