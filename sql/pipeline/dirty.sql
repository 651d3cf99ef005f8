-- One row per published day, cause and changed fact: days that are to be rebuilt, and why. The rebuild deletes those it saw.
-- kind: python
-- owner: team:data

-- A day of a table that is made of another daily table keeps its rows for as long as that table's day has any. Of a table that is replaced whole the
-- rows say why it will move; its next replacement deletes them.
create table pipeline.dirty (
    table_name text not null,           -- Schema and name of the table.
    day date not null,                  -- A day of it that was computed before; of a whole table the day that the change reaches, or, where
                                        -- that has no date, of its last publication.
    cause text not null,                -- What happened: late click, late conversion, amount, reversal, rule, identity, late view, late session,
                                        -- late swipe, late recommendation, deleted source, setting, definition; new day (of a table that this one is made of, or of the calendar);
                                        -- unexplained (nothing noticed it before a rebuild came out different).
    cell jsonb not null default '{}',   -- Dimensions of the changed fact, before or after the change; {} where they cannot be told.
    noted_at timestamptz not null default now(),  -- When the change was first noticed (time stamp).
    primary key (table_name, day, cause, cell)
)
