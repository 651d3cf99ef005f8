"""Reading signals: pipeline.signals as a binary stream, cut into blocks of whole users, so that memory is bounded by a block
whatever the history. What the signals say stands in sql/preferences/signals.sql; what follows from them is the kernel's."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import ClientCursor, sql

from aclue_pipeline.preferences.arrays import EVENT_COLUMNS, Events, Ints, Vocabulary
from aclue_pipeline.preferences.catalogue import UUID
from aclue_pipeline.preferences.facets import CONTEXT_KINDS, FACETS

#: Events from here on wait for a later pass, as sql/preferences/signals.sql has it.
CUT: Final = "date_bin(interval '1 day', now(), timestamptz '2000-01-01 00:00:00+00') + interval '48 hours'"

_CHUNK_ROWS: Final = 25_000
BLOCK_EVENTS: Final = 120_000  # events of a block; a user with more makes a larger one

_SAID: Final = [FACETS[kind].name for kind in CONTEXT_KINDS]  # of the round of swiping
#: One fixed-width row per signal, in the order in which a profile reads them. The words of the session travel as hashes.
_COLUMNS: Final = f"""
    s.user_id, s.product_id, s.event_id, s.at, s.value, coalesce(s.seconds, -1), coalesce(s.strength, 0.5), s.training_weight,
    (case s.source when 'like' then 8 when 'super_like' then 16 when 'dislike' then 24 when 'seen' then 32 else 40 end
        + s.is_explicit::int + 2 * s.is_about_price::int + 4 * s.is_pending::int)::int2,
    {", ".join(f"coalesce(hashtext(s.{name}), 0)" for name in _SAID)}"""
ALL: Final = f"select {_COLUMNS} from pipeline.signals s order by s.user_id, s.at, s.event_id"  # noqa: S608
#: A list of users is looked up by index, where a join would read everybody's swipes.
CHANGED: Final = f"""select {_COLUMNS} from pipeline.signals s
    where s.user_id = any(array(select c.user_id from pg_temp.changed_users c where not c.is_gone))
    order by s.user_id, s.at, s.event_id"""  # noqa: S608
ONE: Final = f"select {_COLUMNS} from pipeline.signals s where s.user_id = %(user)s order by s.at, s.event_id"  # noqa: S608
#: Whole users whose hash falls below a bound: the same ones whenever it is asked.
SAMPLE: Final = f"""select {_COLUMNS} from pipeline.signals s where uuid_hash(s.user_id) & 4095 < %(share)s
    order by s.user_id, s.at, s.event_id"""  # noqa: S608


def _row(**columns: Any) -> np.dtype[np.void]:
    """A row of a binary COPY: the number of its fields, and each with its length before it."""
    fields = [field for name, kind in columns.items() for field in ((f"{name} length", ">i4"), (name, kind))]
    return np.dtype([("fields", ">i2"), *fields])


_ROW: Final = _row(
    user=UUID,
    product=UUID,
    event=UUID,
    at=">i8",
    value=">f8",
    seconds=">i4",
    strength=">f8",
    training_weight=">f8",
    kind=">i2",
    **{f"{name} said": ">i4" for name in _SAID},
)

#: Per user what tells one state of the signals' rows from another: their number, and a sum that moves with each. The app's rows do not say
#: when they were changed, but carry the number of the transaction that wrote them (xmin); the newest number alone would lose a change that
#: is committed late. After a dump and restore, which numbers rows anew, everybody has changed. Of feedback the content is hashed instead:
#: our own mark on it is no change. The same rows as in sql/preferences/signals.sql, whatever stands in them.
FINGERPRINTS: Final = f"""
    select user_id, count(*)::integer as events, sum(mark)::bigint as marks, bool_or(is_pending) as is_pending
    from (
        select i.user_id, i.xmin::text::bigint + coalesce(r.xmin::text::bigint, 0) as mark, false as is_pending
        from public.swipe_interactions as i left join public.swipe_sessions as r on r.id = i.session_id
        where i.user_id is not null and i.product_id is not null
            and i.swipe_timestamp >= timestamptz '2000-01-01 00:00:00+00' and i.swipe_timestamp < {CUT}
        union all
        select f.user_id,
            hash_record_extended(
                (f.id, f.product_id, f.created_at, f.feedback_type, f.feedback_value, f.feedback_tags, f.training_weight), 0
            ) >> 24,
            f.is_processed is not true
        from public.recommendation_feedback as f
        where coalesce(f.is_validated, true) and f.feedback_value between -1 and 1 and f.feedback_value <> 0
            and coalesce(nullif(f.training_weight, 'NaN'), 1) > 0
            and coalesce(f.created_at, '2000-01-01 00:00:00+00') >= timestamptz '2000-01-01 00:00:00+00'
            and coalesce(f.created_at, '2000-01-01 00:00:00+00') < {CUT}
    ) as counted
    group by user_id"""  # noqa: S608
_FOUND: Final = "select user_id, events, marks from pg_temp.changed_users where events is not null"
_FINGERPRINT: Final = _row(user=UUID, events=">i4", marks=">i8")


class Fingerprints(NamedTuple):
    """As FINGERPRINTS has them, one after the other."""

    events: list[int]
    marks: list[int]


_INTS, _FLOATS, _BOOLS = np.zeros(0, np.int64), np.zeros(0), np.zeros(0, bool)
NO_EVENTS: Final = Events(
    users=0,
    user=_INTS,
    item=_INTS,
    at=_INTS,
    value=_FLOATS,
    source=_INTS,
    seconds=_FLOATS,
    strength=_FLOATS,
    training_weight=_FLOATS,
    explicit=_BOOLS,
    price_only=_BOOLS,
    context=np.zeros((0, len(CONTEXT_KINDS)), np.int64),
)


@dataclass(frozen=True)
class Block:
    """Whole users and their signals."""

    users: NDArray[np.void]  # ids, ascending
    events: Events
    pending: NDArray[np.void]  # ids of feedback that is not marked as processed


def fingerprints(pg: psycopg.Connection[Any]) -> Callable[[NDArray[np.void]], Fingerprints]:
    """Those of any of the users to recalculate, as they stood when it was found who that is."""
    rows = np.concatenate([np.zeros(0, _FINGERPRINT), *_chunks(pg, _FOUND, {}, _FINGERPRINT)])
    places = Lookup(rows["user"].astype(UUID))

    def of(users: NDArray[np.void]) -> Fingerprints:
        place = places(users)
        if (place < 0).any():
            raise ValueError("a user has signals and no fingerprint")
        return Fingerprints(rows["events"][place].tolist(), rows["marks"][place].tolist())

    return of


class Lookup:
    """Finds the places of many ids among known ones; -1 for those that are not among them."""

    def __init__(self, ids: NDArray[np.void]) -> None:
        self._ids = ids
        for factor in range(1, 1000, 2):  # ids made by hand may share bits; another factor then tells them apart
            self._factor = np.uint64(0x9E3779B97F4A7C15) * np.uint64(factor)
            key = self._key(ids)
            self._order = np.argsort(key, kind="stable")
            self._sorted = key[self._order]
            if not (self._sorted[1:] == self._sorted[:-1]).any():
                return
        raise ValueError("ids are not unique")

    def __call__(self, ids: NDArray[np.void]) -> Ints:
        if not len(self._ids):
            return np.full(len(ids), -1)
        place = np.minimum(np.searchsorted(self._sorted, self._key(ids)), len(self._sorted) - 1)
        place = self._order[place]
        return np.where(self._ids[place] == ids, place, -1)

    def _key(self, ids: NDArray[np.void]) -> NDArray[np.uint64]:
        with np.errstate(over="ignore"):
            return ids["hi"].astype(np.uint64) * self._factor ^ ids["lo"].astype(np.uint64)


def blocks(
    pg: psycopg.Connection[Any],
    select: str,
    products: Lookup,
    vocabulary: Vocabulary,
    parameters: Mapping[str, Any] | None = None,
    block_events: int = BLOCK_EVENTS,
) -> Iterator[Block]:
    """The signals of a SELECT of this module, block by block, users ascending. Signals about unknown products
    are left out."""
    words = _words(pg, vocabulary)
    waiting: list[NDArray[np.void]] = []
    size = 0
    for rows in _chunks(pg, select, parameters or {}, _ROW, min(block_events, _CHUNK_ROWS)):
        waiting.append(rows)
        size += len(rows)
        if size < block_events:
            continue
        rows = np.concatenate(waiting)
        last = len(rows) - _run_at_end(rows["user"])
        if last:
            yield _block(rows[:last], products, words)
        waiting, size = [rows[last:]], len(rows) - last
    if size:
        yield _block(np.concatenate(waiting), products, words)


def joined(parts: list[Events]) -> Events:
    """Blocks after each other as one, users numbered on."""
    parts = parts or [NO_EVENTS]
    first = np.concatenate([[0], np.cumsum([part.users for part in parts])]).astype(np.int64)
    columns = {
        name: np.concatenate([getattr(part, name) for part in parts]) for name in EVENT_COLUMNS if name != "user"
    }
    user = np.concatenate([part.user + start for part, start in zip(parts, first, strict=False)])
    return Events(int(first[-1]), user=user, **columns)


def _run_at_end(users: NDArray[np.void]) -> int:
    """How many rows at the end belong to the last user, who may go on in the next chunk."""
    return len(users) - int(np.flatnonzero(np.concatenate([[True], users[1:] != users[:-1]]))[-1])


def _chunks(
    pg: psycopg.Connection[Any],
    select: str,
    parameters: Mapping[str, Any],
    row: np.dtype[np.void],
    chunk: int = _CHUNK_ROWS,
) -> Iterator[NDArray[np.void]]:
    """Rows of a binary COPY, some `chunk` at a time; the server sends one message a row."""
    bound = ClientCursor(pg).mogrify(select, parameters) if parameters else select  # COPY takes no parameters
    statement = sql.SQL("copy ({}) to stdout with (format binary)").format(sql.SQL(bound))
    waiting, header, enough = bytearray(), True, chunk * row.itemsize
    with pg.cursor() as cursor, cursor.copy(statement) as copy:
        for message in copy:  # one a row; adding to a bytearray costs half of what joining them does
            waiting += message
            if len(waiting) >= enough:
                rows, header = _cut(waiting, header, row), False
                yield rows
    rows = _cut(waiting, header, row)
    if len(rows):
        yield rows


def _cut(waiting: bytearray, header: bool, row: np.dtype[np.void]) -> NDArray[np.void]:
    """The whole rows among the bytes that wait, which are taken away."""
    if header:
        del waiting[: 19 + int.from_bytes(waiting[15:19], "big")]
    whole = len(waiting) // row.itemsize * row.itemsize
    rows = np.frombuffer(bytes(waiting[:whole]), row)
    del waiting[:whole]
    names = [name for name in row.names or () if not name.endswith("length") and name != "fields"]
    if any((rows[f"{name} length"] != row[name].itemsize).any() for name in names):
        raise ValueError("a NULL where there may be none")
    return rows


def _words(pg: psycopg.Connection[Any], vocabulary: Vocabulary) -> tuple[tuple[Ints, Ints], ...]:
    """Per facet of the session: (hashes ascending, their codes), as the server hashes the words."""
    found = []
    for kind in CONTEXT_KINDS:
        words = list(vocabulary.values[kind])
        rows = pg.execute(
            "select hashtext(word), place from unnest(%s::text[]) with ordinality as w (word, place)", [words]
        )
        pairs = sorted((hash_, int(vocabulary.start[kind]) + place - 1) for hash_, place in rows)
        found.append((np.array([h for h, _ in pairs], np.int64), np.array([c for _, c in pairs], np.int64)))
    return tuple(found)


def _codes(hashes: Ints, known: tuple[Ints, Ints]) -> Ints:
    if not len(known[0]):
        return np.full(len(hashes), -1)
    place = np.minimum(np.searchsorted(known[0], hashes), len(known[0]) - 1)
    return np.where(known[0][place] == hashes, known[1][place], -1)


def _block(rows: NDArray[np.void], products: Lookup, words: tuple[tuple[Ints, Ints], ...]) -> Block:
    users = rows["user"].astype(UUID)  # concatenating made it native
    starts = np.flatnonzero(np.concatenate([[True], users[1:] != users[:-1]]))
    user = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(users))))
    kind = rows["kind"].astype(np.int64)
    item = products(rows["product"].astype(UUID))
    context = [_codes(rows[f"{name} said"].astype(np.int64), known) for name, known in zip(_SAID, words, strict=True)]
    events = Events(
        users=len(starts),
        user=user,
        item=item,
        at=rows["at"].astype(np.int64),
        value=rows["value"].astype(np.float64),
        source=kind >> 3,
        seconds=np.where(rows["seconds"] < 0, np.nan, rows["seconds"]),
        strength=rows["strength"].astype(np.float64),
        training_weight=rows["training_weight"].astype(np.float64),
        explicit=(kind & 1) > 0,
        price_only=(kind & 2) > 0,
        context=np.stack(context, axis=1),
    )
    return Block(
        users=users[starts],
        events=events if (item >= 0).all() else events.take(item >= 0),
        pending=rows["event"][(kind & 4) > 0].astype(UUID),
    )
