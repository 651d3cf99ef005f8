-- One row per index that would spare reading a large table whole, and per large table that others read whole for good reasons, as the plans of statements have it.
-- kind: python
-- owner: team:data

-- Large: 100,000 rows. Planned are the fifty costliest statements of others that were run twenty times or more (pg_stat_statements), each as the role
-- that ran it and for whatever values, and the SELECTs of sql/, for yesterday. An index would spare it where at most a twentieth of the rows is wanted and
-- the condition compares a column with a value. What aclue itself reads whole on purpose is no finding.
create table analytics.sequential_scans (
    finding text not null,              -- Name of the finding: the file's.
    severity text not null,             -- error: act now; warn: it will hurt; info: worth knowing; 'not judged': cannot be told.
    object text primary key,            -- The table; with columns in parentheses where an index on them is missing.
    detail text not null,               -- What was found, as a sentence.
    evidence jsonb not null,            -- The numbers behind it: rows as the server estimates them, milliseconds (ms).
    remedy text not null                -- What to do.
)
