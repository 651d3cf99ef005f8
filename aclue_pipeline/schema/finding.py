"""What a verification says: one finding per criterion, with evidence, and with the command that mends it."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One criterion judged. `name` is stable and usable as a check's name; what cannot be judged here (`applicable` false)
    passes, and the evidence says why. A red `blocking` finding means that what follows would be wrong or unsafe."""

    name: str
    passed: bool
    applicable: bool
    blocking: bool
    evidence: str
    mend: str


@dataclass(frozen=True)
class Verdict:
    """The part of a finding that only the database can say."""

    passed: bool
    evidence: str
    applicable: bool = True


NOTHING_THERE = Verdict(True, "none of the tables that this judges is there", applicable=False)


def verdict(wrong: Sequence[str], evidence: str) -> Verdict:
    """Passed where nothing is wrong, with `evidence`; else failed, with everything that is wrong."""
    return Verdict(not wrong, "; ".join(wrong) or evidence)
