"""Publishing: a block of profiles becomes rows of public.user_preferences in one transaction with their fingerprints and the
marks on the feedback they took in. Only rows that came out different are written, so that unchanged ones cost nothing and
changed ones stay within their page (HOT) where they can. What is in the rows is decided elsewhere.

What a user adjusted by hand (user_preferences.adjusted_at says so) is not overwritten: from then on the profile keeps what is set
in the columns a user may adjust (in all of them, for now); what is not set there, and the evidence, goes on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import numpy as np
import psycopg
from psycopg import errors, sql

from aclue_pipeline.postgres import Database
from aclue_pipeline.preferences.facets import FACETS
from aclue_pipeline.preferences.rows import COLUMNS
from aclue_pipeline.preferences.signals import Block, Fingerprints

#: Differ between an incremental and a full recalculation; everything else is the same to the bit.
BOOKKEEPING: Final = ("last_calculated", "created_at", "updated_at", "adjusted_at")
ADJUSTABLE: Final = (
    *(facet.column for facet in FACETS if facet.is_adjustable),
    "price_range",
    "price_sensitivity",
    "liked_brands",
    "disliked_brands",
    "similarity_threshold",
)
#: A range of prices that a user took back, or that was computed so and not looked at since the user adjusted something.
RANGE_TAKEN_BACK: Final = "p.price_range is null and p.adjusted_at > p.last_calculated"
_ATTEMPTS: Final = 3  # for a block, when users vanish or rows appear while it is written

_TABLES: Final = """
    drop table if exists pg_temp.profile_block;
    create temp table profile_block on commit delete rows as
        select {columns}, last_calculated from public.user_preferences with no data
"""
_COPY: Final = "copy {table} ({columns}, last_calculated) from stdin (null '')"
#: `kept` is the row as it should be, which is asked of the row that is written: an adjustment made while the block was computed is
#: kept, too; last_calculated says which have been seen. Who took all back has adjusted nothing. Whose account is gone gets none.
_UPSERT: Final = """
    merge into public.user_preferences as p
    using (select b.* from pg_temp.profile_block as b join auth.users as u on u.id = b.user_id) as b on b.user_id = p.user_id
    when matched and (({own}) is distinct from ({kept}) or {taken_back}) then
        update set ({columns}) = row({kept}), last_calculated = b.last_calculated,
            adjusted_at = case when num_nonnulls({said}) > 0 then p.adjusted_at end
    when not matched then
        insert ({columns}, last_calculated) values ({new}, b.last_calculated)
"""
_KEPT: Final = (
    "case when p.adjusted_at is null then b.{0} else coalesce(p.{0}, b.{0}) end"  # of a column that users adjust
)
_ADJUSTED: Final = """
    select count(*) from pg_temp.profile_block b join public.user_preferences p on p.user_id = b.user_id
    where p.adjusted_at is not null
"""
#: Of some users whose events are the same, and who adjusted nothing: how many profiles come out different, and in how many a score does by
#: more than FAR; by the version that they were computed with before.
_DRIFT: Final = """
    select f.model_version, count(*), count(*) filter (where ({own}) is distinct from ({new})),
        count(*) filter (where greatest({furthest}) > %s)
    from unnest(%s::uuid[], %s::integer[], %s::bigint[]) as n (user_id, events, marks)
    join pipeline.profile_fingerprints as f using (user_id, events, marks)
    join public.user_preferences as p using (user_id)
    join pg_temp.profile_block as b using (user_id)
    where p.adjusted_at is null
    group by f.model_version
"""
_FURTHEST: Final = "(select max(abs(n.value::float8 - (p.{0} ->> n.key)::float8)) from jsonb_each_text(b.{0}) as n)"
#: The sums of one recalculation, which `measured_at` names; those of the one before go with its first block.
_DRIFTED: Final = """
    insert into pipeline.score_drift as d (version_before, model_version, measured_at, compared, moved, far)
    values (%s, %s, %s, %s, %s, %s)
    on conflict (version_before, model_version) do update set (measured_at, compared, moved, far) = row(
        excluded.measured_at,
        excluded.compared + case when d.measured_at = excluded.measured_at then d.compared else 0 end,
        excluded.moved + case when d.measured_at = excluded.measured_at then d.moved else 0 end,
        excluded.far + case when d.measured_at = excluded.measured_at then d.far else 0 end
    )
"""
FAR: Final = 0.1  # as sql/pipeline/score_drift.sql says
_LOOKED_AT: Final = 300  # users of a block whose profiles are compared, at most
_FINGERPRINTS: Final = """
    insert into pipeline.profile_fingerprints (user_id, events, marks, model_version, cut, horizon)
    select b.user_id, b.events, b.marks, %s, %s, %s
    from unnest(%s::uuid[], %s::integer[], %s::bigint[]) as b (user_id, events, marks) join auth.users as u on u.id = b.user_id
    on conflict (user_id) do update
        set events = excluded.events, marks = excluded.marks, model_version = excluded.model_version, cut = excluded.cut,
            horizon = excluded.horizon
"""
_FEEDBACK: Final = """
    update public.recommendation_feedback set is_processed = true, processing_timestamp = now()
    where id = any(%s) and is_processed is not true
"""
#: A profile without events goes; what a user said by hand stays, without what was computed of evidence.
_FORGET: Final = """
    with gone as (
        delete from pipeline.profile_fingerprints where user_id = any(%s) returning user_id
    ), kept as (
        update public.user_preferences p set {reset} from gone where p.user_id = gone.user_id and p.adjusted_at is not null
    )
    delete from public.user_preferences p using gone where p.user_id = gone.user_id and p.adjusted_at is null
