"""One sweep: ask every source, remember what is wrong, tell each address what it has not heard, note what arrived. One at a time;
killed anywhere, the next one says at most one message again, and leaves none out."""

import fcntl
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import psycopg
import sqlalchemy as sa

from aclue_pipeline.alerts import memory
from aclue_pipeline.alerts.alert import judged, well
from aclue_pipeline.alerts.decide import CONFIRM, Notice, State, due, kept, message, noted, updated
from aclue_pipeline.alerts.targets import Target, send
from aclue_pipeline.catalog import Catalog
from aclue_pipeline.checks import Judgement
from aclue_pipeline.derived import ensure
from aclue_pipeline.errors import AclueError, AlreadyRunning, FileUnusable, NothingFound
from aclue_pipeline.postgres import Database, query
from aclue_pipeline.postgres.locks import advisory_lock
from aclue_pipeline.settings import get_settings


class Source(NamedTuple):
    """Something that judges: a room, or Dagster's storage. `remedy`: what says why where it cannot judge; `every`: how long its last
    answer stands, once it is told. One without `judge` cannot be asked from here: what it found stands."""

    name: str
    judge: Callable[[], Iterable[Judgement]] | None
    remedy: str = "aclue doctor"
    every: timedelta = timedelta(0)


Sources = Callable[[], Iterable[Source]]


class Swept(NamedTuple):
    """What a sweep found and did: lines for people, and the addresses that did not take their message, with the reason."""

    states: Mapping[str, State]
    says: Sequence[str]
    refused: Mapping[str, str]


#: Who judges whether the database can be used.
_OUTAGE = "database"

#: Who judges whether an address takes its messages: each for itself, since it is tried only when there is something to say.
_DELIVERY = "delivery to "

#: Who judges whether a source can judge.
_BLIND = "judging "

_UNUSABLE = (AclueError, psycopg.Error, sa.exc.SQLAlchemyError)


def sweep(
    db: Database, catalog: Catalog, sources: Sequence[Source], targets: Sequence[Target], now: datetime | None = None
) -> Swept:
    """Judge, and tell what is new, worse, still so after some days, or over.

    Where the database cannot be used that is what is told, and remembered beside it until it can. Raises AlreadyRunning.
    """
    now = now or datetime.now(UTC)
    beside = get_settings().make_home() / "alerts.json"
    with _alone(beside.with_suffix(".lock")):
        try:
            with db.autocommit() as connection, advisory_lock(connection, "alerts"):
                return _sweep(db, catalog, sources, targets, now, beside)
        except AlreadyRunning:
            raise
        except _UNUSABLE as error:
            return _outage(db, error, targets, now, beside)


def _sweep(
    db: Database, catalog: Catalog, sources: Sequence[Source], targets: Sequence[Target], now: datetime, beside: Path
) -> Swept:
    with db.begin() as connection:
        _ensure(connection, catalog)
        states = memory.load(connection)
        for key, state in memory.read_file(beside).items():  # which stays where the disk can only be read
            if key not in states or state.began_at > states[key].began_at:
                states[key] = state
        last = memory.judged_at(connection)
    # Half a minute more or less is no reason to wait for the next sweep.
    soon = now + timedelta(seconds=30)
    unsure = {
        state.source.removeprefix(_BLIND)
        for state in states.values()
        if not (state.ended_at or state.told or state.acknowledged_at or state.silent(now))
    }
    asked = [
        one
        for one in sources
        if one.judge and (one.name in unsure or one.name not in last or soon - last[one.name] >= one.every)
    ]
    states = _without_the_gone(states, sources, now)
    for gone in _addresses(states) - {_DELIVERY + target.id for target in targets}:
        states = updated(states, gone, judged([]), now)
    for source in asked:
        states = ask(states, source, now)
    states = kept(states, [target.id for target in targets], now)

    def keep(after: Mapping[str, State]) -> None:
        with db.begin() as connection:
            memory.save(connection, after)

    keep(states)
    with db.begin() as connection:
        memory.note_judged(connection, [source.name for source in asked], now)
    with suppress(OSError):  # of a disk that can only be read
        beside.unlink(missing_ok=True)
    return _tell(states, targets, now, db.label, keep)


def _ensure(connection: sa.Connection, catalog: Catalog) -> None:
    ensure(connection, catalog, *(catalog.tables[f"pipeline.{name}"] for name in ("alerts", "alert_sources")))


def _addresses(states: Mapping[str, State]) -> set[str]:
    return {state.source for state in states.values() if state.source.startswith(_DELIVERY)}


def _without_the_gone(states: Mapping[str, State], sources: Iterable[Source], now: datetime) -> dict[str, State]:
    """The database answers; and what a source found that is no more is no more, either."""
    states = updated(states, _OUTAGE, judged([well("database_answers")]), now)
    known = {source.name for source in sources} | {_OUTAGE}
    for source in {state.source for state in states.values()}:
        if not source.startswith(_DELIVERY) and source.removeprefix(_BLIND) not in known:
            states = updated(states, source, judged([]), now)
    return states


def ask(states: Mapping[str, State], source: Source, now: datetime) -> dict[str, State]:
    """The states once a source has judged; where it cannot, that is an alert of its own, and what it found before stands."""
    assert source.judge is not None
    sight = well("judging", source.name)
    try:
        states = updated(states, source.name, judged(source.judge()), now)
    except Exception as error:  # noqa: BLE001  whatever a room, Dagster or a driver meets: the other sources are still worth asking
        sight = Judgement("judging", source.name, "not judged", "blocking", _why(error), remedy=source.remedy)
    return updated(states, _BLIND + source.name, judged([sight]), now)


def _why(error: Exception) -> str:
    """What a person may read: of an error that is not ours, whose text may repeat a row, its name."""
    return str(error) if isinstance(error, AclueError) else type(error).__name__


