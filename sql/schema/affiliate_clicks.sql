-- One row per click on an affiliate link: who left for which shop, and, once the network reports it, what that click earned.
-- Rows are written by clients when the click happens and changed in place by the server when a conversion is reported; updated_at is the only sign of that.
-- `aclue deploy` runs only those statements whose object is missing or different, the foreign keys (at the end) by NOWAIT polling. By hand the whole
-- file can be run again at any time, but then it locks the tables in the plain way: for a database that is not in use.

create table if not exists public.affiliate_clicks (
    id uuid not null default gen_random_uuid(),
    user_id uuid,
    anonymous_id text,
    product_id uuid,
    session_id text not null,
    click_timestamp timestamptz default now(),
    source_page text not null,
    device_type text,
    affiliate_network text not null,
    affiliate_url text not null,
    commission_rate numeric(5,4),
    expected_commission numeric(10,2),
    is_converted boolean default false,
    conversion_timestamp timestamptz,
    actual_commission numeric(10,2),
    order_id text,
    user_agent text,
    ip_address inet,
    referrer_url text,
    utm_source text,
    utm_medium text,
    utm_campaign text,
    created_at timestamptz default now(),
    updated_at timestamptz default now(),
    constraint affiliate_clicks_pkey primary key (id),
    constraint affiliate_clicks_device_type_check check (device_type in ('mobile', 'tablet', 'desktop')),
    constraint affiliate_clicks_commission_rate_check check (commission_rate >= 0 and commission_rate <= 1),
    constraint affiliate_clicks_expected_commission_check check (expected_commission >= 0),
    constraint affiliate_clicks_actual_commission_check check (actual_commission >= 0),
    constraint affiliate_clicks_converted_has_time check (is_converted is not true or conversion_timestamp is not null),
    constraint affiliate_clicks_commission_is_converted check (actual_commission is null or is_converted is true),
    -- What a client may write is bounded, so that it stops nobody who reads it: no text is endless, no number NaN, no time infinite.
    constraint affiliate_clicks_anonymous_id_length check (length(anonymous_id) <= 200),
    constraint affiliate_clicks_session_id_length check (length(session_id) <= 200),
    constraint affiliate_clicks_source_page_length check (length(source_page) <= 2000),
    constraint affiliate_clicks_affiliate_network_length check (length(affiliate_network) <= 200),
    constraint affiliate_clicks_affiliate_url_length check (length(affiliate_url) <= 4000),
    constraint affiliate_clicks_user_agent_length check (length(user_agent) <= 1000),
    constraint affiliate_clicks_referrer_url_length check (length(referrer_url) <= 4000),
    constraint affiliate_clicks_utm_source_length check (length(utm_source) <= 200),
    constraint affiliate_clicks_utm_medium_length check (length(utm_medium) <= 200),
    constraint affiliate_clicks_utm_campaign_length check (length(utm_campaign) <= 200),
    constraint affiliate_clicks_expected_commission_is_number check (expected_commission <> 'NaN'),
    constraint affiliate_clicks_actual_commission_is_number check (actual_commission <> 'NaN'),
    constraint affiliate_clicks_click_timestamp_is_finite check (isfinite(click_timestamp)),
    constraint affiliate_clicks_conversion_timestamp_is_finite check (isfinite(conversion_timestamp)),
    constraint affiliate_clicks_created_at_is_finite check (isfinite(created_at)),
    constraint affiliate_clicks_updated_at_is_finite check (isfinite(updated_at))
);

-- Who may: in the same transaction as the table itself, so that it is never readable in between.
alter table public.affiliate_clicks enable row level security;
revoke all on table public.affiliate_clicks from public, anon, authenticated, service_role;
grant select, insert, update, delete on table public.affiliate_clicks to service_role;
grant select on table public.affiliate_clicks to authenticated;
grant insert (id, user_id, anonymous_id, product_id, session_id, click_timestamp, source_page, device_type, affiliate_network, affiliate_url,
    user_agent, ip_address, referrer_url, utm_source, utm_medium, utm_campaign)
    on table public.affiliate_clicks to anon, authenticated;

drop policy if exists affiliate_clicks_service_role on public.affiliate_clicks;
create policy affiliate_clicks_service_role on public.affiliate_clicks
    as permissive for all to service_role
    using (true)
    with check (true);
drop policy if exists affiliate_clicks_read_own on public.affiliate_clicks;
create policy affiliate_clicks_read_own on public.affiliate_clicks
    as permissive for select to authenticated
    using (user_id = (select auth.uid()));
drop policy if exists affiliate_clicks_insert_own_or_ownerless on public.affiliate_clicks;
create policy affiliate_clicks_insert_own_or_ownerless on public.affiliate_clicks
    as permissive for insert to anon, authenticated
    with check (
        (user_id is null or (current_user <> 'anon' and user_id = (select auth.uid())))
        and click_timestamp >= now() - '1 day'::interval
        and click_timestamp <= now() + '00:05:00'::interval
    );

