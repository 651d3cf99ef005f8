"""Recalculation: who changed, block after block through the kernel into the database. Reading, computing and writing overlap:
while the server takes in one block, the next one is computed. What a profile is, is the kernel's business."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import starmap
from typing import Any, TypeAlias
from uuid import UUID

from aclue_pipeline.derived.statement import is_there
from aclue_pipeline.postgres import Database, Pg
from aclue_pipeline.postgres.locks import advisory_lock
from aclue_pipeline.preferences import changed, signals
from aclue_pipeline.preferences.adjustments import adjustments, by_hand
from aclue_pipeline.preferences.lookup import Lookup
from aclue_pipeline.preferences.model import TasteModel
from aclue_pipeline.preferences.publish import Adjusted, Published, Publisher, take_back
from aclue_pipeline.preferences.rows import profile_lines
from aclue_pipeline.preferences.store import (
    current_version,
    has_new_products,
    is_usable,
    load_model,
    meet_new_products,
    save_items,
    usable_version,
)

#: Users whose signals are new, changed, late or gone, whose feedback waits, who adjusted the profile or took that back, or whose profile
#: is of another model version; of a full run all. Who adjusted something has a profile without any event, too.
CHANGED_USERS = """
    create temp table changed_users on commit drop as
    with adjusted as (
        select p.user_id, p.adjusted_at, bool_or(a.ignored = 0) is true as is_told, count(a.user_id) = 0 as is_untold
        from public.user_preferences p left join pipeline.adjustments a on a.user_id = p.user_id
        where p.adjusted_at is not null
        group by p.user_id
    ),
    found as (
        select coalesce(n.user_id, f.user_id, a.user_id) as user_id, coalesce(n.events, 0) as events, coalesce(n.marks, 0) as marks,
            a.adjusted_at, a.is_told is true as is_told, (a.is_untold and f.adjusted_at is null) is true as is_untold,
            f.user_id is null or p.user_id is null or n.is_pending is true
                or (coalesce(n.events, 0), coalesce(n.marks, 0), %(version)s) is distinct from (f.events, f.marks, f.model_version)
                or a.adjusted_at is distinct from nullif(f.adjusted_at, 'epoch') as is_changed
        from {users}
        full join adjusted a on a.user_id = coalesce(n.user_id, f.user_id)
        left join (select user_id from public.user_preferences) p on p.user_id = coalesce(n.user_id, f.user_id)
    ),
    judged as (
        select f.*, u.id is null or (f.events = 0 and not f.is_told and not f.is_untold) as is_gone
        from found f left join auth.users u on u.id = f.user_id
    )
    select user_id, events, marks, adjusted_at, is_untold, is_gone from judged
    where (%(full)s or is_gone or is_changed) and (%(only)s::uuid is null or user_id = %(only)s)
