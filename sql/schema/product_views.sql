-- One row per product shown to or looked at by somebody: the impressions and views that click-through rates are made of.
-- Very many rows, appended and hardly ever changed (hence no updated_at).
-- `aclue deploy` runs only those statements whose object is missing or different, the foreign keys (at the end) by NOWAIT polling. By hand the whole
-- file can be run again at any time, but then it locks the tables in the plain way: for a database that is not in use.

create table if not exists public.product_views (
    id uuid not null default gen_random_uuid(),
    product_id uuid not null,
    user_id uuid,
    session_id text not null,
    view_timestamp timestamptz default now(),
    view_source text,
    view_position integer,
    view_duration_seconds integer,
    interaction_type text,
    has_clicked_affiliate boolean default false,
    has_shared boolean default false,
    has_saved boolean default false,
    recommendation_id uuid,
    search_query text,
    filter_criteria jsonb,
    device_type text,
    viewport_size text,
    screen_density numeric(3,1),
    relevance_score numeric(3,2),
    predicted_interest numeric(3,2),
    created_at timestamptz default now(),
    constraint product_views_pkey primary key (id),
    constraint product_views_view_source_check check (view_source in ('swipe', 'recommendations', 'search', 'category', 'direct', 'related', 'trending')),
    constraint product_views_interaction_type_check check (interaction_type in ('impression', 'click', 'detail_view', 'add_to_wishlist', 'share', 'save')),
    constraint product_views_view_position_check check (view_position >= 1),
    constraint product_views_view_duration_seconds_check check (view_duration_seconds >= 0),
    constraint product_views_relevance_score_check check (relevance_score >= 0 and relevance_score <= 1),
    constraint product_views_predicted_interest_check check (predicted_interest >= 0 and predicted_interest <= 1),
    -- What a client may write is bounded, so that it stops nobody who reads it: no text is endless, no number NaN, no time infinite.
    constraint product_views_session_id_length check (length(session_id) <= 200),
    constraint product_views_search_query_length check (length(search_query) <= 1000),
    constraint product_views_filter_criteria_length check (octet_length(filter_criteria::text) <= 16384),
    constraint product_views_device_type_length check (length(device_type) <= 200),
    constraint product_views_viewport_size_length check (length(viewport_size) <= 200),
    constraint product_views_screen_density_is_number check (screen_density <> 'NaN'),
    constraint product_views_view_timestamp_is_finite check (isfinite(view_timestamp)),
    constraint product_views_created_at_is_finite check (isfinite(created_at))
);

-- Who may: in the same transaction as the table itself, so that it is never readable in between.
alter table public.product_views enable row level security;
revoke all on table public.product_views from public, anon, authenticated, service_role;
grant select, insert, update, delete on table public.product_views to service_role;
grant select on table public.product_views to authenticated;
grant insert (id, product_id, user_id, session_id, view_timestamp, view_source, view_position, view_duration_seconds, interaction_type,
    has_clicked_affiliate, has_shared, has_saved, recommendation_id, search_query, filter_criteria, device_type, viewport_size, screen_density,
    relevance_score, predicted_interest)
    on table public.product_views to anon, authenticated;

drop policy if exists product_views_service_role on public.product_views;
create policy product_views_service_role on public.product_views
    as permissive for all to service_role
    using (true)
    with check (true);
drop policy if exists product_views_read_own on public.product_views;
create policy product_views_read_own on public.product_views
    as permissive for select to authenticated
    using (user_id = (select auth.uid()));
drop policy if exists product_views_insert_own_or_ownerless on public.product_views;
create policy product_views_insert_own_or_ownerless on public.product_views
    as permissive for insert to anon, authenticated
    with check (
        (user_id is null or (current_user <> 'anon' and user_id = (select auth.uid())))
        and view_timestamp >= now() - '1 day'::interval
        and view_timestamp <= now() + '00:05:00'::interval
    );

create index if not exists idx_product_views_product on public.product_views using btree (product_id, view_timestamp desc);
create index if not exists idx_product_views_user on public.product_views using btree (user_id, view_timestamp desc) where user_id is not null;
create index if not exists idx_product_views_session on public.product_views using btree (session_id, product_id);
create index if not exists idx_product_views_recommendation on public.product_views using btree (recommendation_id) where recommendation_id is not null;
create index if not exists idx_product_views_time on public.product_views using brin (view_timestamp);
create index if not exists idx_product_views_created on public.product_views using brin (created_at);

create or replace trigger product_views_fill_in
    before insert on public.product_views
    for each row when (current_user in ('anon', 'authenticated') and (new.view_timestamp is null or new.id is null))
    execute function pipeline.fill_in('view_timestamp');
create or replace trigger product_views_erase
    before update on public.product_views
    for each row when (old.user_id is not null and new.user_id is null)
    execute function pipeline.erase('search_query', 'filter_criteria', 'viewport_size');

