"""Is it fast: the performance targets, by EXPLAIN of the look-ups that the app and the pipeline make."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any

import psycopg
from psycopg import ClientCursor, errors, sql

from aclue_pipeline.postgres import claims
from aclue_pipeline.schema.verify.probes import become, may_be_everybody, rolled_back
from aclue_pipeline.schema.verify.site import Site
from aclue_pipeline.schema.verify.verdict import NOTHING_THERE, Verdict, verdict

Connection = psycopg.Connection[Any]

LOOKUP_MS = 100.0
OVERHEAD_MS = 10.0
#: Below this many rows, reading a whole table may rightly be the planner's choice.
LARGE_ROWS = 100_000


@dataclass(frozen=True)
class Lookup:
    """Whole rows of `table`, those for one value of `key` (%(value)s) or, where `span`, those of a span of time. By user_id it
    is that user who asks, under row level security; else the server."""

    table: str
    key: str
    where: str
    span: bool = False

    def __str__(self) -> str:
        return f"{self.table} by {self.key}"


LOOKUPS = (
    # The two that matter most, and what else is asked while somebody waits.
    Lookup("affiliate_clicks", "user_id", "where user_id = auth.uid() order by click_timestamp desc limit 10"),
    Lookup("affiliate_clicks", "product_id", "where product_id = %(value)s order by click_timestamp limit 100"),
    Lookup("affiliate_clicks", "session_id", "where session_id = %(value)s limit 100"),
    Lookup("user_preferences", "user_id", "where user_id = auth.uid()"),
    Lookup("session_analytics", "user_id", "where user_id = auth.uid() order by started_at desc limit 10"),
    Lookup("session_analytics", "session_id", "where session_id = %(value)s"),
    Lookup("product_views", "product_id", "where product_id = %(value)s order by view_timestamp desc limit 100"),
    Lookup("product_views", "user_id", "where user_id = auth.uid() order by view_timestamp desc limit 10"),
    Lookup("product_views", "session_id", "where session_id = %(value)s limit 100"),
    Lookup("product_views", "recommendation_id", "where recommendation_id = %(value)s limit 100"),
    Lookup("recommendation_feedback", "user_id", "where user_id = auth.uid() order by created_at desc limit 10"),
    Lookup("recommendation_feedback", "product_id", "where product_id = %(value)s limit 100"),
    Lookup("recommendation_feedback", "recommendation_id", "where recommendation_id = %(value)s limit 100"),
    # What a nightly run reads.
    Lookup("affiliate_clicks", "click_timestamp", "where click_timestamp >= now() - interval '1 day'", span=True),
    Lookup("session_analytics", "started_at", "where started_at >= now() - interval '1 day'", span=True),
    Lookup("product_views", "view_timestamp", "where view_timestamp >= now() - interval '1 day'", span=True),
)


@dataclass(frozen=True)
class _Asked:
    """A look-up with a value that the table has (or, where it has none, that nobody has)."""

    lookup: Lookup
    value: str

    @property
    def identity(self) -> claims.Identity:
        return claims.user(self.value) if self.lookup.key == "user_id" else claims.service_role()

    def explain(self, pg: Connection, options: str, identity: claims.Identity | None) -> dict[str, Any]:
        """The plan, as `identity` (None: as whoever is connected, with that claim all the same)."""
        with pg.transaction(force_rollback=True):
            become(pg, identity or claims.Identity("none", self.identity.claims))
            explain = sql.SQL("explain (format json{}) select * from {} {}").format(
                sql.SQL(options), sql.Identifier("public", self.lookup.table), sql.SQL(self.lookup.where)
            )
            row = ClientCursor(pg).execute(explain, {"value": self.value}).fetchone()
        assert row is not None
        return dict(row[0][0])

    def milliseconds(self, pg: Connection, identity: claims.Identity | None) -> float:
        plan = self.explain(pg, ", analyze, timing off", identity)
        return float(plan["Planning Time"]) + float(plan["Execution Time"])


def lookups(site: Site) -> Verdict:
    """Each look-up answers within 100 ms; the better of two, since the first fills caches."""

    def slow(asked: _Asked) -> float:
        return min(asked.milliseconds(site.pg, asked.identity) for _ in range(2))

    return _measured(site, slow, LOOKUP_MS, "the slowest look-up takes")


def overhead(site: Site) -> Verdict:
    """A user's query costs at most 10 ms more than the owner's, who bypasses row level security: medians of five."""

    def more(asked: _Asked) -> float:
        pairs = [(asked.milliseconds(site.pg, asked.identity), asked.milliseconds(site.pg, None)) for _ in range(5)]
        return median(mine for mine, _ in pairs) - median(owners for _, owners in pairs)

    return _measured(
        site, more, OVERHEAD_MS, "row level security costs at most", lambda lookup: lookup.key == "user_id"
    )


def _measured(
    site: Site,
    milliseconds: Callable[[_Asked], float],
    limit: float,
    says: str,
    chosen: Callable[[Lookup], bool] = lambda lookup: True,
) -> Verdict:
    took: dict[str, float] = {}
    with rolled_back(site.pg):
        for asked in _asked(site, lambda lookup: not lookup.span and chosen(lookup)):
            try:
                with site.pg.transaction():
                    site.pg.execute("set local statement_timeout = '5s'")
                    took[str(asked.lookup)] = milliseconds(asked)
            except errors.QueryCanceled:
                took[str(asked.lookup)] = 5000.0
    if not took:
        return NOTHING_THERE
    worst = max(took, key=lambda name: took[name])
    wrong = [f"{name} takes {ms:.1f} ms, more than {limit:.0f}" for name, ms in took.items() if ms > limit]
    return verdict(wrong, f"{says} {max(took[worst], 0):.1f} ms ({worst}, of {len(took)} measured)")


def index_usage(site: Site) -> Verdict:
    """An index finds the rows of every look-up. Reading whole tables is made unattractive, since for a few rows it is the
    better plan; then an index that merely gives the order does not count."""
    used: dict[str, list[str]] = {}
    with rolled_back(site.pg):
        site.pg.execute("set local enable_seqscan = off")
        for asked in _asked(site):
            scans = [
                node for node in _nodes(asked.explain(site.pg, "", asked.identity)["Plan"]) if _READS & node.keys()
            ]
            finds = list(
                dict.fromkeys(
                    str(node["Index Name"]) for node in scans if asked.lookup.key in node.get("Index Cond", "")
                )
            )
            # A policy that shows nobody a row is not for an index to mend: no scan then, or before 17 one that filters by false.
            nobody = all(node.get("Filter", "").startswith("(false ") for node in scans if "Relation Name" in node)
            used[str(asked.lookup)] = finds or (["none needed"] if nobody else [])
    if not used:
        return NOTHING_THERE
    wrong = [f"no index finds {name}" for name, finds in used.items() if not finds]
    return verdict(
        wrong, f"{len(used)} look-ups: " + "; ".join(f"{name}: {', '.join(finds)}" for name, finds in used.items())
    )


_READS = {"Relation Name", "Index Name"}


def sequential_scans(site: Site) -> Verdict:
    """As the planner would have it, no look-up reads a large table whole."""
    sizes = dict(
        site.pg.execute(
            """select relname, greatest(reltuples, 0)::bigint from pg_class
               where relnamespace = to_regnamespace('public') and relname = any(%s)""",
            [site.guarded],
        ).fetchall()
    )
    large = {table: rows for table, rows in sizes.items() if rows >= LARGE_ROWS}
    if not sizes:
        return NOTHING_THERE
    if not large:
        most = max(sizes, key=lambda table: sizes[table])
        return Verdict(
            "passed",
            f"nothing to judge yet: the largest table, {most}, has about {sizes[most]:,} rows; from {LARGE_ROWS:,} on"
            " a plan says something",
        )
    wrong = []
    with rolled_back(site.pg):
        for asked in _asked(site, lambda lookup: lookup.table in large and not lookup.span):
            nodes = _nodes(asked.explain(site.pg, "", asked.identity)["Plan"])
            if any(node.get("Node Type") == "Seq Scan" and node.get("Relation Name") in large for node in nodes):
                wrong.append(f"{asked.lookup} reads the whole table")
    return verdict(wrong, "judged on " + ", ".join(f"{table} ({rows:,} rows)" for table, rows in large.items()))


def _asked(site: Site, chosen: Callable[[Lookup], bool] = lambda lookup: True) -> Iterator[_Asked]:
    may_be_everybody(site.pg)
    for lookup in LOOKUPS:
        if lookup.table in site.guarded and chosen(lookup):
            yield _Asked(lookup, _value(site.pg, lookup))


def _value(pg: Connection, lookup: Lookup) -> str:
    some = sql.SQL(
        "select coalesce((select {key}::text from {table} where {key} is not null limit 1), gen_random_uuid()::text)"
    )
    row = pg.execute(
        some.format(key=sql.Identifier(lookup.key), table=sql.Identifier("public", lookup.table))
    ).fetchone()
    assert row is not None
    return str(row[0])


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)