"""
_FEW, _FEW_AT_LEAST = 5, 1000  # up to a fifth of the users, or a thousand, are looked up one by one
_TO_RECALCULATE = "select user_id, events, marks from pg_temp.changed_users where not is_gone"

_LOCK = "recalculation of preferences"

#: What calls a function with each block's arguments and gives its results in order, as itertools.starmap does.
Over: TypeAlias = Callable[[Callable[..., bytes], Iterable[tuple[Any, ...]]], Iterable[bytes]]


@dataclass(frozen=True)
class Recalculation:
    """What a recalculation did."""

    model_version: str
    full: bool
    users: int  # recalculated
    signals: int  # read
    published: Published = field(default_factory=Published)
    seconds: float = 0.0


def recalculate(
    db: Database,
    full: bool = False,
    progress: Callable[[str], None] | None = None,
    block_events: int | None = None,
    over: Over = starmap,
) -> Recalculation:
    """Bring public.user_preferences up to date: the users that changed, or all of them.

    Each block of users is one transaction with its fingerprints and feedback marks; a run that ends half-way is finished by
    the next one. `block_events`: signals that a block (so memory and a transaction) holds; whole users always. `over`: where
    the blocks are computed, in this process or by `cluster.over(client)` on others.
    Raises MissingPrerequisite before the first training, AlreadyRunning while another recalculation runs.
    """
    with db.autocommit() as lock, advisory_lock(lock, _LOCK):
        return _recalculated(db, full, progress or (lambda line: None), block_events or signals.BLOCK_EVENTS, over=over)


def waiting(db: Database) -> int:
    """How many users the next recalculation would take in; while no version can be used (none was trained yet, or a run was killed before
    it was judged), how many signals there are to learn from."""
    with db.psycopg() as pg:
        if not is_there(pg, "pipeline.taste_models"):
            return 0
        if not is_usable(current_version(pg)):
            ((events,),) = pg.execute("select count(*) from pipeline.signals where value <> 0").fetchall()
            return int(events)
    with db.psycopg() as reader:
        (gone, _), others = _Run(reader, (), False, lambda line: None, None)._changed()
    return len(gone) + others


def reset(db: Database, user_id: UUID) -> bool:
    """Take back all that a user adjusted, and compute the profile from the events alone. False where nothing was adjusted.

    Raises as `recalculate` does; nothing is changed then."""
    with db.autocommit() as lock, advisory_lock(lock, _LOCK):
        with db.psycopg() as pg:
            usable_version(pg)
            taken = take_back(pg, user_id)
        if taken:
            _recalculated(db, only=user_id)
        return taken


def _recalculated(
    db: Database,
    full: bool = False,
    say: Callable[[str], None] = lambda line: None,
    block_events: int = signals.BLOCK_EVENTS,
    only: UUID | None = None,
    over: Over = starmap,
) -> Recalculation:
    started = time.monotonic()
    with db.psycopg() as reader, db.psycopg() as one, db.psycopg() as another:
        done = _Run(reader, (one, another), full, say, only).run(block_events, over)
    return Recalculation(**done, full=full, seconds=time.monotonic() - started)


class _Run:
    def __init__(
        self,
        reader: Pg,
        writers: Sequence[Pg],
        full: bool,
        say: Callable[[str], None],
        only: UUID | None,
    ) -> None:
        self._reader, self._writers, self._full, self._say, self._only = reader, writers, full, say, only
        # Catalogue, signals and who changed are of one moment.
        reader.execute("set transaction isolation level repeatable read")
        reader.execute("set local work_mem = '128MB'")
        reader.execute("set local statement_timeout = 0")  # a stream lasts as long as what is done with it
        # A parallel right anti join leaves all its rows, and all work on them, to one worker (PostgreSQL 16 to 18).
        reader.execute("set local enable_parallel_hash = off")
        self._version = usable_version(reader)
        ((began, cut, horizon),) = reader.execute(
            f"select now(), {changed.CUT}, pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
        ).fetchall()
        self._publishers = [Publisher(writer, self._version, began, cut, horizon) for writer in writers]

    def _model(self) -> TasteModel:
        """With the products that are new to it, stored before any profile rests on them."""
        model, rows, met = meet_new_products(self._reader, load_model(self._reader))
        if rows:
            save_items(self._writers[0], model.version, met, rows)
            self._writers[0].commit()
        return model

    def run(self, block_events: int, over: Over) -> dict[str, Any]:
        users, events = 0, 0
        gone, others = self._changed()
        done = self._publishers[0].forget(*gone)
        is_due = others or has_new_products(self._reader, self._version)
        with ThreadPoolExecutor(len(self._publishers), "publisher") as pool:
            under_way: deque[Future[Published]] = deque()
            for number, computed in enumerate(self._computed(block_events, over) if is_due else ()):
                if len(under_way) == len(self._publishers):  # the one whose turn it is has finished, in order
                    done += under_way.popleft().result()
                publisher = self._publishers[number % len(self._publishers)]
                under_way.append(pool.submit(publisher.publish, *computed, self._adjusted))
                users, events = users + len(computed[0].users), events + len(computed[0].events)
                self._say(f"{users:,} users, {events:,} signals")
            for future in under_way:
                done += future.result()
        return {"model_version": self._version, "users": users, "signals": events, "published": done}

    def _computed(self, block_events: int, over: Over) -> Iterator[tuple[signals.Block, signals.Fingerprints, bytes]]:
        """Block after block of the users to recalculate, with their profiles as text."""
        model = self._model()
        users = signals.users_of(self._reader, signals.ALL, fingerprints=_TO_RECALCULATE)
        ((_, known),) = self._reader.execute(changed.HORIZON).fetchall()
        of = signals.CHANGED if len(users.ids) <= known / _FEW else signals.ALL
        products = Lookup(model.items.ids)
        said = by_hand(adjustments(self._reader, list(self._adjusted)), model.vocabulary)
        waiting: deque[signals.Block] = deque()

        def read() -> Iterator[tuple[Any, ...]]:
            for block in signals.blocks(self._reader, of, products, model.vocabulary, None, block_events, users):
                waiting.append(block)
                yield block.users, block.events, said(block.users)

        for text in over(partial(profile_lines, model=model), read()):
            block = waiting.popleft()
            yield block, block.fingerprints, text

    def _is_balanced(self) -> bool:
        """Whether those whose rows are new since the last pass, few, are all who can have changed."""
        ((horizon, known),) = self._reader.execute(changed.HORIZON).fetchall()
        if horizon is None:
            return False
        self._reader.execute(changed.TOUCHED, {"horizon": horizon})
        ((touched,),) = self._reader.execute("select count(*) from pg_temp.touched_rows").fetchall()
        if touched > max(known / _FEW, _FEW_AT_LEAST):
            return False
        self._reader.execute(changed.TOUCHED_USERS)
        self._reader.execute("analyze pg_temp.touched_users")
        return self._reader.execute(changed.IS_BALANCED).fetchone() == (True,)

    def _changed(self) -> tuple[tuple[list[Any], list[Any]], int]:
        """Find the users to recalculate (pg_temp.changed_users), and who of them adjusted something: (the ones that are gone, and when
        they adjusted something; number of the others)."""
        statement = CHANGED_USERS.format(users=changed.KNOWN if self._is_balanced() else changed.FOUND)
        self._reader.execute(statement, {"full": self._full, "version": self._version, "only": self._only})
        self._reader.execute("analyze pg_temp.changed_users")
        gone, at, others = self._reader.execute(
            """select coalesce(array_agg(user_id) filter (where is_gone), '{}'),
                   coalesce(array_agg(adjusted_at) filter (where is_gone), '{}'), count(*) filter (where not is_gone)
               from pg_temp.changed_users"""
        ).fetchall()[0]
        select = "select user_id, adjusted_at, is_untold from pg_temp.changed_users where adjusted_at is not null and not is_gone"
        self._adjusted = {
            user.hex: Adjusted(at, is_untold) for user, at, is_untold in self._reader.execute(select).fetchall()
        }
        return (gone, at), others
