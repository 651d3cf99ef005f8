"""What a verification says: one finding per criterion, with evidence, and with the command that mends it."""

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