def _outage(db: Database, error: Exception, targets: Sequence[Target], now: datetime, beside: Path) -> Swept:
    remedy = "aclue doctor # does the server run, and may this machine reach it?"
    judgement = Judgement("database_answers", db.name, "failed", "error", _why(error), remedy=remedy)
    known = memory.read_file(beside)
    states = kept(updated(known, _OUTAGE, judged([judgement]), now), [target.id for target in targets], now)
    try:
        memory.write_file(beside, states.values())
    except FileUnusable as full:
        # At once: the next sweep will not know that this one found it.
        states = updated(known, _OUTAGE, judged([judgement, _UNWRITTEN]), now - CONFIRM)
        refused = _tell_hourly(states, targets, now, db.label, beside.with_suffix(".told"))
        raise FileUnusable("; ".join([str(full), *(f"{label} {why}" for label, why in refused.items())])) from None
    return _tell(states, targets, now, db.label, lambda after: memory.write_file(beside, after.values()))


_UNWRITTEN = Judgement(
    "alerts_are_remembered",
    "alerts.json",
    "failed",
    "error",
    "it cannot be written, so that this is told again and again",
    remedy="make room in ACLUE_HOME, and see that it may be written",
)


def _tell_hourly(
    states: Mapping[str, State], targets: Sequence[Target], now: datetime, of: str, told: Path
) -> Mapping[str, str]:
    """Where nothing can be remembered; the hour is that of an empty file, which takes no room. Who refused."""
    with suppress(OSError):
        if abs(now.timestamp() - told.stat().st_mtime) < 3600:
            return {}
    swept = _tell(states, targets, now, of, lambda _: None)
    if swept.says:
        with suppress(OSError):
            told.touch()
            os.utime(told, (now.timestamp(), now.timestamp()))
    return swept.refused


def _tell(
    states: Mapping[str, State],
    targets: Sequence[Target],
    now: datetime,
    of: str,
    keep: Callable[[Mapping[str, State]], None],
) -> Swept:
    says, refused = [], {}
    letters = []
    for target in targets:
        others = [state for state in states.values() if state.source != _DELIVERY + target.id]
        if notices := due(others, target.id, now):
            letters.append((target, *message(notices, now, of)))
    with ThreadPoolExecutor(max(len(letters), 1)) as pool:
        outcomes = pool.map(lambda letter: send(letter[0], letter[1], letter[2], _kind(letter[3])), letters)
        for (target, title, _, fitted), outcome in zip(letters, outcomes, strict=True):
            arrival = well("delivery", target.label)
            if outcome == "arrived":
                states = noted(states, target.id, fitted, now)
                says.append(f"{target.label}: {title}")
            else:
                refused[target.label] = outcome
                arrival = Judgement("delivery", target.label, "failed", "error", outcome, remedy="aclue alerts test")
            states = updated(states, _DELIVERY + target.id, judged([arrival]), now)  # for the others to hear
            keep(states)
    return Swept(states, says, refused)


def _kind(notices: Sequence[Notice]) -> str:
    lasting = {state.severity for what, state in notices if what != "over"}
    return "failure" if "error" in lasting else "warning" if lasting else "success"


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One sweep on this machine, also while the database cannot be asked for a lock; where there can be no such file, by that alone:
    told twice is better than never."""
    try:
        handle = path.open("a")
    except OSError:
        yield
        return
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning("alerts are being told by another process; wait for it to end") from None
        yield


# --- what people say of an alert --------------------------------------------------------------------------------------


def standing(db: Database, sources: Iterable[Source], now: datetime | None = None) -> list[State]:
    """What is wrong now, the worst first, with what was told and said of it; only reads. Raises Unreachable."""
    now = now or datetime.now(UTC)
    with db.begin() as connection:
        states: Mapping[str, State] = memory.load(connection)
    sources = list(sources)
    states = _without_the_gone(states, sources, now)
    for source in sources:
        if source.judge:
            states = ask(states, source, now)
    lasting = [state for state in states.values() if state.ended_at is None]
    return sorted(lasting, key=lambda state: (state.severity != "error", state.key))


_SILENCE = "update pipeline.alerts set silenced_until = :until where key = :key"
_ACKNOWLEDGE = "update pipeline.alerts set acknowledged_at = now(), acknowledged_by = :by where key = :key"


def silence(db: Database, catalog: Catalog, key: str, until: datetime, sources: Sources = tuple) -> None:
    """Say nothing of an alert until then. Raises NothingFound."""
    _mark(db, catalog, sources, _SILENCE, key, until=until)


def acknowledge(db: Database, catalog: Catalog, key: str, by: str, sources: Sources = tuple) -> None:
    """Somebody took an alert on: it is told again only if it gets worse, and its end to those who were told. Raises NothingFound."""
    _mark(db, catalog, sources, _ACKNOWLEDGE, key, by=by)


def _mark(db: Database, catalog: Catalog, sources: Sources, statement: str, key: str, **values: object) -> None:
    """`sources` are asked of what no sweep has found yet: some judge by the hour only."""
    with db.begin() as connection:
        known = memory.load(connection)
    if key not in known:
        _take_up(db, catalog, sources(), key)
    with db.begin() as connection:
        query(connection, statement, key=key, **values)


def _take_up(db: Database, catalog: Catalog, sources: Iterable[Source], key: str) -> None:
    with db.autocommit() as lock, advisory_lock(lock, "alerts"):
        wrong = {state.key: state for state in standing(db, sources)}
        if key not in wrong:
            raise NothingFound(f"no alert {key} stands; those that do: {', '.join(sorted(wrong)) or 'none'}")
        with db.begin() as connection:
            _ensure(connection, catalog)
            memory.write(connection, [wrong[key]])
