"""Reading signals: the rows of swipes, rounds of swiping and feedback as binary streams, unsorted as they lie, cut into blocks of
whole users and put into their order here. What counts is said by sql/preferences/signals.sql, and is the same here; what follows from
it is the kernel's. Memory is bounded whatever the history: beyond PASS_EVENTS the tables are read once for each range of users."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from psycopg import ClientCursor, sql

from aclue_pipeline.postgres import Pg
from aclue_pipeline.preferences.arrays import DISLIKE, EVENT_COLUMNS, FEEDBACK, SEEN, Events, Floats, Ints, Vocabulary
from aclue_pipeline.preferences.catalogue import UUID
from aclue_pipeline.preferences.changed import FED, FINGERPRINTS, FROM, SWIPED
from aclue_pipeline.preferences.facets import CONTEXT_KINDS, FACETS
from aclue_pipeline.preferences.lookup import Lookup

_CHUNK_ROWS: Final = 50_000
BLOCK_EVENTS: Final = 120_000  # events of a block; a user with more makes a larger one
PASS_EVENTS: Final = 8_000_000  # rows that are held at once, some 60 bytes each

#: Whose signals are read, as a condition. A list of users is looked up by index, where a join would read everybody's swipes.
ALL: Final = "true"
CHANGED: Final = "user_id = any(array(select c.user_id from pg_temp.changed_users c where not c.is_gone))"
ONE: Final = "user_id = %(user)s"
#: Whole users whose hash falls below a bound: the same ones whenever it is asked.
SAMPLE: Final = "uuid_hash(user_id) & 4095 < %(share)s"

_SAID: Final = [FACETS[kind].name for kind in CONTEXT_KINDS]  # of the round of swiping
#: What counts of the rounds; of the tables of signals changed.py says it.
_SPOKEN: Final = f"""staging.rounds
    where user_id is not null and num_nonnulls({", ".join(_SAID)}) > 0"""

#: The rows of fixed width that are read of each. `kind`: source × 8, + 1: explicit, + 2: about the price, + 4: pending, + 64: in a round.
_SWIPES: Final = f"""
    select user_id, product_id, id, swipe_timestamp, coalesce(session_id, '00000000-0000-0000-0000-000000000000'),
        case when time_spent_seconds >= 0 then least(time_spent_seconds, 86400) else -1 end,
        (100 * coalesce(case when preference_strength <> 'NaN' then least(greatest(preference_strength, 0), 1) end, 0.5))::int2,
        (case swipe_direction when 'right' then 9 when 'up' then 17 when 'left' then 25 else 32 end
            + case when session_id is null then 0 else 64 end)::int2
    from {SWIPED}"""  # noqa: S608
_FEEDBACK: Final = f"""
    select user_id, product_id, id, coalesce(created_at, {FROM}), feedback_value::float8,
        coalesce(nullif(training_weight, 'NaN')::float8, 1),
        (40 + (feedback_type is not distinct from 'explicit')::int + 4 * (is_processed is not true)::int
            + 2 * (feedback_value < 0 and coalesce(feedback_tags && array['too_expensive', 'too_cheap', 'overpriced', 'price'], false))::int
        )::int2
    from {FED}"""  # noqa: S608
_ROUNDS: Final = f"""
    select user_id, session_id, {", ".join(f"coalesce(hashtext({name}), 0)" for name in _SAID)}
    from {_SPOKEN}"""  # noqa: S608


def _row(**columns: Any) -> np.dtype[np.void]:
    """A row of a binary COPY: the number of its fields, and each with its length before it."""
    fields = [field for name, kind in columns.items() for field in ((f"{name} length", ">i4"), (name, kind))]
    return np.dtype([("fields", ">i2"), *fields])


_OF_A_SWIPE: Final = _row(
    user=UUID, product=UUID, event=UUID, at=">i8", session=UUID, seconds=">i4", strength=">i2", kind=">i2"
)
_OF_FEEDBACK: Final = _row(user=UUID, product=UUID, event=UUID, at=">i8", value=">f8", weight=">f8", kind=">i2")
_OF_A_ROUND: Final = _row(user=UUID, session=UUID, **dict.fromkeys(_SAID, ">i4"))
_OF_A_USER: Final = _row(user=UUID, events=">i4", marks=">i8")


#: What is kept of a swipe and of feedback until its block's turn comes.
_SWIPE: Final = np.dtype(
    [
        ("user", "i4"),
        ("item", "i4"),
        ("event", UUID),
        ("at", "i8"),
        ("session", UUID),
        ("seconds", "i4"),
        ("strength", "i2"),
        ("kind", "i2"),
    ]
)
_REACTION: Final = np.dtype(
    [("user", "i4"), ("item", "i4"), ("event", UUID), ("at", "i8"), ("value", "f8"), ("weight", "f8"), ("kind", "i2")]
)


class Users(NamedTuple):
    """Whose signals are read, ascending, with what FINGERPRINTS says of each."""

    ids: NDArray[np.void]
    events: Ints
    marks: Ints

    def part(self, start: int, end: int) -> "Users":
        return Users(self.ids[start:end], self.events[start:end], self.marks[start:end])


class Fingerprints(NamedTuple):
    """Of users one after the other."""

    events: list[int]
    marks: list[int]


class Rounds(NamedTuple):
    """Rounds of swiping for which something was said, by user."""

    user: Ints
    session: NDArray[np.void]
    codes: Ints  # n × facets of the session

    def of(self, first: int, end: int) -> "Rounds":
        its = slice(*np.searchsorted(self.user, [first, end]))
        return Rounds(self.user[its], self.session[its], self.codes[its])


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
    fingerprints: Fingerprints
    events: Events
    pending: NDArray[np.void]  # ids of feedback that is not marked as processed


def users_of(pg: Pg, of: str, parameters: Mapping[str, Any] | None = None, fingerprints: str = FINGERPRINTS) -> Users:
    """Those under a condition who have signals; `fingerprints`: where it stands what is known of each."""
    select = f"select user_id, events, marks from ({fingerprints}) as f where {of} order by user_id"  # noqa: S608
    rows = np.concatenate([np.zeros(0, _OF_A_USER), *_chunks(pg, select, parameters or {}, _OF_A_USER)])
    return Users(rows["user"].astype(UUID), rows["events"].astype(np.int64), rows["marks"].astype(np.int64))


def blocks(
    pg: Pg,
    of: str,
    products: Lookup,
    vocabulary: Vocabulary,
    parameters: Mapping[str, Any] | None = None,
    block_events: int = BLOCK_EVENTS,
    users: Users | None = None,
) -> Iterator[Block]:
    """The signals of the users under a condition of this module, block by block, users ascending: of `users`, if they are known by now,
    and of no others. Signals about unknown products are left out. The transaction must see one moment (repeatable read)."""
    users = users or users_of(pg, of, parameters)
    words = _words(pg, vocabulary)
    before = np.cumsum(users.events) - users.events
    first = np.flatnonzero(np.diff(before // block_events, prepend=-1))  # of each block
    passes = np.flatnonzero(np.diff(before[first] // PASS_EVENTS, prepend=-1))
    ends = np.append(first, len(users.ids))
    for start, end in pairwise([*passes.tolist(), len(first)]):
        bounds = ends[start : end + 1]
        part = users.part(bounds[0], bounds[-1])
        span = {} if len(passes) == 1 else {"first": _text(part.ids[0]), "last": _text(part.ids[-1])}
        condition = of if not span else f"{of} and user_id between %(first)s and %(last)s"
        yield from _pass(pg, condition, {**(parameters or {}), **span}, part, bounds - bounds[0], products, words)


def _text(id_: np.void) -> str:
    return id_.tobytes().hex()


def _pass(
    pg: Pg,
    of: str,
    parameters: Mapping[str, Any],
    users: Users,
    bounds: Ints,
    products: Lookup,
    words: tuple[tuple[Ints, Ints], ...],
) -> Iterator[Block]:
    """The blocks of users between bounds, all read at once."""
    place = Lookup(users.ids)
    rounds = _rounds(pg, of, parameters, place, words)
    parts: list[tuple[list[NDArray[np.void]], list[NDArray[np.void]]]] = [([], []) for _ in bounds[1:]]
    number = np.repeat(np.arange(len(parts), dtype=np.int16 if len(parts) < 1 << 15 else np.int64), np.diff(bounds))
    for which, (select, row, kept) in enumerate(((_SWIPES, _OF_A_SWIPE, _SWIPE), (_FEEDBACK, _OF_FEEDBACK, _REACTION))):
        for rows in _chunks(pg, f"{select} and {of}", parameters, row):
            user = place(rows["user"])
            found = np.zeros(len(rows), kept)
            for name in kept.names or ():
                found[name] = user if name == "user" else products(rows["product"]) if name == "item" else rows[name]
            if (user < 0).any():  # of somebody else
                found = found[user >= 0]
            block = number[found["user"]]
            found = found[np.argsort(block, kind="stable")]
            ends = np.cumsum(np.bincount(block, minlength=len(parts)))
            for part, rows_of_it in zip(parts, np.split(found, ends[:-1]), strict=True):
                if len(rows_of_it):
                    part[which].append(rows_of_it.copy())
    for b, (start, end) in enumerate(pairwise(bounds.tolist())):
        swipes, reactions = (
            np.concatenate([np.zeros(0, kept), *part]) for kept, part in zip((_SWIPE, _REACTION), parts[b], strict=True)
        )
        parts[b][0].clear()
        yield _block(users.part(start, end), start, swipes, reactions, rounds.of(start, end))


def joined(parts: list[Events]) -> Events:
    """Blocks after each other as one, users numbered on."""
    parts = parts or [NO_EVENTS]
    first = np.concatenate([[0], np.cumsum([part.users for part in parts])]).astype(np.int64)
    columns = {
        name: np.concatenate([getattr(part, name) for part in parts]) for name in EVENT_COLUMNS if name != "user"
    }
    user = np.concatenate([part.user + start for part, start in zip(parts, first, strict=False)])
    return Events(int(first[-1]), user=user, **columns)


def _chunks(
    pg: Pg,
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


def _words(pg: Pg, vocabulary: Vocabulary) -> tuple[tuple[Ints, Ints], ...]:
    """Per facet of the session: (hashes ascending, their codes), as the server hashes the words."""
    found = []
    for kind in CONTEXT_KINDS:
        words = list(vocabulary.values[kind])
        rows = pg.execute(
            """select hashtext(word), place from unnest(%s::text[]) with ordinality as w (word, place)
               where hashtext(word) <> 0  -- which stands for nothing said""",
            [words],
        )
        pairs = sorted((hash_, int(vocabulary.start[kind]) + place - 1) for hash_, place in rows)
        found.append((np.array([h for h, _ in pairs], np.int64), np.array([c for _, c in pairs], np.int64)))
    return tuple(found)


def _codes(hashes: Ints, known: tuple[Ints, Ints]) -> Ints:
    if not len(known[0]):
        return np.full(len(hashes), -1)
    place = np.minimum(np.searchsorted(known[0], hashes), len(known[0]) - 1)
    return np.where(known[0][place] == hashes, known[1][place], -1)


def _rounds(
    pg: Pg,
    of: str,
    parameters: Mapping[str, Any],
    place: Lookup,
    words: tuple[tuple[Ints, Ints], ...],
) -> Rounds:
    rows = np.concatenate([np.zeros(0, _OF_A_ROUND), *_chunks(pg, f"{_ROUNDS} and {of}", parameters, _OF_A_ROUND)])
    user = place(rows["user"])
    order = np.argsort(user, kind="stable")
    codes = [_codes(rows[name].astype(np.int64), known) for name, known in zip(_SAID, words, strict=True)]
    return Rounds(user[order], rows["session"].astype(UUID)[order], np.stack(codes, axis=1)[order])


def _block(users: Users, first: int, swipes: NDArray[np.void], reactions: NDArray[np.void], rounds: Rounds) -> Block:
    """The block of these users, whose numbers begin with `first`, in the order in which a profile reads it."""
    pending = reactions["event"][(reactions["kind"] & 4) > 0]
    swipes, reactions = swipes[swipes["item"] >= 0], reactions[reactions["item"] >= 0]
    swipes = swipes[_in_order(swipes, once=True)]
    n = len(swipes)
    both = np.zeros(n + len(reactions), [(name, _SWIPE[name]) for name in ("user", "item", "event", "at", "kind")])
    for name in both.dtype.names or ():
        both[name][:n], both[name][n:] = swipes[name], reactions[name]
    order = _in_order(both) if len(reactions) else np.arange(n)
    kind = both["kind"][order].astype(np.int64)
    source = (kind & 63) >> 3

    def column(of_swipes: Floats | float, of_reactions: Floats | float) -> Floats:
        values = np.empty(len(both))
        values[:n], values[n:] = of_swipes, of_reactions
        return values[order]

    return Block(
        users=users.ids,
        fingerprints=Fingerprints(users.events.tolist(), users.marks.tolist()),
        events=Events(
            users=len(users.ids),
            user=both["user"][order] - np.int64(first),
            item=both["item"][order].astype(np.int64),
            at=both["at"][order],
            value=np.select(
                [source == FEEDBACK, source == SEEN, source == DISLIKE],
                [column(0.0, reactions["value"]), 0.0, -1.0],
                1.0,
            ),
            source=source,
            seconds=column(np.where(swipes["seconds"] < 0, np.nan, swipes["seconds"]), np.nan),
            strength=column(swipes["strength"] / 100.0, 0.5),
            training_weight=column(1.0, reactions["weight"]),
            explicit=(kind & 1) > 0,
            price_only=(kind & 2) > 0,
            context=np.concatenate([_said(swipes, rounds), np.full((len(reactions), len(_SAID)), -1)])[order],
        ),
        pending=pending.astype(UUID),
    )


def _said(swipes: NDArray[np.void], rounds: Rounds) -> Ints:
    """What was said for the rounds of swipes, where they are the user's own."""
    place = Lookup(rounds.session)(swipes["session"])
    its_own = (place >= 0) & ((swipes["kind"] & 64) > 0)
    its_own[its_own] = rounds.user[place[its_own]] == swipes["user"][its_own]
    codes = np.full((len(swipes), len(_SAID)), -1)
    codes[its_own] = rounds.codes[place[its_own]]
    return codes


def _in_order(rows: NDArray[np.void], once: bool = False) -> Ints:
    """Positions by user, time and id; `once`: of a swipe that was delivered again only the one with the smallest id."""
    order = np.lexsort((rows["at"], rows["user"]))
    user, at = rows["user"][order], rows["at"][order]
    again = np.concatenate([[False], (user[1:] == user[:-1]) & (at[1:] == at[:-1])])
    tied = np.flatnonzero(again | np.append(again[1:], False))  # few
    if not len(tied):
        return order
    run = np.cumsum(~again)[tied]
    of = rows[order[tied]]
    order[tied] = order[tied][np.lexsort((of["event"]["lo"], of["event"]["hi"], run))]
    if not once:
        return order
    of = rows[order[tied]]
    alike = [run, of["session"]["hi"], of["session"]["lo"], of["kind"], of["item"]]
    by = np.lexsort(alike[::-1])  # stable: the smallest id first
    redelivered = np.ones(len(tied), bool)
    redelivered[by[0]] = False
    redelivered[by[1:]] = np.all([one[by][1:] == one[by][:-1] for one in alike], axis=0)
    return np.delete(order, tied[redelivered])