comment on table public.product_views is 'One row per product shown to (impression) or looked at by somebody, with where it stood and what was done. Appended in about the order of time, very many rows; no anonymous_id: a visitor is known by the session. [aclue]';
comment on column public.product_views.id is 'Identity of the view; a client may choose it, so that a delivery sent twice is refused as the same row.';
comment on column public.product_views.product_id is 'The product that was shown; deleting the product deletes its views.';
comment on column public.product_views.user_id is 'Who saw it, when signed in. NULL: a visitor without account, or an account deleted since. [pii]';
comment on column public.product_views.session_id is 'The browser session, as in session_analytics.session_id; no foreign key, since events may arrive before (or without) their session row. [pii]';
comment on column public.product_views.view_timestamp is 'When it was shown, by the client''s clock held to a day back and five minutes ahead; by the server''s if not given. NULL: written without a date, belongs to no day.';
comment on column public.product_views.view_source is 'The part of the app that showed it: swipe, recommendations, search, category, direct, related or trending. NULL: not recorded.';
comment on column public.product_views.view_position is 'Place in the list, 1 is the first. NULL: not shown in a list.';
comment on column public.product_views.view_duration_seconds is 'Seconds it was looked at. NULL: not measured, as for impressions.';
comment on column public.product_views.interaction_type is 'What happened: impression, click, detail_view, add_to_wishlist, share or save. NULL: not recorded, counted as none of them.';
comment on column public.product_views.has_clicked_affiliate is 'True if the client saw a click through to the shop from this view; clicks recorded later in the session count too. NULL: not known.';
comment on column public.product_views.has_shared is 'True if the product was shared from this view. NULL: not known.';
comment on column public.product_views.has_saved is 'True if the product was saved from this view. NULL: not known.';
comment on column public.product_views.recommendation_id is 'The recommendation that showed it. NULL: none did, or it was deleted since.';
comment on column public.product_views.search_query is 'What the visitor had typed into the search. NULL: not found by searching. [pii]';
comment on column public.product_views.filter_criteria is 'The filters set in search or category, {filter: value}. NULL: none. [pii]';
comment on column public.product_views.device_type is 'Kind of device: mobile, tablet, desktop or what the client says. NULL: not recognised.';
comment on column public.product_views.viewport_size is 'Width x height of the window in CSS pixels, as text (390x844). NULL: not sent. [pii]';
comment on column public.product_views.screen_density is 'Device pixels per CSS pixel (2.0 on most phones). NULL: not sent.';
comment on column public.product_views.relevance_score is 'How well search or category thought the product fits, 0 to 1, at the time. NULL: not ranked.';
comment on column public.product_views.predicted_interest is 'Probability of a like that was predicted when it was shown, 0 to 1. NULL: no prediction was asked for.';
comment on column public.product_views.created_at is 'When the row reached the database, by the server''s clock; later than the view for late deliveries. NULL: loaded without it.';

comment on constraint product_views_view_source_check on public.product_views is 'The closed list of parts of the app; NULL passes: not recorded.';
comment on constraint product_views_interaction_type_check on public.product_views is 'The closed list of interactions; NULL passes: not recorded.';
comment on constraint product_views_view_position_check on public.product_views is 'Places are counted from 1.';
comment on constraint product_views_view_duration_seconds_check on public.product_views is 'A duration is never negative.';
comment on constraint product_views_relevance_score_check on public.product_views is 'A score runs from 0 to 1.';
comment on constraint product_views_predicted_interest_check on public.product_views is 'A probability runs from 0 to 1.';

comment on index public.product_views_pkey is 'Serves refusing a view delivered twice and marking one view as clicked, shared or saved.';
comment on index public.idx_product_views_product is 'Serves a product''s views, newest first (popularity), and the foreign key when a product is deleted.';
comment on index public.idx_product_views_user is 'Serves a user''s own views, newest first (also what the read policy adds to every query), and the foreign key when an account is deleted. Partial: ownerless rows are never looked up by user.';
comment on index public.idx_product_views_session is 'Serves the funnel and click-through rates: the views of one session and product.';
comment on index public.idx_product_views_recommendation is 'Serves what became of a recommendation, and the foreign key when one is deleted. Partial: most views come from elsewhere.';
comment on index public.idx_product_views_created is 'Serves the sync of the facts: the views that arrived since the last one, whenever they happened. BRIN: rows arrive in this very order.';
comment on index public.idx_product_views_time is 'Serves scans of one day (click-through rates, product_revenue_daily). BRIN: rows arrive in the order of time, so some 200 kB do what a B-tree of hundreds of MB would, and appending stays cheap.';

comment on policy product_views_service_role on public.product_views is 'The server reads and writes everything; said although service_role bypasses row level security, so that it holds where a role of that name does not.';
comment on policy product_views_read_own on public.product_views is 'A user reads the own views; ownerless rows are nobody''s. The sub-select asks for the caller once per statement.';
comment on policy product_views_insert_own_or_ownerless on public.product_views is 'Clients record views of their own or of nobody, at about the present time; without a session of its own (role anon) only of nobody, whatever its claims say.';
comment on trigger product_views_erase on public.product_views is 'Clears the row in the transaction that deletes its owner''s account: nothing in it identifies the person any longer, and no published number moves.';
comment on trigger product_views_fill_in on public.product_views is 'What a client leaves out or gives as NULL is now, or a new id, and the insert policy judges that; from the server NULL stays NULL, so that loaded history is not dated today.';

-- Foreign keys last: they lock tables of the app.
alter table public.product_views drop constraint if exists product_views_product_id_fkey,
    add constraint product_views_product_id_fkey foreign key (product_id) references public.products (id) on delete cascade;
alter table public.product_views drop constraint if exists product_views_user_id_fkey,
    add constraint product_views_user_id_fkey foreign key (user_id) references auth.users (id) on delete set null;
alter table public.product_views drop constraint if exists product_views_recommendation_id_fkey,
    add constraint product_views_recommendation_id_fkey foreign key (recommendation_id) references public.recommendations (id) on delete set null;
comment on constraint product_views_product_id_fkey on public.product_views is 'A deleted product takes its views along.';
comment on constraint product_views_user_id_fkey on public.product_views is 'A deleted account leaves its views as ownerless rows: counts stay whole, the person goes.';
comment on constraint product_views_recommendation_id_fkey on public.product_views is 'Recommendations expire and are deleted; the views they brought stay.';
