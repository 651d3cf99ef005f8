-- One row per browser session: the number that stands for it in the facts.
-- kind: python
-- owner: team:data
-- lineage:
--   session_key: staging.clicks session_id, public.session_analytics session_id, public.product_views session_id;
--   session_number: | staging.clicks session_id, public.session_analytics session_id, public.product_views session_id
create table pipeline.session_numbers (
    session_key text primary key,           -- The hash of the session's name, as analytics.session_key has it. [pii]
    session_number bigint not null unique   -- Its number, random, given once.
)