"""
#: What was adjusted is open again, and computed by the next run, which finds no profile of so few rows; one without evidence goes.
_RESET: Final = """
    with known as (
        update pipeline.profile_fingerprints f set events = -1 from public.user_preferences p
        where f.user_id = %(user)s and p.user_id = f.user_id and p.adjusted_at is not null returning f.user_id
    ), opened as (
        update public.user_preferences p set {open}, adjusted_at = null from known where p.user_id = known.user_id
    ), dropped as (
        delete from public.user_preferences
        where user_id = %(user)s and adjusted_at is not null and not exists (select from known) returning user_id
    )
    select user_id from known union all select user_id from dropped
"""


@dataclass(frozen=True)
class Published:
    """What was done: profiles written, found as they were, removed, kept as adjusted; feedback taken in."""

    written: int = 0
    unchanged: int = 0
    removed: int = 0
    adjusted: int = 0
    feedback: int = 0

    def __add__(self, other: "Published") -> "Published":
        return Published(*(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True)))


class Publisher:
    """Writes through one connection; each call is one transaction."""

    def __init__(self, pg: psycopg.Connection[Any], version: str, began: datetime, cut: datetime, horizon: int) -> None:
        self._pg = pg
        self._version = version
        self._began = began
        self._cut, self._horizon = cut, horizon
        self._execute(_TABLES)
        self._pg.commit()

    def publish(self, block: Block, fingerprints: Fingerprints, text: bytes) -> Published:
        """Write a block of profiles (`text`: a line of COPY for each user)."""
        for attempt in range(_ATTEMPTS):
            try:
                done = self._block(block, fingerprints, text, directly=attempt == 0)
                self._pg.commit()
                return done
            except (errors.ForeignKeyViolation, errors.UniqueViolation):
                self._pg.rollback()  # a user was deleted, or a row made, since the block was read
                if attempt == _ATTEMPTS - 1:
                    raise
        raise AssertionError("unreachable")

    def forget(self, users: list[Any]) -> Published:
        """Remove the profiles of users who have no events any more."""
        removed = self._execute(_FORGET, [users])
        self._pg.commit()
        return Published(removed=removed)

    def _block(self, block: Block, fingerprints: Fingerprints, text: bytes, directly: bool) -> Published:
        users = [_hex(user) for user in block.users]
        now, occupied = self._row(
            "select now()::text, exists (select from public.user_preferences where user_id between %s and %s)",
            [users[0], users[-1]],
        )
        text = text.replace(b"\n", b"\t" + now.encode() + b"\n")
        adjusted, drift = 0, list[tuple[Any, ...]]()
        if directly and not occupied:
            self._copy(_named(_COPY, "public.user_preferences"), text)
            written = len(block.users)
        else:
            self._copy(_named(_COPY, "pg_temp.profile_block"), text)
            (adjusted,) = self._row(_ADJUSTED, [])
            some = slice(None, None, 1 + len(users) // _LOOKED_AT)
            looked_at = [FAR, users[some], *(column[some] for column in fingerprints)]
            drift = self._pg.execute(_named(_DRIFT), looked_at).fetchall()
            written = self._execute(_UPSERT)
        self._pg.execute(_FINGERPRINTS, [self._version, self._cut, self._horizon, users, *fingerprints])
        feedback = 0
        if len(block.pending):
            feedback = self._pg.execute(_FEEDBACK, [[_hex(one) for one in block.pending]]).rowcount
        for version_before, *sums in drift:  # last: the other publisher waits for this row
            self._pg.execute(_DRIFTED, [version_before, self._version, self._began, *sums])
        return Published(written, len(block.users) - written, 0, adjusted, feedback)

    def _execute(self, statement: str, values: Sequence[Any] = ()) -> int:
        return self._pg.execute(_named(statement), values).rowcount

    def _copy(self, statement: Any, text: bytes) -> None:
        with self._pg.cursor() as cursor, cursor.copy(statement) as copy:
            copy.write(text)

    def _row(self, statement: str, values: Any) -> tuple[Any, ...]:
        row = self._pg.execute(statement, values).fetchone()
        assert row is not None
        return tuple(row)


def reset(db: Database, user_id: UUID) -> bool:
    """Take back all that a user adjusted; the next recalculation computes it. False where nothing was adjusted."""
    with db.psycopg() as pg:
        return pg.execute(_named(_RESET), {"user": user_id}).rowcount > 0


def _named(statement: str, table: str = "") -> sql.Composed:
    """The statement with the columns' names in it: as they are, of the row there is (p), of the block (b)."""

    def each(form: str, names: Iterable[str] = COLUMNS) -> sql.Composed:
        return sql.SQL(", ").join(sql.SQL(form).format(sql.Identifier(name)) for name in names)

    return sql.SQL(statement).format(
        table=sql.SQL(table),
        columns=each("{}"),
        own=each("p.{}"),
        taken_back=sql.SQL(RANGE_TAKEN_BACK),
        new=each("b.{}"),
        open=each("{} = null", ADJUSTABLE),
        said=each("p.{}", ADJUSTABLE),
        furthest=each(_FURTHEST, [facet.column for facet in FACETS]),
        kept=sql.SQL(", ").join(each(_KEPT if name in ADJUSTABLE else "b.{}", [name]) for name in COLUMNS),
        reset=each("{} = default", [*(name for name in COLUMNS[1:] if name not in ADJUSTABLE), "last_calculated"]),
    )


def _hex(user: np.void) -> str:
    return user.tobytes().hex()
