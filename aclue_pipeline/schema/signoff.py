"""The sign-off of a deployment: one Markdown document that says what was deployed and how it was judged, with the guide's lines for
those who approve it before and after."""

import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from aclue_pipeline import __version__
from aclue_pipeline.checks import Judgement
from aclue_pipeline.errors import NotOurs
from aclue_pipeline.postgres import Database, Pg
from aclue_pipeline.schema import history
from aclue_pipeline.schema.access import ROLES, lines
from aclue_pipeline.schema.declared import declared
from aclue_pipeline.schema.look import look
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
        } | _looked(pg)
        deployments = history.deployments(pg)
    written = _document(db.name, facts, deployments, {one.check: one for one in judgements})
    return "\n".join(written) + "\n", judgements


def _looked(pg: Pg) -> dict[str, str]:
    """What there is beside what is declared."""
    try:
        todo = look(pg)
    except NotOurs as error:
        return {"differs from what is declared": str(error)}
    return {
        "fingerprint": todo.fingerprint,
        "differs from what is declared": "; ".join(map(str, todo.changes)) or "nothing",
        "accepted differences": "; ".join(f"{change} ({reason})" for change, reason in todo.accepted) or "none",
    }


def _deployments(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield from (
        "",
        "## Deployments",
        "",
        "| | what | when | took | who | version and commit | plan | allowed | outcome |",
    )
    yield "|---|---|---|---|---|---|---|---|---|"
    for row in rows[:10]:
        took = "not ended" if row["seconds"] is None else f"{row['seconds']:.1f} s"
        version = " at ".join(filter(None, (row["version"], (row["revision"] or "")[:12])))
        outcome = Counter(
            said.removeprefix(f"{key}: ").partition(",")[0] for key, said in (row["outcome"] or {}).items()
        )
        cells = (
            row["deployment"],
            row["action"],
            f"{row['began_at']:%Y-%m-%d %H:%M} UTC",
            took,
            history.who(row["done_by"]),
            version,
            row["plan"],
            ", ".join(row["allowed"]),
            ", ".join(f"{count} {state}" for state, count in outcome.items()),
        )
        yield f"| {' | '.join(_plain(str(cell)) for cell in cells)} |"
    for statement in (one for row in rows for one in row["brings_back"]):
        yield from ("", f"What was closed is brought back by: {_plain(statement)}")


def _document(
    name: str, facts: Mapping[str, str], deployments: Sequence[Mapping[str, Any]], judged: Mapping[str, Judgement]
) -> Iterator[str]:
    yield from (f"# Deployment sign-off: {_plain(name)}", "", "| | |", "|---|---|")
    yield from (f"| {what} | {_plain(said)} |" for what, said in facts.items())
    yield from ("", "## Pre-deployment approval", "")
    yield from (f"- [ ] **{who}:** {what} — name, date: _______________" for who, what in _BEFORE.items())
    yield from _deployments(deployments)
    for section, criteria in SECTIONS.items():
        yield from ("", f"## {section}", "")
        for criterion in criteria:
            one = judged[criterion.name]
            yield f"- [{_MARKS[one.outcome]}] {criterion.says}: **{one.outcome}**. {_plain(one.sentence)}"
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


def _plain(text: str) -> str:
    """On one line, and never Markdown: names and messages are the database's."""
    return re.sub(r"([\\`\[\]<|])", r"\\\1", " ".join(text.split()))
