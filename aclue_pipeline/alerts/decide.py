"""Whom to tell what: pure functions of what is red, what was told, and what time it is."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from aclue_pipeline.alerts.alert import LENGTH as LONGEST
from aclue_pipeline.alerts.alert import SEVERITIES, Judged

#: What is found is told once it has been so for this long: what a restart makes is over by the next sweep.
CONFIRM = timedelta(minutes=2)

#: What lasts and nobody took on is told again after this.
REMIND = timedelta(days=3)

#: What is red no more counts as over after this; each time it came back within FORGET this doubles, at most to a working day.
SETTLE = timedelta(minutes=15)
_DOUBLINGS = 5
FORGET = timedelta(days=7)

#: Of what was removed: a job, a table, a source, an address.
GONE = "it is no longer part of what is judged"

#: Of what cannot be judged now.
HELD = "not judged now, but was: "

#: Characters of a message, which the narrowest chats take in two.
LENGTH = 3500


class Told(NamedTuple):
    """What an address was last told of a trouble."""

    severity: str
    at: datetime


@dataclass(frozen=True)
class State:
    """A trouble that somebody is to be told of, or was: a row of pipeline.alerts."""

    key: str
    source: str
    severity: str
    sentence: str
    remedy: str
    began_at: datetime
    ended_at: datetime | None = None
    returns: int = 0
    told: Mapping[str, Told] = field(default_factory=dict)
    silenced_until: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None

    def silent(self, now: datetime) -> bool:
        return self.silenced_until is not None and now < self.silenced_until

    @property
    def settles_at(self) -> datetime | None:
        """When it counts as over; None while it lasts."""
        return self.ended_at and self.ended_at + SETTLE * 2 ** min(self.returns, _DOUBLINGS)


class Notice(NamedTuple):
    """One thing to say: `new`, `worse`, `still` or `over`, and of what."""

    what: str
    state: State


def updated(states: Mapping[str, State], source: str, said: Judged, now: datetime) -> dict[str, State]:
    """The states once a source has told all that it finds. What it could not judge is as bad as it was, and not over."""
    after = dict(states)
    for key, alert in said.wrong.items():
        old = states.get(key)
        if old is None:
            after[key] = State(key, source, *alert[1:], began_at=now)
            continue
        worst = max(old.severity, alert.severity, key=SEVERITIES.index)
        severity = worst if key in said.unsure and old.ended_at is None else alert.severity
        state = replace(old, source=source, severity=severity, sentence=alert.sentence, remedy=alert.remedy)
        if old.ended_at is not None:
            state = replace(state, ended_at=None, returns=old.returns + 1)
            if old.settles_at is not None and now >= old.settles_at:  # it was over: this is another time
                state = _anew(state, now)
        elif not old.told and old.acknowledged_at and _worse(severity, old.severity):
            state = _anew(state, now)  # taken on before anybody was told, and worse than what was taken on
        after[key] = state
    for key, state in states.items():
        if state.source == source and key not in said.wrong and state.ended_at is None:
            if end := said.end_of(key):
                after[key] = replace(state, ended_at=now, sentence=GONE if end == "gone" else state.sentence)
            else:
                after[key] = replace(state, sentence=f"{HELD}{state.sentence.removeprefix(HELD)}"[:LONGEST])
    return after


def _worse(severity: str, than: str) -> bool:
    return SEVERITIES.index(severity) > SEVERITIES.index(than)


def _anew(state: State, now: datetime) -> State:
    return replace(state, began_at=now, acknowledged_at=None, acknowledged_by=None)


def due(states: Iterable[State], target: str, now: datetime) -> list[Notice]:
    """What an address is to be told now, the worst first, what is over last."""
    notices = [Notice(what, state) for state in states if (what := _due(state, state.told.get(target), now))]
    return sorted(notices, key=lambda n: (n.what == "over", -SEVERITIES.index(n.state.severity), n.state.key))


def _due(state: State, told: Told | None, now: datetime) -> str:
    if state.silent(now):
        return ""
    if state.ended_at is not None:
        return "over" if told and state.settles_at is not None and now >= state.settles_at else ""
    if told and _worse(state.severity, told.severity):
        return "worse"
    if state.acknowledged_at is not None:
        return ""
    if told is None:
        return "new" if now - state.began_at >= CONFIRM else ""
    return "still" if now - told.at >= REMIND else ""


def noted(states: Mapping[str, State], target: str, notices: Iterable[Notice], now: datetime) -> dict[str, State]:
    """The states once an address has these."""
    after = dict(states)
    for what, state in notices:
        told = {name: one for name, one in after[state.key].told.items() if name != target}
        if what != "over":
            told[target] = Told(state.severity, now)
        after[state.key] = replace(after[state.key], told=told)
    return after


def kept(states: Mapping[str, State], targets: Iterable[str], now: datetime) -> dict[str, State]:
    """The states that are worth remembering. What another sweeper's addresses were told is: here they may not be named."""
    known = set(targets)
    return {
        key: state
        for key, state in states.items()
        if state.ended_at is None or now - state.ended_at < FORGET or state.silent(now) or known & state.told.keys()
    }


def message(notices: list[Notice], now: datetime, of: str) -> tuple[str, str, list[Notice]]:
    """Title and text of one message, and what of the notices has found room in it; the others are due with the next sweep."""
    lines: list[str] = []
    room = LENGTH
    for notice in notices:
        line = _line(notice, now)
        room -= len(line) + 1
        if room < 0 and lines:
            break
        lines.append(line)
    fitted = notices[: len(lines)]
    counts = [f"{n} {what}" for what in ("new", "worse", "still", "over") if (n := sum(w == what for w, _ in fitted))]
    if len(fitted) < len(notices):
        lines.append(f"… and {len(notices) - len(fitted)} more, with the next message")
    return f"aclue: {', '.join(counts)} ({of})", "\n".join(lines), fitted


def _line(notice: Notice, now: datetime) -> str:
    what, state = notice
    if what == "over":
        why = f": {GONE}" if state.sentence == GONE else ""
        return f"✓ over: {state.key}, after {lasted((state.ended_at or now) - state.began_at)}{why}"
    mark = "✗" if state.severity == "error" else "!"
    since = f" (for {lasted(now - state.began_at)})" if what != "new" else ""
    remedy = f"\n    remedy: {state.remedy}" if state.remedy else ""
    return f"{mark} {what}, {state.severity}: {state.key}{since}: {state.sentence}{remedy}"


def lasted(span: timedelta) -> str:
    minutes = max(round(span.total_seconds() / 60), 0)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h" if minutes < 2880 else f"{minutes // 1440} days"
