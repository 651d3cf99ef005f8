"""Is it fast: a look-up by every declared index, timed and explained with and without row level security. Small tables say
nothing about plans: theirs are judged on filled copies, with the indexes and policies as they stand, which are rolled back."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from psycopg import errors, sql

from aclue_pipeline.postgres import SIGNATURE, claims
from aclue_pipeline.schema.change import ident
from aclue_pipeline.schema.verify.probes import CannotTry, first_line, may_be_clients, rolled_back
from aclue_pipeline.schema.verify.shape import Index, Shape
from aclue_pipeline.schema.verify.site import Site
from aclue_pipeline.schema.verify.verdict import NOTHING_THERE, Verdict, verdict

LOOKUP_MS = 100.0
OVERHEAD_MS = 10.0
#: Below this many rows, reading a whole table may rightly be the planner's choice.
LARGE_ROWS = 100_000
_FILLED_ROWS = 5_000
#: Times that each look-up is asked, and the milliseconds after which it is not asked again, nor a table's look-ups at all.
_TIMES, _ENOUGH, _PATIENCE = 20, 250, 10_000


@dataclass(frozen=True)
class Speed:
    """What a look-up took, milliseconds in order, and its plans: as the table's owner, and as a user whom policies bind. `own`: a
    user asks it for the own rows; any other finds that user no row, however many it has to pass over. `forced`: where reading
    whole tables was made unattractive."""

    name: str
    key: str
    rows: str
    own: bool
    span: bool
    copy: bool
    owner: list[float]
    user: list[float]
    plans: dict[str, Any]
    forced: dict[str, Any]

    @property
    def overhead(self) -> float:
        """Of one median over the other."""
        return _at(self.user, 50) - _at(self.owner, 50)

    @property
    def indexes(self) -> list[str]:
        """Those that find the rows."""
        found = [
            str(node["Index Name"])
            for node in _nodes(self.forced["owner"])
            if "Index Name" in node and self.key in node.get("Index Cond", "")
        ]
        return list(dict.fromkeys(found))

    @property
    def baseline(self) -> str:
        both = (
            f"{_at(took, 50):.2f} / {_at(took, 95):.2f} / {_at(took, 99):.2f} ms" for took in (self.owner, self.user)
        )
        return f"{' and under row level security '.join(both)} ({self.rows})"


def _at(took: list[float], percent: int) -> float:
    return took[-(-len(took) * percent // 100) - 1]


def lookups(site: Site) -> Verdict:
    """19 of 20 times each look-up answers within 100 ms: users who ask for their own, and the server."""

    def took(speed: Speed) -> float:
        return _at(speed.user if speed.own else speed.owner, 95)

    return _measured(site, took, LOOKUP_MS, "the slowest look-up takes")


def overhead(site: Site) -> Verdict:
    """A user's query costs at most 10 ms more than the owner's, who bypasses row level security."""
    return _measured(
        site, lambda speed: speed.overhead if speed.own else 0, OVERHEAD_MS, "row level security costs at most"
    )


def _measured(site: Site, milliseconds: Callable[[Speed], float], limit: float, says: str) -> Verdict:
    timed = [speed for speed in speeds(site) if not speed.span]
    if not timed:
        return NOTHING_THERE
    worst = max(timed, key=milliseconds)
    wrong = [
        f"{speed.name} takes {milliseconds(speed):.1f} ms, more than {limit:.0f}"
        for speed in timed
        if milliseconds(speed) > limit
    ]
    evidence = {speed.name: speed.baseline for speed in timed}
    outcome, sentence, _ = verdict(
        wrong, f"{says} {max(milliseconds(worst), 0):.1f} ms ({worst.name}, of {len(timed)} measured, {worst.rows})"
    )
    return Verdict(outcome, sentence, {"p50 / p95 / p99": ""} | evidence)


def index_usage(site: Site) -> Verdict:
    """An index finds the rows of every look-up, where reading whole tables is unattractive; one that merely gives the order does not
    count."""
    asked = speeds(site)
    if not asked:
        return NOTHING_THERE
    wrong = [f"no index finds {speed.name}" for speed in asked if not speed.indexes]
    used = "; ".join(f"{speed.name}: {', '.join(speed.indexes)}" for speed in asked)
    return verdict(wrong, f"{len(asked)} look-ups: {used}")


def sequential_scans(site: Site) -> Verdict:
    """As the planner would have it, no look-up reads a large table whole, neither the owner's nor a user's."""
    # Most of a table may have happened lately: then reading it whole for a span of time is right. What no index finds in a copy,
    # is for the criterion about indexes.
    asked = [speed for speed in speeds(site) if (speed.indexes if speed.copy else not speed.span)]
    if not asked:
        return NOTHING_THERE
    wrong = [
        f"{speed.name} reads the whole table{'' if who == 'owner' else ' under row level security'}"
        for speed in asked
        for who, plan in speed.plans.items()
        if any(node["Node Type"] == "Seq Scan" and not _shows_nobody(node) for node in _nodes(plan))
    ]
    rows = dict.fromkeys(f"{speed.name.partition(' ')[0]} ({speed.rows})" for speed in asked)
    return verdict(wrong, f"judged on {', '.join(rows)}")


def _shows_nobody(node: dict[str, Any]) -> bool:
    """What no policy shows anybody is read by nobody: before PostgreSQL 17, that is a scan which filters by false."""
    return str(node.get("Filter", "")).startswith(("false", "(false "))


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)


# --- asking -----------------------------------------------------------------------------------------------------------

# All look-ups of a table in one round trip, each by its owner and by a user.
_ASK = """
do $$
declare
    one jsonb;
    began timestamptz;
    since timestamptz;
    took float8[];
    plan jsonb;
    forced jsonb;
    answers jsonb := '[]';
    me text := current_user;
