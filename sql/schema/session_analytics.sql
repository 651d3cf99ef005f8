-- One row per browser session: where it began and ended, what was done in it, whether it registered or converted.
-- Inserted by clients when the session begins, completed by the server while it lasts. Events refer to it by session_id without a foreign key.
-- `aclue deploy` runs only those statements whose object is missing or different, the foreign keys (at the end) by NOWAIT polling. By hand the whole
-- file can be run again at any time, but then it locks the tables in the plain way: for a database that is not in use.

create table if not exists public.session_analytics (
    id uuid not null default gen_random_uuid(),
    session_id text not null,
    user_id uuid,
    anonymous_id text,
    started_at timestamptz default now(),
    ended_at timestamptz,
    duration_seconds integer,
    last_activity_at timestamptz,
    landing_page text not null,
    exit_page text,
    pages_viewed integer default 1,
    page_sequence text[],
    total_clicks integer default 0,
    total_swipes integer default 0,
    products_viewed integer default 0,
    recommendations_viewed integer default 0,
    affiliate_clicks integer default 0,
    has_registered boolean default false,
    registration_timestamp timestamptz,
    has_converted boolean default false,
    conversion_timestamp timestamptz,
    conversion_value numeric(10,2),
    device_type text,
    browser text,
    operating_system text,
    screen_resolution text,
    country_code text,
    city text,
    timezone text,
    referrer_url text,
    utm_source text,
    utm_medium text,
    utm_campaign text,
    utm_content text,
    utm_term text,
    is_bounce boolean,
    is_active boolean default true,
    session_quality_score numeric(3,2),
    engagement_score numeric(3,2),
    created_at timestamptz default now(),
    updated_at timestamptz default now(),
    constraint session_analytics_pkey primary key (id),
    constraint session_analytics_session_id_key unique (session_id),
    constraint session_analytics_duration_seconds_check check (duration_seconds >= 0),
    constraint session_analytics_pages_viewed_check check (pages_viewed >= 1),
    constraint session_analytics_total_clicks_check check (total_clicks >= 0),
    constraint session_analytics_total_swipes_check check (total_swipes >= 0),
    constraint session_analytics_products_viewed_check check (products_viewed >= 0),
    constraint session_analytics_recommendations_viewed_check check (recommendations_viewed >= 0),
    constraint session_analytics_affiliate_clicks_check check (affiliate_clicks >= 0),
    constraint session_analytics_conversion_value_check check (conversion_value >= 0),
    constraint session_analytics_session_quality_score_check check (session_quality_score >= 0 and session_quality_score <= 1),
    constraint session_analytics_engagement_score_check check (engagement_score >= 0 and engagement_score <= 1),
    constraint session_analytics_ends_after_start check (ended_at >= started_at),
    constraint session_analytics_registered_has_time check (has_registered is not true or registration_timestamp is not null),
    constraint session_analytics_converted_has_time check (has_converted is not true or conversion_timestamp is not null),
    -- What a client may write is bounded, so that it stops nobody who reads it: no text is endless, no number NaN, no time infinite.
    constraint session_analytics_session_id_length check (length(session_id) <= 200),
    constraint session_analytics_anonymous_id_length check (length(anonymous_id) <= 200),
    constraint session_analytics_landing_page_length check (length(landing_page) <= 2000),
    constraint session_analytics_exit_page_length check (length(exit_page) <= 2000),
    constraint session_analytics_page_sequence_length check (cardinality(page_sequence) <= 100 and octet_length(page_sequence::text) <= 16384),
    constraint session_analytics_device_type_length check (length(device_type) <= 200),
    constraint session_analytics_browser_length check (length(browser) <= 200),
    constraint session_analytics_operating_system_length check (length(operating_system) <= 200),
    constraint session_analytics_screen_resolution_length check (length(screen_resolution) <= 200),
    constraint session_analytics_country_code_length check (length(country_code) <= 200),
    constraint session_analytics_city_length check (length(city) <= 200),
    constraint session_analytics_timezone_length check (length(timezone) <= 200),
    constraint session_analytics_referrer_url_length check (length(referrer_url) <= 4000),
    constraint session_analytics_utm_source_length check (length(utm_source) <= 200),
    constraint session_analytics_utm_medium_length check (length(utm_medium) <= 200),
    constraint session_analytics_utm_campaign_length check (length(utm_campaign) <= 200),
    constraint session_analytics_utm_content_length check (length(utm_content) <= 200),
    constraint session_analytics_utm_term_length check (length(utm_term) <= 200),
    constraint session_analytics_conversion_value_is_number check (conversion_value <> 'NaN'),
    constraint session_analytics_started_at_is_finite check (isfinite(started_at)),
    constraint session_analytics_ended_at_is_finite check (isfinite(ended_at)),
    constraint session_analytics_last_activity_at_is_finite check (isfinite(last_activity_at)),
    constraint session_analytics_registration_timestamp_is_finite check (isfinite(registration_timestamp)),
    constraint session_analytics_conversion_timestamp_is_finite check (isfinite(conversion_timestamp)),
    constraint session_analytics_created_at_is_finite check (isfinite(created_at)),
    constraint session_analytics_updated_at_is_finite check (isfinite(updated_at))
);

