"""Whose events changed, as SQL: what tells one state of a user's rows from another, beside what the last pass knew of them
(pipeline.profile_fingerprints). Reading the rows themselves is signals.py's work, when to ask recalculation.py's."""

from typing import Final

#: Events from here on wait for a later pass, as sql/preferences/signals.sql has it.
CUT: Final = "date_bin(interval '1 day', now(), timestamptz '2000-01-01 00:00:00+00') + interval '48 hours'"
FROM: Final = "timestamptz '2000-01-01 00:00:00+00'"

#: What counts of each table.
SWIPED: Final = f"""public.swipe_interactions
    where user_id is not null and product_id is not null and swipe_timestamp >= {FROM} and swipe_timestamp < {CUT}"""
FED: Final = f"""public.recommendation_feedback
    where coalesce(is_validated, true) and feedback_value between -1 and 1 and feedback_value <> 0
        and coalesce(nullif(training_weight, 'NaN'), 1) > 0
        and coalesce(created_at, {FROM}) >= {FROM} and coalesce(created_at, {FROM}) < {CUT}"""

#: Per user what tells one state of these rows from another: how many signals, and the sum of a hash of each row. The app's rows do not
#: say when they were changed, but carry the number of the transaction that wrote them (xmin); the newest number alone would lose a change
#: that is committed late, a sum of plain ones a row that goes as another of its transaction comes. After a dump and restore, which numbers
#: rows anew, everybody has changed. Of feedback the content is hashed instead: our own mark on it is no change. A hash is cut to 32 bits,
#: whose sums cost a third less.
_MARKED: Final = {
    "swipes": f"""
        select user_id, true as is_signal, false as is_pending, xmin::text::bigint as written,
            (uuid_hash_extended(id, xmin::text::bigint) >> 32)::integer as mark
        from {SWIPED}""",  # noqa: S608
    "rounds": """
        select user_id, false as is_signal, false as is_pending, xmin::text::bigint as written,
            (uuid_hash_extended(id, xmin::text::bigint) >> 32)::integer as mark
        from public.swipe_sessions where user_id is not null""",
    "feedback": f"""
        select user_id, true as is_signal, is_processed is not true as is_pending, xmin::text::bigint as written, (hash_record_extended(
                (id, product_id, created_at, feedback_type, feedback_value, feedback_tags, training_weight), 0
            ) >> 32)::integer as mark
        from {FED}""",  # noqa: S608
}
FINGERPRINTS: Final = f"""
    select user_id, (count(*) filter (where is_signal))::integer as events, sum(mark) as marks, bool_or(is_pending) as is_pending,
        coalesce(sum(mark) filter (where not is_signal), 0) as of_rounds
    from ({" union all ".join(_MARKED.values())}) as marked
    group by user_id
    having count(*) filter (where is_signal) > 0"""  # noqa: S608
#: Users now (n) beside their fingerprints (f).
FOUND: Final = f"({FINGERPRINTS}) as n full join pipeline.profile_fingerprints as f on f.user_id = n.user_id"

#: The same for less, where it is so. Whoever has a row by a transaction that the last pass may not have seen is looked at one by one; all
#: rows together, as one sum, tell whether those are all who changed: a row that is gone, or came from before, leaves it out of balance.
#: A horizon still to come is of the server that was dumped: nothing would ever be new beside it.
HORIZON: Final = """
    select max(horizon) filter (where horizon <= pg_snapshot_xmin(pg_current_snapshot())::text::bigint), count(*)
    from pipeline.profile_fingerprints"""
#: The round of one who has no fingerprint, or one of adjustments alone, waits for a signal.
TOUCHED: Final = f"""
    create temp table touched_rows on commit drop as
    select case when ((written - %(horizon)s) & 4294967295) < 2147483648 then user_id end as user_id,
        count(*) filter (where is_signal) as events, sum(mark) as marks
    from (
        {_MARKED["swipes"]} union all
        {_MARKED["rounds"]} and user_id in (select user_id from pipeline.profile_fingerprints where events <> 0) union all
        {_MARKED["feedback"]}
    ) as marked
    group by 1"""  # noqa: S608
TOUCHED_USERS: Final = f"""
    create temp table touched_users on commit drop as
    with touched as (
        select user_id from pg_temp.touched_rows where user_id is not null
        union select user_id from pipeline.profile_fingerprints where events < 0
    )
    select t.user_id, n.events, n.marks, n.marks - case when f.user_id is null then n.of_rounds else 0 end as of_all
    from touched as t
    left join (select * from ({FINGERPRINTS}) as n where user_id = any(array(select user_id from touched))) as n using (user_id)
    left join (select user_id from pipeline.profile_fingerprints where events <> 0) as f using (user_id)"""  # noqa: S608
IS_BALANCED: Final = """
    select (a.events, a.marks) = (k.events + t.events, k.marks + t.marks)
    from (select coalesce(sum(events), 0) as events, coalesce(sum(marks), 0) as marks from pg_temp.touched_rows) as a,
        (select coalesce(sum(events), 0) as events, coalesce(sum(of_all), 0) as marks from pg_temp.touched_users) as t,
        (
            select coalesce(sum(events), 0) as events, coalesce(sum(marks), 0) as marks
            from pipeline.profile_fingerprints as f join auth.users as u on u.id = f.user_id
            where f.user_id not in (select user_id from pg_temp.touched_users)
        ) as k"""
#: In place of FOUND.
KNOWN: Final = f"""pipeline.profile_fingerprints as f full join pg_temp.touched_users as t on t.user_id = f.user_id
    cross join lateral (
        select case when t.user_id is null then f.user_id when t.events > 0 then t.user_id end as user_id,
            case when t.user_id is null then f.events else t.events end as events,
            case when t.user_id is null then f.marks else t.marks end as marks,
            coalesce(t.user_id, f.user_id) in (select user_id from {FED} and is_processed is not true) as is_pending
        where f.user_id is not null or t.events > 0
    ) as n"""  # noqa: S608
