"""Publishing: a block of profiles becomes rows of public.user_preferences in one transaction with their fingerprints and the
marks on the feedback they took in. Only rows that came out different are written, so that unchanged ones cost nothing and
changed ones stay within their page (HOT) where they can. What is in the rows is decided elsewhere.

What a user adjusted by hand stands key by key in pipeline.adjustments (a trigger of the table keeps it) and is published as written,
all else as computed. An adjustment that was made since the block was read is left as it is: the next run finds its adjusted_at."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import numpy as np
from psycopg import errors, sql

from aclue_pipeline.postgres import Pg
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
_BRANDS: Final = ("liked_brands", "disliked_brands")
_NUMBERS: Final = ("price_sensitivity", "similarity_threshold")
_ATTEMPTS: Final = 3  # for a block, when users vanish or rows appear while it is written

_TABLES: Final = """
    drop table if exists pg_temp.profile_block;
    create temp table profile_block on commit delete rows as
        select {columns}, last_calculated from public.user_preferences with no data;
    drop table if exists pg_temp.untold;
    create temp table untold on commit delete rows as select * from public.user_preferences with no data
"""
_COPY: Final = "copy {table} ({columns}, last_calculated) from stdin (null '')"
#: `kept` is the row as it should be, which is asked of the row that is written. Who took all back has adjusted nothing. Whose account is
#: gone gets none. What is written is locked before any adjustment is, as the user's own transaction does.
_UPSERT: Final = """
    merge into public.user_preferences as p
    using (
        select b.*, s.adjusted_at as seen_at, a.said
        from pg_temp.profile_block as b
        join auth.users as u on u.id = b.user_id
        left join unnest(%(users)s::uuid[], %(at)s::timestamptz[]) as s (user_id, adjusted_at) on s.user_id = b.user_id
        left join ({said}) as a on a.user_id = b.user_id
    ) as b on b.user_id = p.user_id
    when matched and (({own}) is distinct from ({kept}) or (p.adjusted_at = b.seen_at and b.said is null)) then
        update set ({columns}) = row({kept}), last_calculated = b.last_calculated,
            adjusted_at = case when p.adjusted_at is distinct from b.seen_at or b.said is not null then p.adjusted_at end
    when not matched then
        insert ({columns}, last_calculated) values ({new}, b.last_calculated)
"""
#: By column what stands there instead of what was computed; of a key that was left out null.
_SAID: Final = """
    select user_id, jsonb_object_agg(column_name, keys) as said
    from (
        select user_id, column_name, jsonb_object_agg(key, value) as keys
        from pipeline.adjustments where ignored = 0 and user_id = any(%(users)s::uuid[]) group by user_id, column_name
    ) as c
    group by user_id
"""
#: Of some users whose events are the same, and who adjusted nothing: how many profiles come out different, and in how many a score does by
#: more than FAR; by the version that they were computed with before.
_DRIFT: Final = """
    select f.model_version, count(*), count(*) filter (where ({own}) is distinct from ({new})),
        count(*) filter (where greatest({furthest}) > %s::numeric)
    from unnest(%s::uuid[], %s::integer[], %s::bigint[]) as n (user_id, events, marks)
    join pipeline.profile_fingerprints as f using (user_id, events, marks)
    join public.user_preferences as p using (user_id)
    join pg_temp.profile_block as b using (user_id)
    where p.adjusted_at is null and coalesce(f.adjusted_at, 'epoch') = 'epoch'
    group by f.model_version
"""
#: A server may have written anything there: only numbers, of any size.
_FURTHEST: Final = """(
        select max(abs(n.value::numeric - (p.{0} -> n.key)::numeric)) from jsonb_each(b.{0}) as n
        where jsonb_typeof(p.{0} -> n.key) = 'number'
    )"""
#: The sums of a passage, which runs that were interrupted share; by the same version those of one recalculation, which `measured_at` names.
_DRIFTED: Final = """
    insert into pipeline.score_drift as d (version_before, model_version, measured_at, compared, moved, far)
    values (%s, %s, %s, %s, %s, %s)
    on conflict (version_before, model_version) do update set (measured_at, compared, moved, far) = row(
        excluded.measured_at,
        excluded.compared + d.compared * (d.version_before <> d.model_version or d.measured_at = excluded.measured_at)::integer,
        excluded.moved + d.moved * (d.version_before <> d.model_version or d.measured_at = excluded.measured_at)::integer,
        excluded.far + d.far * (d.version_before <> d.model_version or d.measured_at = excluded.measured_at)::integer
    )