-- Who may: in the same transaction as the table itself, so that it is never readable in between.
alter table public.session_analytics enable row level security;
revoke all on table public.session_analytics from public, anon, authenticated, service_role;
grant select, insert, update, delete on table public.session_analytics to service_role;
grant select on table public.session_analytics to authenticated;
grant insert (id, session_id, user_id, anonymous_id, started_at, ended_at, duration_seconds, last_activity_at, landing_page, exit_page, pages_viewed,
    page_sequence, total_clicks, total_swipes, products_viewed, recommendations_viewed, affiliate_clicks, has_registered, registration_timestamp,
    device_type, browser, operating_system, screen_resolution, country_code, city, timezone, referrer_url, utm_source, utm_medium, utm_campaign,
    utm_content, utm_term, is_bounce, is_active)
    on table public.session_analytics to anon, authenticated;

drop policy if exists session_analytics_service_role on public.session_analytics;
create policy session_analytics_service_role on public.session_analytics
    as permissive for all to service_role
    using (true)
    with check (true);
drop policy if exists session_analytics_read_own on public.session_analytics;
create policy session_analytics_read_own on public.session_analytics
    as permissive for select to authenticated
    using (user_id = (select auth.uid()));
drop policy if exists session_analytics_insert_own_or_ownerless on public.session_analytics;
create policy session_analytics_insert_own_or_ownerless on public.session_analytics
    as permissive for insert to anon, authenticated
    with check (
        (user_id is null or (current_user <> 'anon' and user_id = (select auth.uid())))
        and started_at is not null
        and least(started_at, ended_at, last_activity_at, registration_timestamp) >= now() - '1 day'::interval
        and greatest(started_at, ended_at, last_activity_at, registration_timestamp) <= now() + '00:05:00'::interval
    );

create index if not exists idx_session_analytics_user on public.session_analytics using btree (user_id, started_at desc) where user_id is not null;
create index if not exists idx_session_analytics_anonymous on public.session_analytics using btree (anonymous_id, started_at) where anonymous_id is not null;
create index if not exists idx_session_analytics_started on public.session_analytics using btree (started_at);
create index if not exists idx_session_analytics_active on public.session_analytics using btree (last_activity_at) where is_active;
create index if not exists idx_session_analytics_updated on public.session_analytics using btree (updated_at);

create or replace trigger session_analytics_fill_in
    before insert on public.session_analytics
    for each row when (current_user in ('anon', 'authenticated') and (new.started_at is null or new.id is null))
    execute function pipeline.fill_in('started_at');
create or replace trigger session_analytics_erase
    before update on public.session_analytics
    for each row when (old.user_id is not null and new.user_id is null)
    execute function pipeline.erase('exit_page', 'page_sequence', 'browser', 'operating_system', 'screen_resolution',
        'country_code', 'city', 'timezone', 'referrer_url', 'utm_content', 'utm_term');
create or replace trigger session_analytics_touch_updated_at
    before update on public.session_analytics
    for each row execute function pipeline.touch_updated_at();