create index if not exists idx_affiliate_clicks_user on public.affiliate_clicks using btree (user_id, click_timestamp desc) where user_id is not null;
create index if not exists idx_affiliate_clicks_product on public.affiliate_clicks using btree (product_id, click_timestamp);
create index if not exists idx_affiliate_clicks_session on public.affiliate_clicks using btree (session_id, product_id, click_timestamp);
create index if not exists idx_affiliate_clicks_anonymous on public.affiliate_clicks using btree (anonymous_id, click_timestamp) where anonymous_id is not null;
create index if not exists idx_affiliate_clicks_click_time on public.affiliate_clicks using btree (click_timestamp);
create index if not exists idx_affiliate_clicks_conversion_time on public.affiliate_clicks using btree (conversion_timestamp) where conversion_timestamp is not null;
create index if not exists idx_affiliate_clicks_updated on public.affiliate_clicks using btree (updated_at);

create or replace trigger affiliate_clicks_fill_in
    before insert on public.affiliate_clicks
    for each row when (current_user in ('anon', 'authenticated') and (new.click_timestamp is null or new.id is null))
    execute function pipeline.fill_in('click_timestamp');
create or replace trigger affiliate_clicks_erase
    before update on public.affiliate_clicks
    for each row when (old.user_id is not null and new.user_id is null)
    execute function pipeline.erase('ip_address', 'referrer_url');
create or replace trigger affiliate_clicks_touch_updated_at
    before update on public.affiliate_clicks
    for each row execute function pipeline.touch_updated_at();

comment on table public.affiliate_clicks is 'One row per click on an affiliate link, with what the network later reported for it. Written by clients, completed by the server. No currency, sale amount or approval status is known here: amounts are in the product''s currency. [aclue]';
comment on column public.affiliate_clicks.id is 'Identity of the click; a client may choose it, so that a delivery sent twice is refused as the same row.';
comment on column public.affiliate_clicks.user_id is 'Who clicked, when signed in (anonymous sign-ins included). NULL: a visitor without account, or an account deleted since. [pii]';
comment on column public.affiliate_clicks.anonymous_id is 'The visitor''s browser identity before signing in. NULL: none was kept. [pii]';
comment on column public.affiliate_clicks.product_id is 'The product whose link was clicked; deleting the product deletes its clicks. NULL: a link that belongs to no product.';
comment on column public.affiliate_clicks.session_id is 'The browser session, as in session_analytics.session_id; no foreign key, since events may arrive before (or without) their session row. [pii]';
comment on column public.affiliate_clicks.click_timestamp is 'When the click happened, by the client''s clock held to a day back and five minutes ahead; by the server''s if not given. NULL: written without a date, belongs to no day.';
comment on column public.affiliate_clicks.source_page is 'The page of the app that the click came from: discover, recommendations, search, category and others (open list).';
comment on column public.affiliate_clicks.device_type is 'Kind of device: mobile, tablet or desktop. NULL: not recognised.';
comment on column public.affiliate_clicks.affiliate_network is 'The network that pays: amazon, awin, commission_junction and others (open list); each has its own attribution window and validation delay.';
comment on column public.affiliate_clicks.affiliate_url is 'The address the visitor was sent to, with the network''s tracking parameters. [pii]';
comment on column public.affiliate_clicks.commission_rate is 'Share of the sale that the network promised at the time of the click, 0 to 1 (0.045 = 4.5 %). NULL: not known.';
comment on column public.affiliate_clicks.expected_commission is 'What the click would earn if it leads to a sale, in the product''s currency. NULL: not estimated, which is not 0.';
comment on column public.affiliate_clicks.is_converted is 'True once the network reported a sale for this click. NULL: not known, counted as not converted.';
comment on column public.affiliate_clicks.conversion_timestamp is 'When the sale happened according to the network; the date commission is booked on. NULL: no sale reported.';
comment on column public.affiliate_clicks.actual_commission is 'What the network paid or will pay, in the product''s currency; falls to 0 when a sale is reversed. NULL: not reported yet, which is not 0.';
comment on column public.affiliate_clicks.order_id is 'The network''s order number; several clicks may carry the same one. NULL: none reported, counted as an order of its own. [pii]';
comment on column public.affiliate_clicks.user_agent is 'The browser''s own description of itself; the bot rule reads it. NULL: not sent, taken as a person. [pii]';
comment on column public.affiliate_clicks.ip_address is 'Network address the click came from; personal data, never shown to other visitors. NULL: not recorded. [pii]';
comment on column public.affiliate_clicks.referrer_url is 'The page that led the visitor to the app, as the browser sent it. NULL: none sent. [pii]';
comment on column public.affiliate_clicks.utm_source is 'Campaign tag: the site or sender that brought the visit. NULL: the visit carried no tag.';
comment on column public.affiliate_clicks.utm_medium is 'Campaign tag: the kind of channel (email, cpc, social). NULL: the visit carried no tag.';
comment on column public.affiliate_clicks.utm_campaign is 'Campaign tag: the name of the campaign. NULL: the visit carried no tag.';
comment on column public.affiliate_clicks.created_at is 'When the row reached the database, by the server''s clock; later than the click for late deliveries. NULL: loaded without it.';
comment on column public.affiliate_clicks.updated_at is 'When the row last changed, kept by a trigger; restatements of published days are found by it. NULL: loaded without it and never changed since.';

