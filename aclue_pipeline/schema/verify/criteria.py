"""The success criteria of a deployment, performance targets and security validation: one entry each in CRITERIA, judged
with evidence. What cannot be tried here (nobody to try with, a table locked) neither passes nor fails; a plan on tables too small
to matter passes, and says so.

One cause turns one criterion red: what depends on a missing or unguarded table leaves that table to the criterion about it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import psycopg

from aclue_pipeline.catalog.table import Severity
from aclue_pipeline.checks import Judgement
from aclue_pipeline.schema.access import ROLES, Line
from aclue_pipeline.schema.census.thing import OWNER, PUBLIC
from aclue_pipeline.schema.declared import declared
from aclue_pipeline.schema.look import reasons_to_accept
from aclue_pipeline.schema.retired import reading_retired
from aclue_pipeline.schema.verify import functional, speed
from aclue_pipeline.schema.verify.probes import CannotTry, first_line, may_be_clients
from aclue_pipeline.schema.verify.site import Site
from aclue_pipeline.schema.verify.verdict import NOTHING_THERE, Verdict, not_judged, verdict
from aclue_pipeline.settings import get_settings

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
        """Judge it. An error of the database has failed, with its message, and is no crash: the others still matter. What is left to
        whoever deploys is no trouble, and not judged all the same."""
        severity: Severity | Literal["info"] = self.severity
        remedy = self.remedy
        try:
            outcome, sentence, evidence = self.judge(site)
            if outcome == "not judged":
                remedy = DEPLOY if sentence == NOTHING_THERE.sentence else "aclue verify"
        except CannotTry as error:
            outcome, sentence, evidence = not_judged(str(error))
            severity, remedy = "info" if error.left else severity, error.remedy
        except psycopg.Error as error:
            if site.pg.broken or isinstance(error, psycopg.errors.DiskFull):
                raise
            outcome, sentence, evidence = verdict([f"could not be judged: {first_line(error)}"], "")
            if isinstance(error, psycopg.errors.InsufficientPrivilege) and (by := _by_whoever_deploys(site)):
                outcome, sentence, evidence = not_judged(f"left to whoever deploys: {first_line(error)}")
                severity, remedy = "info", by
        return Judgement(self.name, "schema", outcome, severity, sentence, evidence, remedy)

    @property
    def severity(self) -> Severity:
        return "blocking" if self.blocking else "error"


def _by_whoever_deploys(site: Site) -> str:
    """The command for who deploys, where this login is none that does."""
    try:
        may_be_clients(site.pg)
    except CannotTry as error:
        return error.remedy if error.left else ""
    return ""


def _tables_created(site: Site) -> Verdict:
    wrong = [f"{table} is missing" for table in site.shapes if table not in site.tables]
    wrong += [f"{table} lacks {', '.join(columns)}" for table, columns in site.lacking.items() if columns]
    wrong += reading_retired(site.pg, list(site.shapes))
    return verdict(wrong, f"{', '.join(site.tables)}: every declared column is there")


def _row_level_security(site: Site) -> Verdict:
    if not site.tables:
        return NOTHING_THERE
    wrong, counts = [], {}
    for table in site.tables:
        policies = {one.key.name: one.facts for one in site.census.of("policy", table=table)}
        declares = {one.key.name for one in declared().of("policy", table=table)}
        counts[table] = len(policies)
        if not site.fact("row security", table, "enabled"):
            wrong.append(f"row level security of {table} is off")
        if len(policies) not in (2, 3):
            wrong.append(f"{table} has {len(policies)} policies, not 2 or 3")
        wrong += [f"nobody declared the policy {name} of {table}" for name in policies if name not in declares]
        if not any("service_role" in facts["roles"] for facts in policies.values()):  # type: ignore[operator]
            wrong.append(f"{table} has no policy for service_role")
    return verdict(wrong, "on; policies: " + _list(counts.items()))


#: What the guide asks for. Where fewer useful ones are declared, this says so instead of padding.
_INDEXES = 6


def _indexes(site: Site) -> Verdict:
    if not site.tables:
        return NOTHING_THERE
    wrong, counts, fewer = [], {}, []
    for table in site.tables:
        of_keys = [one for one in site.census.of("constraint", table=table) if one.notes["contype"] in ("p", "u", "x")]
        indexes = list(site.census.of("index", table=table))
        counts[table] = len(of_keys) + len(indexes)
        wrong += [f"{one.key.name} is invalid" for one in indexes if not one.facts["valid"]]
        least = min(_INDEXES, len(site.shapes[table].indexes))
        if counts[table] < least:
            wrong.append(f"{table} has {counts[table]} indexes, fewer than {least}")
        elif least < _INDEXES:
            fewer.append(
                f"{table} has fewer than {_INDEXES} because no more are declared: each serves a query, which its comment names"
            )
    return verdict(wrong, "; ".join([_list(counts.items()), *fewer]))


def _past_policies(site: Site) -> list[str]:
    """What shows clients rows by other ways than those that access.csv speaks of, and no person accepted."""
    accepted, readers = reasons_to_accept(), get_settings().reader_grants
    found = {one.key: "may show or divert rows" for one in site.census.of("rule")}
    for one in site.census.of("reader", "child", "parent"):
        shown = _CLIENTS.intersection(one.facts["readable_by"])  # type: ignore[arg-type]
        if shown and not one.facts.get("security_invoker"):
            found[one.key] = f"shows rows to {', '.join(sorted(shown))}"
    for one in site.census.of("role"):
        may = [*one.facts["attributes"], *(f"membership of {role}" for role in one.facts["member_of"])]  # type: ignore[union-attr, misc]
        found[one.key] = f"has {', '.join(may)}"
    for one in site.census.of("grant"):
        role = one.key.name
        if one.key.table and role != OWNER and one.facts["grantable"]:
            found[one.key] = "may be handed on"
        elif one.key.table and role not in (*ROLES, OWNER, PUBLIC) and (role, one.key.table) not in readers:
            found[one.key] = f"holds {', '.join(one.facts['rights'])}"  # type: ignore[arg-type]
    return [f"{key} {says}" for key, says in found.items() if str(key) not in accepted]


_CLIENTS = {"anon", "authenticated", "authenticator", PUBLIC}


def _access(
    chosen: Callable[[Line], bool], besides: Callable[[Site], list[str]] = lambda site: []
) -> Callable[[Site], Verdict]:
    def judge(site: Site) -> Verdict:
        outcomes = [outcome for outcome in site.outcomes if chosen(outcome.line)]
        if not outcomes:
            return NOTHING_THERE
        wrong = [f"{outcome.line}: {'; '.join(outcome.wrong)}" for outcome in outcomes if not outcome.holds]
        wrong += besides(site)
        unproven = [f"{outcome.line}: {'; '.join(outcome.unproven)}" for outcome in outcomes if outcome.unproven]
        if unproven and not wrong:
            return not_judged(f"what is refused proves nothing: {'; '.join(unproven)}")
        tried = sum(outcome.tried for outcome in outcomes)
        return verdict(wrong, f"{len(outcomes)} lines of access.csv hold in {tried} trials")

    return judge


def _list(pairs: Iterable[tuple[str, object]]) -> str:
    return ", ".join(f"{name} {value}" for name, value in pairs)


#: As the guide groups them.
SECTIONS = {
    "Deployment success indicators": (
        Criterion("tables_created", "All 5 tables created successfully", True, _tables_created),
        Criterion(
            "row_level_security", "RLS policies active on all tables (2-3 policies each)", True, _row_level_security
        ),
        Criterion("indexes_created", "Performance indexes created (6+ indexes per table)", False, _indexes),
        Criterion("foreign_keys", "Foreign key constraints functioning", True, functional.foreign_keys),
        Criterion("triggers", "Update triggers operational", True, functional.triggers),
        Criterion("test_data", "Test data insertion/retrieval working", True, functional.inserted),
        Criterion("existing_functionality", "No existing functionality broken", True, functional.existing),
    ),
    "Performance targets": (
        Criterion(
            "indexed_lookups",
            "Query response times under 100ms for indexed lookups",
            False,
            speed.lookups,
            "aclue health",
        ),
        Criterion("rls_overhead", "RLS policy overhead under 10ms per query", False, speed.overhead),
        Criterion("index_usage", "Index usage confirmed in query plans", False, speed.index_usage),
        Criterion(
            "sequential_scans", "No sequential scans on large tables", False, speed.sequential_scans, "aclue health"
        ),
    ),
    "Security validation": (
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
            _access(lambda line: line.role == "authenticated" and line.verb != "select", _past_policies),
        ),
    ),
}
CRITERIA = tuple(criterion for section in SECTIONS.values() for criterion in section)
