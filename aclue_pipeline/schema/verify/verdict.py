"""The part of a judgement about a deployment that only the database can say."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from aclue_pipeline.checks import Outcome


class Verdict(NamedTuple):
    """How it came out, the sentence that says why, or what was seen, and what a table of figures adds to it."""

    outcome: Outcome
    sentence: str
    evidence: Mapping[str, Any] = {}


def not_judged(reason: str) -> Verdict:
    """Neither passed nor failed."""
    return Verdict("not judged", reason)


NOTHING_THERE = not_judged("none of the tables that this judges is there; deploy, then verify again")


def verdict(wrong: Sequence[str], evidence: str) -> Verdict:
    """Passed where nothing is wrong, with `evidence`; else failed, with everything that is wrong, and how much that is: an alert
    tells numbers."""
    return Verdict("failed" if wrong else "passed", "; ".join(wrong) or evidence, {"wrong": len(wrong)})