comment on constraint affiliate_clicks_device_type_check on public.affiliate_clicks is 'The closed list of device kinds; NULL passes: not recognised.';
comment on constraint affiliate_clicks_commission_rate_check on public.affiliate_clicks is 'A rate is a share, 0 to 1: 4.5 % is 0.045, never 4.5.';
comment on constraint affiliate_clicks_expected_commission_check on public.affiliate_clicks is 'Nobody expects to pay for a click.';
comment on constraint affiliate_clicks_actual_commission_check on public.affiliate_clicks is 'A reversal shows as the amount falling to 0, never below.';
comment on constraint affiliate_clicks_converted_has_time on public.affiliate_clicks is 'A conversion without a time would belong to no day of the accounts.';
comment on constraint affiliate_clicks_commission_is_converted on public.affiliate_clicks is 'Money without a conversion would be counted by the accounts and by no conversion rate; an unknown is_converted is refused too.';

comment on index public.affiliate_clicks_pkey is 'Serves the server''s update of one click when its conversion is reported.';
comment on index public.idx_affiliate_clicks_user is 'Serves a user''s own clicks, newest first (also what the read policy adds to every query), and the foreign key when an account is deleted. Partial: ownerless rows are never looked up by user.';
comment on index public.idx_affiliate_clicks_product is 'Serves a product''s clicks in a range of days, the search for duplicate clicks within seconds, and the foreign key when a product is deleted.';
comment on index public.idx_affiliate_clicks_session is 'Serves the funnel and click-through rates: was this product clicked later in this session.';
comment on index public.idx_affiliate_clicks_anonymous is 'Serves stitching a visitor''s earlier clicks to the account signed in to later. Partial: signed-in traffic has no such id.';
comment on index public.idx_affiliate_clicks_click_time is 'Serves revenue_daily: the clicks of one day. B-tree, since updates in place spread a day''s rows over the heap and would widen every BRIN range.';
comment on index public.idx_affiliate_clicks_conversion_time is 'Serves commission_daily: what was earned on one day. Partial: few clicks convert.';
comment on index public.idx_affiliate_clicks_updated is 'Serves the search for rows changed since the last run, whose days must be restated; without it a scan of the whole table.';

comment on policy affiliate_clicks_service_role on public.affiliate_clicks is 'The server reads and writes everything; said although service_role bypasses row level security, so that it holds where a role of that name does not.';
comment on policy affiliate_clicks_read_own on public.affiliate_clicks is 'A user reads the own clicks; ownerless rows hold other visitors'' addresses and are nobody''s. The sub-select asks for the caller once per statement.';
comment on policy affiliate_clicks_insert_own_or_ownerless on public.affiliate_clicks is 'Clients record clicks of their own or of nobody, at about the present time; without a session of its own (role anon) only of nobody, whatever its claims say.';
comment on trigger affiliate_clicks_erase on public.affiliate_clicks is 'Clears the row in the transaction that deletes its owner''s account: nothing in it identifies the person any longer, and no published number moves.';
comment on trigger affiliate_clicks_fill_in on public.affiliate_clicks is 'What a client leaves out or gives as NULL is now, or a new id, and the insert policy judges that; from the server NULL stays NULL, so that loaded history is not dated today.';
comment on trigger affiliate_clicks_touch_updated_at on public.affiliate_clicks is 'Keeps updated_at, by which changed rows are found.';

-- Foreign keys last: they lock tables of the app.
alter table public.affiliate_clicks drop constraint if exists affiliate_clicks_user_id_fkey,
    add constraint affiliate_clicks_user_id_fkey foreign key (user_id) references auth.users (id) on delete set null;
alter table public.affiliate_clicks drop constraint if exists affiliate_clicks_product_id_fkey,
    add constraint affiliate_clicks_product_id_fkey foreign key (product_id) references public.products (id) on delete cascade;
comment on constraint affiliate_clicks_user_id_fkey on public.affiliate_clicks is 'A deleted account leaves its clicks as ownerless rows: the books stay whole, the person goes.';
comment on constraint affiliate_clicks_product_id_fkey on public.affiliate_clicks is 'A deleted product takes its clicks along; what was published about them is kept elsewhere.';
