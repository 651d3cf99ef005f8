"""Recalculation: who changed, block after block through the kernel into the database. Reading, computing and writing overlap:
while the server takes in one block, the next one is computed. What a profile is, is the kernel's business."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import psycopg

from aclue_pipeline.postgres import Database
from aclue_pipeline.postgres.locks import advisory_lock
from aclue_pipeline.preferences import signals
from aclue_pipeline.preferences.kernel import profiles
from aclue_pipeline.preferences.model import TasteModel
from aclue_pipeline.preferences.publish import ADJUSTABLE, RANGE_TAKEN_BACK, Published, Publisher
from aclue_pipeline.preferences.rows import lines
from aclue_pipeline.preferences.store import (
    has_new_products,
    load_model,
    meet_new_products,
    save_items,
    usable_version,
)

#: Users whose signals are new, changed, late or gone, whose feedback waits, who took an adjustment back (NULL), or whose profile is
#: of another model version; of a full run all. A range of prices that is NULL was taken back, or computed so.
CHANGED_USERS = f"""
    create temp table changed_users on commit drop as
    select coalesce(n.user_id, f.user_id) as user_id, n.events, n.marks, n.user_id is null or u.id is null as is_gone
    from {{users}}
    left join (select user_id from public.user_preferences) p on p.user_id = n.user_id
    left join auth.users u on u.id = n.user_id
    where %(full)s or n.user_id is null or u.id is null or f.user_id is null or p.user_id is null or n.is_pending
        or (n.events, n.marks, %(version)s) is distinct from (f.events, f.marks, f.model_version)
        or n.user_id in (
            select p.user_id from public.user_preferences p
            where p.adjusted_at is not null and num_nulls({", ".join(f"p.{name}" for name in ADJUSTABLE if name != "price_range")}) > 0
                or ({RANGE_TAKEN_BACK})
        )
"""  # noqa: S608
_FEW, _FEW_AT_LEAST = 5, 1000  # up to a fifth of the users, or a thousand, are looked up one by one
_TO_RECALCULATE = "select user_id, events, marks from pg_temp.changed_users where not is_gone"


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
) -> Recalculation:
    """Bring public.user_preferences up to date: the users that changed, or all of them.

    Each block of users is one transaction with its fingerprints and feedback marks; a run that ends half-way is finished by
    the next one. `block_events`: signals that a block (so memory and a transaction) holds; whole users always.
    Raises MissingPrerequisite before the first training, AlreadyRunning while another recalculation runs.
    """
    started = time.monotonic()
    with (
        db.autocommit() as lock,
        advisory_lock(lock, "recalculation of preferences"),
        db.psycopg() as reader,
        db.psycopg() as one,
        db.psycopg() as another,
    ):
        done = _Run(reader, (one, another), full, progress or (lambda line: None)).run(
            block_events or signals.BLOCK_EVENTS
        )
    return Recalculation(**done, full=full, seconds=time.monotonic() - started)


class _Run:
    def __init__(
        self,
        reader: psycopg.Connection[Any],
        writers: Sequence[psycopg.Connection[Any]],
        full: bool,
        say: Callable[[str], None],
    ) -> None:
        self._reader, self._writers, self._full, self._say = reader, writers, full, say
        # Catalogue, signals and who changed are of one moment.
        reader.execute("set transaction isolation level repeatable read")
        reader.execute("set local work_mem = '128MB'")
        reader.execute("set local statement_timeout = 0")  # a stream lasts as long as what is done with it
        # A parallel right anti join leaves all its rows, and all work on them, to one worker (PostgreSQL 16 to 18).
        reader.execute("set local enable_parallel_hash = off")
        self._version = usable_version(reader)
        ((began, cut, horizon),) = reader.execute(
            f"select now(), {signals.CUT}, pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
        ).fetchall()
        self._publishers = [Publisher(writer, self._version, began, cut, horizon) for writer in writers]

    def _model(self) -> TasteModel:
        """With the products that are new to it, stored before any profile rests on them."""
        model, rows, met = meet_new_products(self._reader, load_model(self._reader))
        if rows:
            save_items(self._writers[0], model.version, met, rows)
            self._writers[0].commit()
        return model

    def run(self, block_events: int) -> dict[str, Any]:
        users, events = 0, 0
        gone, changed = self._changed()
        done = self._publishers[0].forget(gone)
        is_due = changed or has_new_products(self._reader, self._version)
        with ThreadPoolExecutor(len(self._publishers), "publisher") as pool:
            under_way: deque[Future[Published]] = deque()
            for number, computed in enumerate(self._computed(block_events) if is_due else ()):
                if len(under_way) == len(self._publishers):  # the one whose turn it is has finished, in order
                    done += under_way.popleft().result()
                under_way.append(pool.submit(self._publishers[number % len(self._publishers)].publish, *computed))
                users, events = users + len(computed[0].users), events + len(computed[0].events)
                self._say(f"{users:,} users, {events:,} signals")
            for future in under_way:
                done += future.result()
        return {"model_version": self._version, "users": users, "signals": events, "published": done}

    def _computed(self, block_events: int) -> Iterator[tuple[signals.Block, signals.Fingerprints, bytes]]:
        """Block after block of the users to recalculate, with their profiles as text."""
        model = self._model()
        users = signals.users_of(self._reader, signals.ALL, fingerprints=_TO_RECALCULATE)
        ((_, known),) = self._reader.execute(signals.HORIZON).fetchall()
        of = signals.CHANGED if len(users.ids) <= known / _FEW else signals.ALL
        products = signals.Lookup(model.items.ids)
        read = signals.blocks(self._reader, of, products, model.vocabulary, None, block_events, users)
        for block in read:
            yield block, block.fingerprints, lines(block.users, profiles(block.events, model), model)

    def _is_balanced(self) -> bool:
        """Whether those whose rows are new since the last pass, few, are all who can have changed."""
        ((horizon, known),) = self._reader.execute(signals.HORIZON).fetchall()
        if horizon is None:
            return False
        self._reader.execute(signals.TOUCHED, {"horizon": horizon})
        ((touched,),) = self._reader.execute("select count(*) from pg_temp.touched_rows").fetchall()
        if touched > max(known / _FEW, _FEW_AT_LEAST):
            return False
        self._reader.execute(signals.TOUCHED_USERS)
        self._reader.execute("analyze pg_temp.touched_users")
        return self._reader.execute(signals.IS_BALANCED).fetchone() == (True,)

    def _changed(self) -> tuple[list[Any], int]:
        """Find the users to recalculate (pg_temp.changed_users): (the ones that are gone, number of the others)."""
        changed = CHANGED_USERS.format(users=signals.KNOWN if self._is_balanced() else signals.FOUND)
        self._reader.execute(changed, {"full": self._full, "version": self._version})
        self._reader.execute("analyze pg_temp.changed_users")
        found = self._reader.execute(
            """select coalesce(array_agg(user_id) filter (where is_gone), '{}'), count(*) filter (where not is_gone)
               from pg_temp.changed_users"""
        ).fetchall()
        return found[0][0], found[0][1]
