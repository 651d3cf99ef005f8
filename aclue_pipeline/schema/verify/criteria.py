"""The success criteria of a deployment, performance targets and security validation: one entry each in CRITERIA, judged
with evidence. What cannot be tried here (nobody to try with, a table locked) neither passes nor fails; a plan on tables too small
to matter passes, and says so.

One cause turns one criterion red: what depends on a missing or unguarded table leaves that table to the criterion about it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import psycopg

from aclue_pipeline.catalog.table import Severity
from aclue_pipeline.checks import Judgement
from aclue_pipeline.schema.access import Line
from aclue_pipeline.schema.declared import table_names
from aclue_pipeline.schema.retired import reading_retired
from aclue_pipeline.schema.verify import functional, speed
from aclue_pipeline.schema.verify.probes import CannotTry
from aclue_pipeline.schema.verify.site import Site
from aclue_pipeline.schema.verify.verdict import NOTHING_THERE, Verdict, not_judged, verdict

DEPLOY = "aclue deploy"


@dataclass(frozen=True)
class Criterion:
    """`says`: the criterion as a sentence; `remedy` the command to run where it is red."""

    name: str
    says: str
    blocking: bool
    judge: Callable[[Site], Verdict]
    remedy: str = DEPLOY

    def judgement(self, site: Site) -> Judgement:
        """Judge it. An error of the database has failed, with its message, and is no crash: the others still matter."""
        try:
            outcome, sentence = self.judge(site)
        except CannotTry as error:
            outcome, sentence = not_judged(str(error))
        except psycopg.Error as error:
            outcome, sentence = Verdict("failed", f"could not be judged: {str(error).strip().partition(chr(10))[0]}")
        remedy = "aclue verify" if outcome == "not judged" else self.remedy
        return Judgement(self.name, "schema", outcome, self.severity, sentence, remedy=remedy)

    @property
    def severity(self) -> Severity:
        return "blocking" if self.blocking else "error"


def _tables_created(site: Site) -> Verdict:
    wrong = [f"{table} is missing" for table in table_names() if table not in site.tables]
    wrong += [f"{table} lacks {', '.join(columns)}" for table, columns in site.lacking.items() if columns]
    wrong += reading_retired(site.pg, table_names())
    return verdict(wrong, f"{', '.join(site.tables)}: every declared column is there")


def _row_level_security(site: Site) -> Verdict:
    if not site.tables:
        return NOTHING_THERE
    policies: dict[str, list[list[str]]] = {table: [] for table in site.tables}
    for table, roles in site.pg.execute(
        "select tablename, roles::text[] from pg_policies where schemaname = 'public' and tablename = any(%s)",
        [list(policies)],
    ):
        policies[table].append(roles)
    wrong = [f"row level security of {table} is off" for table, guarded in site.tables.items() if not guarded]
    wrong += [
        f"{table} has {len(some)} policies, not 2 or 3" for table, some in policies.items() if len(some) not in (2, 3)
    ]
    wrong += [
        f"{table} has no policy for service_role"
        for table, some in policies.items()
        if not any("service_role" in roles for roles in some)
    ]
    return verdict(wrong, "on; policies: " + _list((table, len(some)) for table, some in policies.items()))


# Six or more are asked for. Where six useful ones cannot be found, this says why instead of padding.
_FEWER = {
    "user_preferences": (
        2,
        "a recalculation rewrites nearly every column, and an index on one of those ends its HOT updates",
    ),
}


def _indexes(site: Site) -> Verdict:
    if not site.tables:
        return NOTHING_THERE
    rows = site.pg.execute(
        """select c.relname, count(*), array_remove(array_agg(i.indexrelid::regclass::text) filter (where not i.indisvalid), null)
           from pg_index i join pg_class c on c.oid = i.indrelid
           where c.relnamespace = to_regnamespace('public') and c.relname = any(%s) group by 1 order by 1""",
        [list(site.tables)],
    ).fetchall()
    counts = dict.fromkeys(site.tables, 0) | {table: count for table, count, _ in rows}
    wrong = [f"{index} is invalid" for _, _, invalid in rows for index in invalid or ()]
    reasons = []
    for table, count in counts.items():
        least, reason = _FEWER.get(table, (6, ""))
        if count < least:
            wrong.append(f"{table} has {count} indexes, fewer than {least}")
        elif count < 6:
            reasons.append(f"{table} has fewer than 6 because {reason}")
    return verdict(wrong, "; ".join([_list(counts.items()), *reasons]))


def _access(chosen: Callable[[Line], bool]) -> Callable[[Site], Verdict]:
    def judge(site: Site) -> Verdict:
        outcomes = [outcome for outcome in site.outcomes if chosen(outcome.line)]
        if not outcomes:
            return NOTHING_THERE
        wrong = [f"{outcome.line}: {'; '.join(outcome.wrong)}" for outcome in outcomes if not outcome.holds]
        tried = sum(outcome.tried for outcome in outcomes)
        return verdict(wrong, f"{len(outcomes)} lines of access.csv hold in {tried} trials")

    return judge


def _list(pairs: Iterable[tuple[str, object]]) -> str:
    return ", ".join(f"{name} {value}" for name, value in pairs)


CRITERIA = (
    # Deployment success indicators
    Criterion("tables_created", "All 5 tables created successfully", True, _tables_created),
    Criterion("row_level_security", "RLS policies active on all tables (2-3 policies each)", True, _row_level_security),
    Criterion("indexes_created", "Performance indexes created (6+ indexes per table)", False, _indexes),
    Criterion("foreign_keys", "Foreign key constraints functioning", True, functional.foreign_keys),
    Criterion("triggers", "Update triggers operational", True, functional.triggers),
    Criterion("test_data", "Test data insertion/retrieval working", True, functional.inserted),
    Criterion("existing_functionality", "No existing functionality broken", True, functional.existing),
    # Performance targets
    Criterion(
        "indexed_lookups", "Query response times under 100ms for indexed lookups", False, speed.lookups, "aclue health"
    ),
    Criterion("rls_overhead", "RLS policy overhead under 10ms per query", False, speed.overhead),
    Criterion("index_usage", "Index usage confirmed in query plans", False, speed.index_usage),
    Criterion("sequential_scans", "No sequential scans on large tables", False, speed.sequential_scans, "aclue health"),
    # Security validation
    Criterion(
        "user_data_isolated",
        "User data properly isolated by RLS policies",
        True,
        _access(lambda line: line.role == "authenticated" and line.verb == "select"),
    ),
    Criterion(
        "service_role_access",
        "Service role access functioning for admin operations",
        True,
        _access(lambda line: line.role == "service_role"),
    ),
    Criterion(
        "anonymous_visitors",
        "Anonymous user support working for pre-registration",
        True,
        _access(lambda line: line.role == "anon"),
    ),
    Criterion(
        "no_cross_user_access",
        "No unauthorised cross-user data access possible",
        True,
        _access(lambda line: line.role == "authenticated" and line.verb != "select"),
    ),
)