comment on table public.session_analytics is 'One row per browser session, with its own counters and flags; the funnel counts the events themselves and reconciles these against them. Sessions without events and events without session are normal. [aclue]';
comment on column public.session_analytics.id is 'Identity of the row; events refer to session_id instead.';
comment on column public.session_analytics.session_id is 'The browser session as the client names it; the same text in clicks and views. Not the id of a swipe session. [pii]';
comment on column public.session_analytics.user_id is 'Who was signed in. NULL: a visitor without account, or an account deleted since. [pii]';
comment on column public.session_analytics.anonymous_id is 'The visitor''s browser identity before signing in. NULL: none was kept. [pii]';
comment on column public.session_analytics.started_at is 'When the first page was opened: step 1 of the funnel and the day the session is counted on; by the client''s clock held to a day back and five minutes ahead, by the server''s if not given. NULL: loaded without a date, belongs to no day.';
comment on column public.session_analytics.ended_at is 'When the session was closed, at or after started_at. NULL: still open, or never closed properly.';
comment on column public.session_analytics.duration_seconds is 'Elapsed seconds from start to end as the client measured them. NULL: not ended.';
comment on column public.session_analytics.last_activity_at is 'Last sign of life; sessions idle for long are closed by it. NULL: none after the start.';
comment on column public.session_analytics.landing_page is 'Path of the first page (/discover); the breakdown of the funnel.';
comment on column public.session_analytics.exit_page is 'Path of the last page. NULL: not ended. [pii]';
comment on column public.session_analytics.pages_viewed is 'Number of pages opened, the landing page included, so at least 1. NULL: not counted.';
comment on column public.session_analytics.page_sequence is 'Paths of the pages in the order they were opened. NULL: not recorded. [pii]';
comment on column public.session_analytics.total_clicks is 'Number of clicks anywhere in the app during the session. NULL: not counted.';
comment on column public.session_analytics.total_swipes is 'Number of swipes in any direction during the session. NULL: not counted.';
comment on column public.session_analytics.products_viewed is 'Number of different products looked at during the session. NULL: not counted.';
comment on column public.session_analytics.recommendations_viewed is 'Number of recommendations shown during the session. NULL: not counted.';
comment on column public.session_analytics.affiliate_clicks is 'Number of clicks that left for a shop during the session. NULL: not counted.';
comment on column public.session_analytics.has_registered is 'True if an account was made during the session; then it has a registration_timestamp. NULL: not known.';
comment on column public.session_analytics.registration_timestamp is 'When the account was made. NULL: none was.';
comment on column public.session_analytics.has_converted is 'True if a click of the session led to a sale; set by the server, then it has a conversion_timestamp. NULL: not known.';
comment on column public.session_analytics.conversion_timestamp is 'When the sale happened, often after the session. NULL: no sale reported.';
comment on column public.session_analytics.conversion_value is 'Commission of the session''s sales, in the product''s currency. NULL: none reported, which is not 0.';
comment on column public.session_analytics.device_type is 'Kind of device: mobile, tablet, desktop or what the client says. NULL: not recognised.';
comment on column public.session_analytics.browser is 'Name of the browser, as the client recognised it. NULL: not recognised. [pii]';
comment on column public.session_analytics.operating_system is 'Name of the operating system, as the client recognised it. NULL: not recognised. [pii]';
comment on column public.session_analytics.screen_resolution is 'Width x height of the screen in pixels, as text (1920x1080). NULL: not sent. [pii]';
comment on column public.session_analytics.country_code is 'Country guessed from the network address, two letters (ISO 3166). NULL: not known. [pii]';
comment on column public.session_analytics.city is 'City guessed from the network address. NULL: not known. [pii]';
comment on column public.session_analytics.timezone is 'The browser''s time zone (IANA name); days are counted in the reporting zone all the same. NULL: not sent. [pii]';
comment on column public.session_analytics.referrer_url is 'The page that led the visitor to the app, as the browser sent it. NULL: none sent. [pii]';
comment on column public.session_analytics.utm_source is 'Campaign tag: the site or sender that brought the visit. NULL: the visit carried no tag.';
comment on column public.session_analytics.utm_medium is 'Campaign tag: the kind of channel (email, cpc, social). NULL: the visit carried no tag.';
comment on column public.session_analytics.utm_campaign is 'Campaign tag: the name of the campaign. NULL: the visit carried no tag.';
comment on column public.session_analytics.utm_content is 'Campaign tag: which of several links or pictures was followed. NULL: the visit carried no tag. [pii]';
comment on column public.session_analytics.utm_term is 'Campaign tag: the search word that was paid for. NULL: the visit carried no tag. [pii]';
comment on column public.session_analytics.is_bounce is 'True if the visitor left after one page without doing anything. NULL: not judged yet.';
comment on column public.session_analytics.is_active is 'True while the session is open. NULL: not known, taken as closed.';
comment on column public.session_analytics.session_quality_score is 'How valuable the session was, 0 to 1, judged by the server. NULL: not judged.';
comment on column public.session_analytics.engagement_score is 'How much the visitor did, 0 to 1, judged by the server. NULL: not judged.';
comment on column public.session_analytics.created_at is 'When the row reached the database, by the server''s clock. NULL: loaded without it.';
comment on column public.session_analytics.updated_at is 'When the row last changed, kept by a trigger; restatements of published days are found by it. NULL: loaded without it and never changed since.';

