-- One row per policy of row level security that costs each request more than it must.
-- kind: python
-- owner: team:data

-- A function that needs nothing of the row (auth.uid(), current_setting()) is called for every row, unless it stands in a sub-select, which is asked once.
-- A column that must equal what the user is needs an index. From 10,000 rows on the policy is tried on that many rows of its table, in a transaction that
-- writes nothing, as the table's owner: more than 10 ms is dear. Smaller tables: info.
create table analytics.policy_costs (
    finding text not null,              -- Name of the finding: the file's.
    severity text not null,             -- error: act now; warn: it will hurt; info: worth knowing; 'not judged': cannot be told.
    object text primary key,            -- Table and policy.
    detail text not null,               -- What was found, as a sentence.
    evidence jsonb not null,            -- The numbers behind it: rows as the server estimates them, milliseconds (ms).
    remedy text not null                -- What to do.
)
