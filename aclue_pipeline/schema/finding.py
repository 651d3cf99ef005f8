"""What a verification says: one finding per criterion, with evidence, and with the command that mends it."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One criterion: passed, failed or not judged (`judged` false: neither; the evidence begins with "not judged" and says why and
    what to do). `name` is stable and usable as a check's name. Unless a `blocking` one passed, what follows may be wrong or unsafe."""

    name: str
    passed: bool
    judged: bool
    blocking: bool
    evidence: str
    mend: str


@dataclass(frozen=True)
class Verdict:
    """The part of a finding that only the database can say."""

    passed: bool
    evidence: str
    judged: bool = True


def not_judged(reason: str) -> Verdict:
    """Neither passed nor failed."""
    return Verdict(False, f"not judged: {reason}", judged=False)


NOTHING_THERE = not_judged("none of the tables that this judges is there; deploy, then verify again")


def verdict(wrong: Sequence[str], evidence: str) -> Verdict:
    """Passed where nothing is wrong, with `evidence`; else failed, with everything that is wrong."""
    return Verdict(not wrong, "; ".join(wrong) or evidence)