"""
FAR: Final = 0.1  # as sql/pipeline/score_drift.sql says
_LOOKED_AT: Final = 300  # users of a block whose profiles are compared, at most
#: Of a column that users adjust. What would be too long together is only what was written; what of that would be, only what was computed.
_KEPT: Final = """
    case when p.adjusted_at is distinct from b.seen_at then p.{0} when b.said -> {1} is null then b.{0}
        when octet_length(({3})::text) > 16384 then b.{0} when octet_length(({2})::text) > 16384 then {3} else {2} end"""
_WRITTEN: Final = "jsonb_strip_nulls(b.said -> {1})"
_JSON: Final = "jsonb_strip_nulls(coalesce(b.{0}, '{{}}') || (b.said -> {1}))"
#: What was computed of a range makes room for what was written.
_RANGE: Final = """(
        select jsonb_strip_nulls(case when b.{0} is null then '{{}}' else jsonb_build_object(
            'min', least(c.min, s.sweet_spot, s.max), 'max', greatest(c.max, s.sweet_spot, s.min),
            'sweet_spot', least(s.max, greatest(s.min, c.sweet_spot))
        ) end || (b.said -> {1}))
        from jsonb_to_record(coalesce(b.{0}, '{{}}')) as c (min numeric, sweet_spot numeric, max numeric),
            jsonb_to_record(b.said -> {1}) as s (min numeric, sweet_spot numeric, max numeric))"""
_WRITTEN_BRANDS: Final = "array(select k.key from jsonb_each(b.said -> {1}) as k where k.value = 'true' order by k.key)"
_LIST: Final = f"({_WRITTEN_BRANDS} || array(select w from unnest(b.{{0}}) as w where not (b.said -> {{1}}) ? w))[:100]"  # noqa: S608
_NUMBER: Final = "coalesce((b.said -> {1} ->> '')::numeric, b.{0})"
#: What an earlier release kept as adjusted, without saying what of it was: that shows where it differs from what is computed, and is
#: told by the trigger that tells all others.
_UNTOLD: Final = """
    with found as (
        select * from public.user_preferences p where p.user_id = any(%(untold)s::uuid[]) and p.adjusted_at is not null for update
    ), opened as (
        update public.user_preferences p set adjusted_at = null from found where p.user_id = found.user_id
    )
    insert into pg_temp.untold select * from found
"""
_TOLD: Final = """
    update public.user_preferences p set {told}, adjusted_at = o.adjusted_at from pg_temp.untold as o where o.user_id = p.user_id
