"""What a deployment would do, before it does it: to be read, to be written to a file and reviewed, to be run by hand."""

import json
import shlex
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from aclue_pipeline.catalog.sqltext import digest
from aclue_pipeline.errors import PlanOutdated
from aclue_pipeline.schema.census import Census
from aclue_pipeline.schema.change import Change, Step

#: Comments of one table up to here are listed one by one.
FEW = 3


@dataclass(frozen=True)
class Plan:
    """`changes`: every difference, in the order in which they are made; `accepted`: those that a person accepted to leave, with
    the reason; `missing`: declared tables that are not there at all; `fingerprint`: of what was `there`."""

    changes: tuple[Change, ...]
    accepted: tuple[tuple[Change, str], ...]
    missing: tuple[str, ...]
    fingerprint: str
    owner: str
    there: Census
    allowed: frozenset[str] = frozenset()

    def refused(self, change: Change) -> tuple[str, ...]:
        """The hazards that a person has not allowed, as --allow takes them."""
        return tuple(one for one in change.asked if one not in self.allowed)

    def words(self, change: Change) -> list[str]:
        """These as a shell takes them."""
        return [f"--allow {shlex.quote(one)}" for one in self.refused(change)]

    @cached_property
    def runs(self) -> tuple[Change, ...]:
        """The changes that would be made."""
        return tuple(
            one for one in self.changes if one.mend.steps and not one.mend.impossible and not self.refused(one)
        )

    @property
    def left(self) -> tuple[Change, ...]:
        """Those that would not."""
        return tuple(one for one in self.changes if one not in self.runs)

    @property
    def steps(self) -> tuple[Step, ...]:
        return tuple(step for change in self.runs for step in change.mend.steps)

    @property
    def sql(self) -> str:
        """Run as it stands, it is the deployment, but for its patience."""
        return "\n\n".join(f"-- {change}\n{step.script}" for change in self.runs for step in change.mend.steps)

    @cached_property
    def hash(self) -> str:
        return digest(json.dumps(self._content, sort_keys=True))

    @property
    def as_data(self) -> dict[str, Any]:
        return self._content | {"hash": self.hash}

    @cached_property
    def _content(self) -> dict[str, Any]:
        return {
            "fingerprint": self.fingerprint,
            "owner": self.owner,
            "allowed": sorted(self.allowed),
            "changes": [self._said(change) for change in self.changes],
            "accepted": [{"object": str(change.key), "reason": reason} for change, reason in self.accepted],
        }

    def _said(self, change: Change) -> dict[str, Any]:
        return {
            "object": str(change.key),
            "why": change.why,
            "hazards": change.mend.hazards,
            "allow": list(self.refused(change)),
            "impossible": change.mend.impossible,
            "locks": change.locks,
            "steps": [
                {"how": step.how.name.lower(), "guard": step.guard, "sql": step.script} for step in change.mend.steps
            ],
            "brings_back": change.mend.undo,
            # The postcondition: the object's facts afterwards; none where it is to be gone.
            "becomes": dict(change.wanted.facts) if change.wanted else None,
        }

    def lines(self) -> Iterator[tuple[str, bool]]:
        """One line a difference: what, why, what to know, what to allow; and whether it will not be made as it is."""
        comments = Counter(change.key.table for change in self.changes if change.key.kind == "comment")
        for change in self.changes:
            if change.key.kind != "comment" or comments[change.key.table] <= FEW:
                yield f"{change}{self._remarks(change)}", change not in self.runs
        for table, count in comments.items():
            if count > FEW:
                yield f"comments of {table}: {count} missing or different", False
        for change, reason in self.accepted:
            yield f"{change} (accepted: {reason})", False

    def _remarks(self, change: Change) -> str:
        said = change.differences if change.key.kind not in ("comment", "function") else []  # whose texts are long
        said += [", ".join(change.mend.hazards)] if change.mend.hazards else []
        said += [f"impossible: {change.mend.impossible}"] if change.mend.impossible else []
        said += [f"needs {' '.join(self.words(change))}"] if self.refused(change) else []
        return f" ({'; '.join(said)})" if said else ""


def allowed_by(path: Path) -> tuple[frozenset[str], str]:
    """What a plan file allows, and its hash. Raises PlanOutdated where somebody changed it."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        stated = said.pop("hash")
        allowed = frozenset(said["allowed"])
    except (ValueError, KeyError, TypeError, AttributeError):
        raise PlanOutdated(f"{path.name} is no plan of `aclue plan --out`") from None
    if digest(json.dumps(said, sort_keys=True)) != stated:
        raise PlanOutdated(f"{path.name} is not as `aclue plan` wrote it: its hash is another one; plan again")
    return allowed, stated