begin
    for one in select value from jsonb_array_elements(current_setting('aclue.lookups')::jsonb) loop
        perform set_config('request.jwt.claims', one ->> 'claims', true), set_config('role', coalesce(one ->> 'role', me), true);
        execute 'explain (format json) ' || (one ->> 'statement') into plan;
        perform set_config('enable_seqscan', 'off', true);
        execute 'explain (format json) ' || (one ->> 'statement') into forced;
        perform set_config('enable_seqscan', 'on', true);
        took := '{}';
        since := clock_timestamp();
        for i in 1..(one ->> 'times')::int loop
            began := clock_timestamp();
            execute one ->> 'statement';
            took := took || (extract(epoch from clock_timestamp() - began) * 1000)::float8;
            exit when clock_timestamp() > since + (one ->> 'enough')::interval;
        end loop;
        perform set_config('role', me, true);
        answers := answers || jsonb_build_object('took', took, 'plan', plan -> 0 -> 'Plan', 'forced', forced -> 0 -> 'Plan');
    end loop;
    perform set_config('aclue.answers', answers::text, true);
end
$$
"""


def speeds(site: Site) -> list[Speed]:
    """Of every look-up, measured once."""
    return site.once("speeds", partial(_speeds, site))


def _speeds(site: Site) -> list[Speed]:
    found = []
    if site.whole:
        may_be_clients(site.pg)
    for table in site.whole:
        rows = int(site.census.things["table", table, ""].notes["rows_estimate"] or 0)  # type: ignore[index, arg-type]
        with rolled_back(site.pg):
            copy = rows < LARGE_ROWS
            try:
                if copy:
                    _fill_a_copy(site, table)
                on = f"a copy with {_FILLED_ROWS:,} rows" if copy else f"{rows:,} rows"
                found += list(_asked(site, table, copy, on))
            except errors.InsufficientPrivilege as error:
                grant = f"grant temporary on database {ident(site.pg.info.dbname)} to {ident(site.pg.info.user)}"
                raise CannotTry(f"plans are judged on temporary copies ({first_line(error)})", grant) from error
    return found


def _asked(site: Site, table: str, copy: bool, rows: str) -> Iterator[Speed]:
    shape = site.shapes[table]
    relation = sql.Identifier("pg_temp" if copy else "public", table)
    lookups = {f"{table} by {index.columns[0]}": index for index in shape.indexes if index.columns}
    described: list[dict[str, Any]] = []
    for index in lookups.values():
        value = _value(site, shape, index.columns[0], relation, copy)
        common = {
            "statement": _lookup(shape, index, relation, value).as_string(site.pg),
            "claims": claims.user(value if index.columns[0] == shape.owner else _NOBODY).json,
            "times": 0 if _span(shape, index) else _TIMES,
            "enough": f"{_ENOUGH} ms",
        }
        described += [common, common | {"role": "authenticated"}]
    site.pg.execute("select set_config('aclue.lookups', %s, true)", [json.dumps(described)])
    try:
        with site.pg.transaction():
            site.pg.execute(f"set local statement_timeout = {_PATIENCE}")
            site.pg.execute(_ASK)
            row = site.pg.execute("select current_setting('aclue.answers')::jsonb").fetchone()
    except errors.QueryCanceled:
        longest = [float(_PATIENCE)]
        nothing: dict[str, Any] = {"owner": {}, "user": {}}
        yield Speed(f"some look-up of {table}", "", rows, True, False, copy, longest, longest, nothing, nothing)
        return
    assert row is not None
    answers = iter(row[0])
    for (name, index), owner, user in zip(lookups.items(), answers, answers, strict=False):
        yield Speed(
            name,
            index.columns[0],
            rows,
            index.columns[0] == shape.owner,
            _span(shape, index),
            copy,
            sorted(owner["took"]),
            sorted(user["took"]),
            {"owner": owner["plan"], "user": user["plan"]},
            {"owner": owner["forced"], "user": user["forced"]},
        )


_NOBODY = "00000000-0000-0000-0000-000000000000"


def _span(shape: Shape, index: Index) -> bool:
    return index.columns[0] in shape.times


def _lookup(shape: Shape, index: Index, relation: sql.Composable, value: str) -> sql.Composed:
    """Whole rows for one value of the index's first column, or those of a day; by the owner's column it is that user who asks."""
    first, *further = index.columns
    column = sql.Identifier(first)
    if _span(shape, index):
        condition = sql.SQL("{} >= now() - interval '1 day'").format(column)
    elif first == shape.owner:
        condition = sql.SQL("{} = auth.uid()").format(column)
    else:
        condition = sql.SQL("{} = {}::{}").format(column, value, sql.SQL(shape.type(first)))
    asked = sql.SQL("select * from {} where {} and {}").format(relation, condition, sql.SQL(index.condition or "true"))
    if further and further[0] in shape.times:
        return sql.SQL("{} order by {} desc limit 10").format(asked, sql.Identifier(further[0]))
    return asked if _span(shape, index) else sql.SQL("{} limit 100").format(asked)


def _value(site: Site, shape: Shape, column: str, relation: sql.Composable, copy: bool) -> str:
    """A value that the table has; where it has none, that nobody has."""
    some = sql.SQL(
        "select coalesce((select {key}::text from {table} where {key} is not null limit 1), {nobody})"
    ).format(key=sql.Identifier(column), table=relation, nobody="0" if shape.type(column) == "integer" else _NOBODY)
    row = site.pg.execute(some).fetchone()
    assert row is not None
    return str(row[0])


# --- copies -----------------------------------------------------------------------------------------------------------


def _fill_a_copy(site: Site, table: str) -> None:
    """A temporary table with the rows' form, indexes and readers' policies of a deployed one, and made-up rows: ten a value."""
    shape, there = site.shapes[table], site.census
    indexes = list(there.of("index", table=table))
    columns = dict.fromkeys([shape.owner, *shape.needed, *(one for index in shape.indexes for one in index.columns)])
    unique = {index.columns[0] for index in shape.indexes if index.unique and len(index.columns) == 1}
    # Loosely, so that a BRIN index has pages to tell apart.
    loose = any(index.notes["method"] == "brin" for index in indexes)
    copy, name = sql.Identifier("pg_temp", table), sql.Identifier(table)
    parts = [
        sql.SQL(
            "create temporary table {} (like public.{} including defaults including constraints) with (fillfactor = {})"
        ).format(name, name, sql.SQL("10" if loose else "100")),
        sql.SQL("insert into {} ({}) select {} from generate_series(1, {}) as n").format(
            copy,
            sql.SQL(", ").join(map(sql.Identifier, columns)),
            sql.SQL(", ").join(sql.SQL(_made_up(shape, column, column in unique)) for column in columns),
            _FILLED_ROWS,
        ),
    ]
    for one in there.of("constraint", table=table):
        if one.notes["contype"] in ("p", "u", "x"):
            parts.append(
                sql.SQL("alter table {} add constraint {} {}").format(
                    copy, sql.Identifier(one.key.name), sql.SQL(str(one.facts["definition"]))
                )
            )
    for one in indexes:
        made, _, how = str(one.facts["definition"]).partition(" ON ")
        named = sql.SQL(made.removesuffix("$name")) + sql.Identifier(one.key.name)
        parts.append(sql.SQL("{} on {} using {}").format(named, copy, sql.SQL(how.partition(" USING ")[2])))
    parts.append(sql.SQL("grant select on {} to authenticated").format(copy))
    if site.fact("row security", table, "enabled"):
        parts.append(sql.SQL("alter table {} enable row level security").format(copy))
    for one in there.of("policy", table=table):
        if one.facts["using"] is not None and one.facts["command"] in ("SELECT", "ALL"):
            roles = [sql.SQL("public") if role == "PUBLIC" else sql.Identifier(role) for role in one.facts["roles"]]  # type: ignore[union-attr]
            parts.append(
                sql.SQL("create policy {} on {} as {} for select to {} using ({})").format(
                    sql.Identifier(one.key.name),
                    copy,
                    sql.SQL("permissive" if one.facts["permissive"] else "restrictive"),
                    sql.SQL(", ").join(roles),
                    sql.SQL(str(one.facts["using"])),
                )
            )
    parts.append(sql.SQL("analyze {}").format(copy))
    site.pg.execute(sql.SQL(f"\n{SIGNATURE};\n").join(parts))


def _made_up(shape: Shape, column: str, unique: bool) -> str:
    """The column's value in the n-th row, as SQL."""
    group = "n" if unique else f"n % {_FILLED_ROWS // 10}"
    kind = shape.type(column)
    if kind == "uuid":
        return f"md5({group} || '{column}')::uuid"
    if column in shape.times:
        return "now() - n * interval '15 minutes'"
    if shape.columns[column]["default"] is None and kind == "integer":
        return group
    if shape.columns[column]["default"] is None and kind == "text" and column not in shape.words:
        return f"'aclue-' || {group}"
    return shape.value(column)
