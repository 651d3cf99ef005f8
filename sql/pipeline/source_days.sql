-- One row per source and day that was looked at: how many rows it then had, and a sum that says of any content whether it is the same.
-- kind: python
-- owner: team:data

-- Views, swipes and recommendations are too many to keep, so that a day is known by this alone. A day is looked at before it is built, so that what arrives later
-- always makes a difference to the next look.
create table pipeline.source_days (
    source text not null,               -- views, swipes or recommendations.
    day date not null,                  -- Calendar day of the reporting zone on which they happened.
    rows bigint not null,               -- Rows at the last look; of recommendations with the reactions to them.
    digest numeric not null,            -- Sum of hashes of their ids and of what may change of them; users take no part.
    lost bigint not null default 0,     -- Rows that went since the first look (a deleted product or account), by the count alone.
    looked_at timestamptz not null,     -- When it was last looked at.
    primary key (source, day)
)
