"""The sign-off of a deployment: one Markdown document that says what was deployed and how it was judged, with the guide's lines for
those who approve it before and after."""

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from aclue_pipeline import __version__
from aclue_pipeline.checks import Judgement
from aclue_pipeline.postgres import Database
from aclue_pipeline.schema.access import ROLES, lines
from aclue_pipeline.schema.census import fingerprint
from aclue_pipeline.schema.declared import declared
from aclue_pipeline.schema.session import session
from aclue_pipeline.schema.verify.criteria import CRITERIA, SECTIONS
from aclue_pipeline.schema.verify.site import Site

_MARKS = {"passed": "x", "failed": " ", "not judged": " "}
_BEFORE = {
    "Database Administrator": "Schema review completed",
    "Development Team": "Integration requirements confirmed",
    "DevOps Team": "Monitoring and backup procedures ready",
    "Product Team": "Business requirements validated",
}
_AFTER = {
    "Backend Integration": "API endpoints ready for new tables",
    "Frontend Integration": "Data collection implementations planned",
    "Analytics Setup": "Dashboard configurations prepared",
    "ML Pipeline": "Preference calculation jobs scheduled",
}
_TAKING_BACK = """
`aclue rollback` retires the tables with every row, in a moment when nobody holds them; `aclue restore` brings them back as they were;
`aclue purge` drops what was retired, and asks first. One table alone: `aclue rollback TABLE`. What is as it should be is left alone by
`aclue deploy`, so that after any interruption it is run again.
""".strip()


def signoff(db: Database) -> tuple[str, list[Judgement]]:
    """The document, judged now, and the judgements in it."""
    began = time.monotonic()
    with session(db, lock=False) as pg:
        site = Site(pg)
        judgements = [criterion.judgement(site) for criterion in CRITERIA]
        row = pg.execute("select session_user, current_setting('server_version')").fetchone()
        assert row is not None
        facts = {
            "database": db.label,
            "server": f"PostgreSQL {row[1]}",
            "judged": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, in {time.monotonic() - began:.1f} s",
            "by": f"role {row[0]}, aclue {__version__}",
            "tables": ", ".join(site.tables) or "none",
            "fingerprint": fingerprint(site.census),
            "differs from what is declared": _differing(site),
        }
    return "\n".join([*_document(db.name, facts, {one.check: one for one in judgements})]) + "\n", judgements


def _differing(site: Site) -> str:
    """The things that are not as declared, whoever owns them."""
    owner = next((str(one.facts["role"]) for one in site.census.of("owner")), "")
    wanted, there = declared().owned_by(owner).things, site.census.things
    keys = [
        str(key)
        for key in {**wanted, **there}
        if key.kind != "publication"
        and (key not in wanted or key not in there or wanted[key].facts != there[key].facts)
    ]
    return f"{len(keys)} things: {', '.join(sorted(keys)[:20])}" if keys else "nothing"


def _document(name: str, facts: Mapping[str, str], judged: Mapping[str, Judgement]) -> Iterator[str]:
    yield from (f"# Deployment sign-off: {name}", "", "| | |", "|---|---|")
    yield from (f"| {what} | {_cell(said)} |" for what, said in facts.items())
    yield from ("", "## Pre-deployment approval", "")
    yield from (f"- [ ] **{who}:** {what} — name, date: _______________" for who, what in _BEFORE.items())
    for section, criteria in SECTIONS.items():
        yield from ("", f"## {section}", "")
        for criterion in criteria:
            one = judged[criterion.name]
            yield f"- [{_MARKS[one.outcome]}] {criterion.says}: **{one.outcome}**. {one.sentence}"
            if not one.passed:
                yield f"  - what to do: {one.remedy}"
    baseline = judged["indexed_lookups"].evidence
    if baseline:
        yield from (
            "",
            "## Performance baseline",
            "",
            "Milliseconds, p50 / p95 / p99.",
            "",
            "| look-up | took |",
            "|---|---|",
        )
        yield from (f"| {what} | {took} |" for what, took in baseline.items() if took)
    yield from _access()
    yield from ("", "## How to take it back", "", _TAKING_BACK)
    yield from _approvals(all(one.passed for one in judged.values()), bool(baseline))


def _access() -> Iterator[str]:
    yield from ("", "## Who may do what", "", "As sql/schema/access.csv says, each line tried.", "")
    yield from ("| table | role | may | may not |", "|---|---|---|---|")
    for table in declared().tables:
        for role in ROLES:
            mine = [one for one in lines() if (one.table, one.role) == (table, role)]
            may, not_ = (
                "; ".join(
                    dict.fromkeys(
                        f"{one.verb} {one.owner} {one.condition}".strip()
                        + (f" ({len(one.columns)} columns)" if one.columns else "")
                        for one in mine
                        if one.allowed == allowed
                    )
                )
                for allowed in (True, False)
            )
            yield f"| {table} | {role} | {may} | {not_} |"


def _approvals(passed: bool, baseline: bool) -> Iterator[str]:
    yield from ("", "## Post-deployment verification", "")
    yield "- [ ] **Deployment Executed:** Date/Time: _______________"
    yield f"- [{'x' if passed else ' '}] **Verification Tests Passed:** All success criteria met"
    yield f"- [{'x' if baseline else ' '}] **Performance Baseline Established:** as above; monitoring active: _______________"
    yield "- [ ] **Documentation Updated:** Team notifications sent"
    yield from ("", "## Production readiness", "")
    yield from (f"- [ ] **{who}:** {what} — name, date: _______________" for who, what in _AFTER.items())
    yield from (
        "",
        "**Deployment Completed By:** _______________ **Date:** _______________ **Verification Completed:** _______________",
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