comment on constraint session_analytics_session_id_key on public.session_analytics is 'One row per session: a second delivery of its start is refused.';
comment on constraint session_analytics_duration_seconds_check on public.session_analytics is 'A duration is never negative.';
comment on constraint session_analytics_pages_viewed_check on public.session_analytics is 'The landing page counts.';
comment on constraint session_analytics_total_clicks_check on public.session_analytics is 'A count is never negative.';
comment on constraint session_analytics_total_swipes_check on public.session_analytics is 'A count is never negative.';
comment on constraint session_analytics_products_viewed_check on public.session_analytics is 'A count is never negative.';
comment on constraint session_analytics_recommendations_viewed_check on public.session_analytics is 'A count is never negative.';
comment on constraint session_analytics_affiliate_clicks_check on public.session_analytics is 'A count is never negative.';
comment on constraint session_analytics_conversion_value_check on public.session_analytics is 'A sale never earns less than nothing.';
comment on constraint session_analytics_session_quality_score_check on public.session_analytics is 'A score runs from 0 to 1.';
comment on constraint session_analytics_engagement_score_check on public.session_analytics is 'A score runs from 0 to 1.';
comment on constraint session_analytics_ends_after_start on public.session_analytics is 'A session that ends before it starts has a clock gone wrong.';
comment on constraint session_analytics_registered_has_time on public.session_analytics is 'A registration without a time could not be ordered among the steps of the funnel.';
comment on constraint session_analytics_converted_has_time on public.session_analytics is 'A conversion without a time would belong to no day.';

comment on index public.session_analytics_pkey is 'Serves requests for one session by its row identity.';
comment on index public.session_analytics_session_id_key is 'Serves joining clicks and views to their session, and refuses a second row for it.';
comment on index public.idx_session_analytics_user is 'Serves a user''s own sessions, newest first (also what the read policy adds to every query), joining swipes to sessions by user and time, and the foreign key when an account is deleted.';
comment on index public.idx_session_analytics_anonymous is 'Serves stitching a visitor''s earlier sessions to the account signed in to later. Partial: signed-in traffic has no such id.';
comment on index public.idx_session_analytics_started is 'Serves session_funnel_daily: the sessions of one day. B-tree, since updates in place spread a day''s rows over the heap.';
comment on index public.idx_session_analytics_active is 'Serves closing sessions that have been idle for long. Partial: nearly all rows are closed.';
comment on index public.idx_session_analytics_updated is 'Serves the search for rows changed since the last run, whose days must be restated.';

comment on policy session_analytics_service_role on public.session_analytics is 'The server reads and writes everything; said although service_role bypasses row level security, so that it holds where a role of that name does not.';
comment on policy session_analytics_read_own on public.session_analytics is 'A user reads the own sessions; ownerless rows are nobody''s. The sub-select asks for the caller once per statement.';
comment on policy session_analytics_insert_own_or_ownerless on public.session_analytics is 'Clients open sessions of their own or of nobody, at about the present time; without a session of its own (role anon) only of nobody, whatever its claims say.';
comment on trigger session_analytics_erase on public.session_analytics is 'Clears the row in the transaction that deletes its owner''s account: nothing in it identifies the person any longer, and no published number moves.';
comment on trigger session_analytics_fill_in on public.session_analytics is 'What a client leaves out or gives as NULL is now, or a new id, and the insert policy judges that; from the server NULL stays NULL, so that loaded history is not dated today.';
comment on trigger session_analytics_touch_updated_at on public.session_analytics is 'Keeps updated_at, by which changed rows are found.';

-- Foreign keys last: they lock tables of the app.
alter table public.session_analytics drop constraint if exists session_analytics_user_id_fkey,
    add constraint session_analytics_user_id_fkey foreign key (user_id) references auth.users (id) on delete set null;
comment on constraint session_analytics_user_id_fkey on public.session_analytics is 'A deleted account leaves its sessions as ownerless rows: counts stay whole, the person goes.';
