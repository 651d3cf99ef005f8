-- One row per closing of a month's commission: who froze it and when, and, where it was opened again, by whom.
-- kind: python
-- owner: team:finance

-- Months close in order; only the last closed one may be opened again, by a person.
create table pipeline.closings (
    closing bigint generated always as identity primary key, -- Number of the closing.
    month date not null,                    -- First day of the month.
    closed_at timestamptz not null default now(), -- When it was closed.
    closed_by text not null,                -- Database role, and the person or schedule that it spoke for.
    reopened_at timestamptz,                -- When it was opened again; NULL: it is closed.
    reopened_by text                        -- Who opened it again; NULL: it is closed.
);
create unique index closings_closed on pipeline.closings (month) where reopened_at is null
