-- One row per import of a network's report: which file, by whom, and its control totals. Its lines stand in analytics.network_reports.
-- kind: python
-- owner: team:finance

-- The same file is imported once; one that was undone may be imported again, under a new number. lines = taken + rejected.
create table pipeline.network_imports (
    import bigint primary key,              -- Number of the import. Later numbers are newer reports.
    affiliate_network text not null,        -- Network whose report it is, as clicks name it.
    file_name text not null,                -- Name of the file, without its folder.
    file_hash bytea not null,               -- SHA-256 of the file.
    lines bigint not null,                  -- Lines below the headers that hold anything.
    taken bigint not null,                  -- Lines that were taken.
    rejected bigint not null,               -- Lines that were not; analytics.network_reports says why.
    reported_before bigint not null,        -- Taken lines that an earlier report had told of: they count once, as this one has them.
    totals jsonb not null,                  -- Sum of the taken lines' amounts, as the file has them, by currency.
    first_day date,                         -- First day of a sale in it; NULL: no line was taken.
    last_day date,                          -- Last one; NULL: no line was taken.
    imported_at timestamptz not null default now(), -- When it was imported.
    imported_by text not null,              -- Database role, and the person that it spoke for.
    undone_at timestamptz,                  -- When it was undone; NULL: it counts.
    undone_by text                          -- Who undid it; NULL: it counts.
);
create unique index network_imports_file on pipeline.network_imports (file_hash) where undone_at is null