"""
#: Writing again what was computed takes an adjustment back: the trigger asks what that was.
_COMPUTED: Final = """
    update pipeline.adjustments as a set computed = c.computed
    from (
        select
            a.user_id, a.column_name, a.key,
            case when a.column_name = any(%(brands)s) then case when b.one -> a.column_name ? a.key then 'true'::jsonb end
                else nullif(b.one -> a.column_name #> case when a.column_name = any(%(numbers)s) then '{{}}' else array[a.key] end, 'null')
            end as computed
        from (select user_id, to_jsonb(b) as one from pg_temp.profile_block as b where user_id = any(%(users)s::uuid[])) as b
        join pipeline.adjustments as a on a.user_id = b.user_id and a.ignored = 0
    ) as c
    where (a.user_id, a.column_name, a.key) = (c.user_id, c.column_name, c.key) and a.computed is distinct from c.computed
"""
#: adjusted_at is that of the adjustments that were counted, the epoch where there were none; NULL: written by an earlier release.
_FINGERPRINTS: Final = """
    insert into pipeline.profile_fingerprints (user_id, events, marks, model_version, cut, horizon, adjusted_at)
    select b.user_id, b.events, b.marks, %(version)s, %(cut)s, %(horizon)s, coalesce(s.adjusted_at, 'epoch')
    from unnest(%(ids)s::uuid[], %(events)s::integer[], %(marks)s::bigint[]) as b (user_id, events, marks)
    join auth.users as u on u.id = b.user_id
    left join unnest(%(users)s::uuid[], %(at)s::timestamptz[]) as s (user_id, adjusted_at)
        on s.user_id = b.user_id and exists (select from pipeline.adjustments as a where a.user_id = s.user_id and a.ignored = 0)
    on conflict (user_id) do update
        set events = excluded.events, marks = excluded.marks, model_version = excluded.model_version, cut = excluded.cut,
            horizon = excluded.horizon, adjusted_at = excluded.adjusted_at
"""
_FEEDBACK: Final = """
    update public.recommendation_feedback set is_processed = true, processing_timestamp = now()
    where id = any(%s) and is_processed is not true
"""
#: A profile goes that rests neither on events nor on adjustments. One that was adjusted since is the next run's.
_FORGET: Final = """
    with gone as (
        select * from unnest(%s::uuid[], %s::timestamptz[]) as g (user_id, adjusted_at)
    ), known as (
        delete from pipeline.profile_fingerprints f using gone where f.user_id = gone.user_id
    )
    delete from public.user_preferences p using gone
    where p.user_id = gone.user_id and p.adjusted_at is not distinct from gone.adjusted_at
"""
#: Of profiles that are gone without a trigger (TRUNCATE, or as long as there was none).
_LEFT_BEHIND: Final = """
    delete from pipeline.adjustments a where not exists (select from public.user_preferences p where p.user_id = a.user_id)
"""
#: The fingerprint tells the next run. A profile that was never computed goes.
_RESET: Final = """
    with taken as (
        select p.user_id, f.user_id is not null as is_known
        from public.user_preferences p left join pipeline.profile_fingerprints f using (user_id)
        where p.user_id = %s and p.adjusted_at is not null
    ), opened as (
        update public.user_preferences p set adjusted_at = null from taken t where p.user_id = t.user_id and t.is_known
    ), dropped as (
        delete from public.user_preferences p using taken t where p.user_id = t.user_id and not t.is_known
    ), forgotten as (
        delete from pipeline.adjustments a using taken t where a.user_id = t.user_id
    ), noted as (
        update pipeline.profile_fingerprints f set adjusted_at = now() from taken t where f.user_id = t.user_id
    )
    select user_id from taken
"""


class Adjusted(NamedTuple):
    """When a user last adjusted the profile, as the run that computes it found it."""

    at: datetime
    is_untold: bool  # by an earlier release, of which only that is known


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

    def __init__(self, pg: Pg, version: str, began: datetime, cut: datetime, horizon: int) -> None:
        self._pg = pg
        self._version = version
        self._began = began
        self._cut, self._horizon = cut, horizon
        self._execute(_TABLES)
        self._pg.commit()

    def publish(
        self, block: Block, fingerprints: Fingerprints, text: bytes, adjusted: Mapping[str, Adjusted]
    ) -> Published:
        """Write a block of profiles (`text`: a line of COPY for each user), of which some are adjusted."""
        for attempt in range(_ATTEMPTS):
            try:
                done = self._block(block, fingerprints, text, adjusted, directly=attempt == 0)
                self._pg.commit()
                return done
            except (errors.ForeignKeyViolation, errors.UniqueViolation):
                self._pg.rollback()  # a user was deleted, or a row made, since the block was read
                if attempt == _ATTEMPTS - 1:
                    raise
        raise AssertionError("unreachable")

    def forget(self, users: Sequence[Any], adjusted_at: Sequence[datetime | None]) -> Published:
        """Remove the profiles of users who have neither events nor adjustments any more, as they were when that was found."""
        removed = self._execute(_FORGET, [users, adjusted_at])
        self._execute(_LEFT_BEHIND)
        self._pg.commit()
        return Published(removed=removed)

    def _block(
        self,
        block: Block,
        fingerprints: Fingerprints,
        text: bytes,
        adjusted: Mapping[str, Adjusted],
        directly: bool,
    ) -> Published:
        users = [_hex(user) for user in block.users]
        now, occupied = self._row(
            "select now()::text, exists (select from public.user_preferences where user_id between %s and %s)",
            [users[0], users[-1]],
        )
        text = text.replace(b"\n", b"\t" + now.encode() + b"\n")
        untold = [user for user in users if user in adjusted and adjusted[user].is_untold]
        seen = [user for user in users if user in adjusted and not adjusted[user].is_untold]
        values = {"users": seen, "at": [adjusted[user].at for user in seen]}
        drift = list[tuple[Any, ...]]()
        if directly and not occupied:
            self._copy(_named(_COPY, "public.user_preferences"), text)
            written = len(users)
        else:
            self._copy(_named(_COPY, "pg_temp.profile_block"), text)
            some = slice(None, None, 1 + len(users) // _LOOKED_AT)
            looked_at = [FAR, users[some], *(column[some] for column in fingerprints)]
            drift = self._pg.execute(_named(_DRIFT), looked_at).fetchall()
            if untold:
                self._execute(_UNTOLD, {"untold": untold})
            written = self._execute(_UPSERT, values)
            if untold:
                self._execute(_TOLD)
            if seen:
                self._execute(_COMPUTED, {**values, "brands": list(_BRANDS), "numbers": list(_NUMBERS)})
        known = {"version": self._version, "cut": self._cut, "horizon": self._horizon, "ids": users}
        self._pg.execute(_FINGERPRINTS, {**known, **fingerprints._asdict(), **values})
        feedback = 0
        if len(block.pending):
            feedback = self._pg.execute(_FEEDBACK, [[_hex(one) for one in block.pending]]).rowcount
        for version_before, *sums in drift:  # last: the other publisher waits for this row
            self._pg.execute(_DRIFTED, [version_before, self._version, self._began, *sums])
        return Published(written, len(users) - written, 0, len(seen) + len(untold), feedback)

    def _execute(self, statement: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> int:
        return self._pg.execute(_named(statement), values).rowcount

    def _copy(self, statement: Any, text: bytes) -> None:
        with self._pg.cursor() as cursor, cursor.copy(statement) as copy:
            copy.write(text)

    def _row(self, statement: str, values: Any) -> tuple[Any, ...]:
        row = self._pg.execute(statement, values).fetchone()
        assert row is not None
        return tuple(row)


def take_back(pg: Pg, user_id: UUID) -> bool:
    """Forget all that a user adjusted, for the next recalculation to compute; no other may run meanwhile. False where that is nothing."""
    pg.execute(
        "select from public.user_preferences where user_id = %s for update", [user_id]
    )  # an adjustment under way comes first
    return pg.execute(_RESET, [user_id]).rowcount > 0


def _named(statement: str, table: str = "") -> sql.Composed:
    """The statement with the columns' names in it: as they are, of the row there is (p), of the block (b)."""

    def each(form: str, names: Iterable[str] = COLUMNS) -> sql.Composed:
        return sql.SQL(", ").join(sql.SQL(form).format(sql.Identifier(name)) for name in names)

    return sql.SQL(statement).format(
        table=sql.SQL(table),
        columns=each("{}"),
        own=each("p.{}"),
        new=each("b.{}"),
        furthest=each(_FURTHEST, [facet.column for facet in FACETS]),
        said=sql.SQL(_SAID),
        kept=sql.SQL(", ").join(map(_kept, COLUMNS)),
        told=each("{0} = coalesce(o.{0}, p.{0})", ADJUSTABLE),
    )


def _kept(name: str) -> sql.Composable:
    column = sql.SQL("b.") + sql.Identifier(name)
    if name not in ADJUSTABLE:
        return column
    names = (sql.Identifier(name), sql.Literal(name))
    forms = {"price_range": (_RANGE, _WRITTEN)}
    forms |= dict.fromkeys(_BRANDS, (_LIST, _WRITTEN_BRANDS)) | dict.fromkeys(_NUMBERS, (_NUMBER, _NUMBER))
    parts = [sql.SQL(form).format(*names) for form in forms.get(name, (_JSON, _WRITTEN))]
    return sql.SQL(_KEPT).format(*names, *parts)


def _hex(user: np.void) -> str:
    return user.tobytes().hex()
