-- Of clicks in the order of time, the time of the latest that was kept: one is kept if it comes more than 2 seconds after the one kept before.
-- kind: function
-- owner: team:data

-- An aggregate, used over a window that grows click by click: one step a click, however many somebody makes. Of clicks at 0, 1.5 and 3 seconds the
-- second repeats the first, and the third, 3 seconds after the first, is kept.
create or replace aggregate analytics.kept_at(timestamptz) (
    sfunc = analytics.next_kept,
    stype = timestamptz,
    parallel = safe
)
