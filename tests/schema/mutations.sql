-- Everything that somebody may have done to a deployment by hand: above the statements the keys of the census that they change,
-- and no other. {fill_in}, {touch} and {recommended} are our functions, whatever schema they are in. `18:` is for servers of this
-- version and newer; `nothing` is what must not show.

-- owner product_views
alter table product_views owner to supabase_auth_admin;

-- function {touch}
alter function {touch} owner to supabase_auth_admin;

-- storage product_views
alter table product_views set unlogged;

-- storage product_views
alter table product_views set (fillfactor = 60);

-- storage user_preferences
alter table user_preferences reset (fillfactor);

-- storage user_preferences
alter table user_preferences set (fillfactor = 71);

-- storage product_views
alter table product_views set (autovacuum_enabled = false);

-- storage product_views
alter table product_views set (toast.autovacuum_enabled = false);

-- storage product_views
alter table product_views replica identity full;

-- storage product_views
alter table product_views replica identity nothing;

-- storage product_views
alter table product_views replica identity using index product_views_pkey;

-- row security product_views
alter table product_views disable row level security;

-- row security product_views
alter table product_views force row level security;

-- column product_views.viewport_size; grant product_views.anon; grant product_views.authenticated; comment product_views.column
-- viewport_size; constraint product_views.product_views_viewport_size_length
alter table product_views drop column viewport_size;

-- column product_views.extra
alter table product_views add column extra text;

-- column product_views.View Position
alter table product_views add column "View Position" text;

-- column product_views.viewport_size; column product_views.viewport; grant product_views.anon; grant product_views.authenticated;
-- comment product_views.column viewport_size; comment product_views.column viewport; constraint
-- product_views.product_views_viewport_size_length
alter table product_views rename column viewport_size to viewport;

-- column product_views.view_position
alter table product_views alter view_position type bigint;

-- column product_views.screen_density
alter table product_views alter screen_density type numeric(4,1);

-- column session_analytics.utm_term; constraint session_analytics.session_analytics_utm_term_length
alter table session_analytics alter utm_term type varchar(200);

-- column product_views.session_id
alter table product_views alter session_id type text collate "C";

-- column product_views.created_at
alter table product_views alter created_at drop default;

-- column product_views.created_at
alter table product_views alter created_at set default clock_timestamp();

-- column product_views.view_position
alter table product_views alter view_position set default 0;

-- column product_views.has_shared
alter table product_views alter has_shared set default 'false'::text::boolean;

-- column product_views.session_id
alter table product_views alter session_id drop not null;

-- column product_views.view_source
alter table product_views alter view_source set not null;

-- column product_views.view_source
alter table product_views alter view_source set storage main;

-- column product_views.view_source
alter table product_views alter view_source set statistics 500;

-- column product_views.view_position
alter table product_views alter view_position set not null;
alter table product_views alter view_position add generated always as identity;

-- column product_views.extra
alter table product_views add column extra int generated always as (view_position + 1) stored;

-- constraint product_views.product_views_view_position_check; comment product_views.constraint product_views_view_position_check
alter table product_views drop constraint product_views_view_position_check;

-- constraint product_views.product_views_session_id_length
alter table product_views drop constraint product_views_session_id_length,
    add constraint product_views_session_id_length check (length(session_id) <= 201);

-- constraint product_views.product_views_session_id_length
alter table product_views drop constraint product_views_session_id_length,
    add constraint product_views_session_id_length check (length(session_id::varchar(100)) <= 200);

-- constraint product_views.product_views_session_id_length
alter table product_views drop constraint product_views_session_id_length,
    add constraint product_views_session_id_length check (length(session_id) <= 200) not valid;

-- constraint product_views.product_views_session_id_length
alter table product_views drop constraint product_views_session_id_length,
    add constraint product_views_session_id_length check (length(session_id) <= 200) no inherit;

-- constraint product_views.product_views_session_id_length; constraint product_views.other
alter table product_views rename constraint product_views_session_id_length to other;

-- constraint product_views.extra
alter table product_views add constraint extra check (view_position < 100);

-- constraint product_views.extra
alter table product_views add constraint extra unique (session_id, product_id);

-- constraint product_views.extra
alter table product_views add constraint extra exclude using btree (session_id with =);

-- constraint product_views.product_views_pkey; comment product_views.index product_views_pkey
alter table product_views drop constraint product_views_pkey;

-- constraint session_analytics.session_analytics_session_id_key; comment session_analytics.index
-- session_analytics_session_id_key; comment session_analytics.constraint session_analytics_session_id_key
alter table session_analytics drop constraint session_analytics_session_id_key;

-- constraint product_views.product_views_user_id_fkey
alter table product_views alter constraint product_views_user_id_fkey deferrable;

-- constraint product_views.product_views_user_id_fkey; comment product_views.constraint product_views_user_id_fkey
alter table product_views drop constraint product_views_user_id_fkey;

-- constraint product_views.product_views_user_id_fkey
alter table product_views drop constraint product_views_user_id_fkey, add constraint product_views_user_id_fkey
    foreign key (user_id) references auth.users (id) on delete cascade;
comment on constraint product_views_user_id_fkey on product_views is
    'A deleted account leaves its views as ownerless rows: counts stay whole, the person goes.';

-- constraint product_views.product_views_user_id_fkey
alter table product_views drop constraint product_views_user_id_fkey, add constraint product_views_user_id_fkey
    foreign key (user_id) references auth.users (id) on delete set null not valid;
comment on constraint product_views_user_id_fkey on product_views is
    'A deleted account leaves its views as ownerless rows: counts stay whole, the person goes.';

-- constraint affiliate_clicks.affiliate_clicks_user_id_fkey; constraint product_views.product_views_user_id_fkey; constraint
-- recommendation_feedback.recommendation_feedback_user_id_fkey; constraint session_analytics.session_analytics_user_id_fkey;
-- constraint user_preferences.user_preferences_user_id_fkey
alter table auth.users disable trigger all;

-- constraint product_views.product_views_product_id_fkey; constraint product_views.product_views_recommendation_id_fkey;
-- constraint product_views.product_views_user_id_fkey; trigger product_views.product_views_fill_in; trigger product_views.product_views_erase
alter table product_views disable trigger all;

-- index product_views.idx_product_views_time; comment product_views.index idx_product_views_time
drop index idx_product_views_time;

-- index product_views.idx_product_views_time; index product_views.other; comment product_views.index idx_product_views_time;
-- comment product_views.index other
alter index idx_product_views_time rename to other;

-- index product_views.extra
create index extra on product_views (view_source);

-- index product_views.Extra
create unique index "Extra" on product_views (lower(view_source)) include (id) where view_source is not null;

-- index product_views.extra
create index extra on product_views (session_id, product_id);

-- index product_views.idx_product_views_product
alter index idx_product_views_product set (fillfactor = 50);

-- index product_views.idx_product_views_time
update pg_index set indisvalid = false where indexrelid = 'idx_product_views_time'::regclass;

-- index product_views.idx_product_views_session; comment product_views.index idx_product_views_session
drop index idx_product_views_session;
create index idx_product_views_session on product_views (session_id, product_id desc);

-- index product_views.idx_product_views_session; comment product_views.index idx_product_views_session
drop index idx_product_views_session;
create unique index idx_product_views_session on product_views (session_id, product_id);

-- index product_views.idx_product_views_session; comment product_views.index idx_product_views_session
drop index idx_product_views_session;
create index idx_product_views_session on product_views (session_id text_pattern_ops, product_id);

-- policy product_views.product_views_read_own; comment product_views.policy product_views_read_own
drop policy product_views_read_own on product_views;

-- policy product_views.product_views_read_own; policy product_views.other; comment product_views.policy product_views_read_own;
-- comment product_views.policy other
alter policy product_views_read_own on product_views rename to other;

-- policy product_views.product_views_read_own
alter policy product_views_read_own on product_views to anon, authenticated;

-- policy product_views.product_views_read_own
alter policy product_views_read_own on product_views to public;

-- policy product_views.product_views_read_own
alter policy product_views_read_own on product_views using (true);

-- policy product_views.product_views_read_own
alter policy product_views_read_own on product_views using (user_id = auth.uid());

-- policy product_views.product_views_read_own
alter policy product_views_read_own on product_views using (user_id = (select auth.uid()) or user_id is null);

-- policy product_views.product_views_read_own
alter policy product_views_read_own on product_views using (user_id::text::char(1) = (select auth.uid())::text::char(1));

-- policy product_views.product_views_insert_own_or_ownerless
alter policy product_views_insert_own_or_ownerless on product_views with check (true);

-- policy product_views.product_views_service_role
alter policy product_views_service_role on product_views with check (user_id is not null);

-- policy product_views.extra
create policy extra on product_views for select to anon using (true);

-- policy product_views.Everybody may
create policy "Everybody may" on product_views using (true);

-- policy product_views.extra
create policy extra on product_views as restrictive using (false);

-- policy product_views.product_views_read_own; comment product_views.policy product_views_read_own
drop policy product_views_read_own on product_views;
create policy product_views_read_own on product_views as restrictive
    for select to authenticated using (user_id = (select auth.uid()));

-- policy product_views.product_views_read_own; comment product_views.policy product_views_read_own
drop policy product_views_read_own on product_views;
create policy product_views_read_own on product_views
    for all to authenticated using (user_id = (select auth.uid()));

-- grant product_views.anon
grant select on product_views to anon;

-- grant product_views.anon
grant select (id) on product_views to anon;

-- grant product_views.anon
grant insert (created_at) on product_views to anon;

-- grant product_views.anon
grant insert on product_views to anon;

-- grant product_views.anon
grant insert (id) on product_views to anon with grant option;

-- grant product_views.PUBLIC
grant truncate on product_views to public;

-- grant product_views.authenticated
grant all on product_views to authenticated;

-- grant product_views.authenticator
grant select on product_views to authenticator;

-- grant product_views.service_role
grant select on product_views to service_role with grant option;

-- grant product_views.service_role; grant product_views.anon
grant select on product_views to service_role with grant option;
set local role service_role;
grant select on product_views to anon;
reset role;

-- grant product_views.anon
revoke insert (session_id) on product_views from anon;

-- grant product_views.anon
revoke all on product_views from anon;

-- grant product_views.service_role
revoke delete on product_views from service_role;

-- grant product_views.$owner
revoke delete on product_views from postgres;

-- grant product_views.$owner
revoke all on product_views from postgres;

-- grant {touch} to PUBLIC
grant execute on function {touch} to public;

-- grant {recommended} to anon
grant execute on function {recommended} to anon;

-- grant {recommended} to authenticated
revoke execute on function {recommended} from authenticated;

-- grant {touch} to $owner
revoke execute on function {touch} from postgres;

-- trigger product_views.product_views_fill_in; comment product_views.trigger product_views_fill_in
drop trigger product_views_fill_in on product_views;

-- trigger product_views.product_views_fill_in
alter table product_views disable trigger product_views_fill_in;

-- trigger product_views.product_views_fill_in
alter table product_views enable always trigger product_views_fill_in;

-- trigger product_views.product_views_fill_in
alter table product_views enable replica trigger product_views_fill_in;

-- trigger product_views.product_views_fill_in; trigger product_views.other; comment product_views.trigger product_views_fill_in;
-- comment product_views.trigger other
alter trigger product_views_fill_in on product_views rename to other;

-- trigger product_views.extra
create trigger extra before update on product_views for each row execute function {touch};

-- trigger product_views.extra
create constraint trigger extra after insert on product_views for each row execute function update_updated_at_column();

-- trigger user_preferences.user_preferences_touch_updated_at
create or replace trigger user_preferences_touch_updated_at before update of price_range on user_preferences
    for each row execute function {touch};

-- trigger user_preferences.user_preferences_touch_updated_at
create or replace trigger user_preferences_touch_updated_at after update on user_preferences
    for each row execute function {touch};

-- trigger user_preferences.user_preferences_touch_updated_at
create or replace trigger user_preferences_touch_updated_at before update on user_preferences
    for each row execute function update_updated_at_column();

-- function {recommended}; grant {recommended} to $owner; grant {recommended} to authenticated; comment function {recommended};
-- policy recommendation_feedback.recommendation_feedback_insert_own; comment recommendation_feedback.policy
-- recommendation_feedback_insert_own
drop function {recommended} cascade;

-- function {touch}
alter function {touch} reset search_path;

-- function {touch}
alter function {touch} set search_path = public;

-- function {touch}
alter function {touch} security definer;

-- function {recommended}
alter function {recommended} security invoker;

-- function {recommended}
alter function {recommended} volatile;

-- function {recommended}
alter function {recommended} leakproof;

-- function {recommended}
update pg_proc set prosrc = 'select true' where oid = '{recommended}'::regprocedure;

-- comment product_views.table
comment on table product_views is 'else';

-- comment product_views.table
comment on table product_views is null;

-- comment product_views.column id
comment on column product_views.id is 'else';

-- comment product_views.constraint product_views_view_position_check
comment on constraint product_views_view_position_check on product_views is null;

-- comment product_views.index idx_product_views_time
comment on index idx_product_views_time is 'else';

-- comment product_views.index product_views_pkey
comment on index product_views_pkey is 'else';

-- comment product_views.policy product_views_read_own
comment on policy product_views_read_own on product_views is 'else';

-- comment product_views.trigger product_views_fill_in
comment on trigger product_views_fill_in on product_views is 'else';

-- comment function {touch}
comment on function {touch} is 'else';

-- rule product_views.extra
create rule extra as on insert to product_views do also select 1;

-- rule product_views.extra
create rule extra as on delete to product_views do instead nothing;

-- child product_views.public.extra
create table extra () inherits (product_views);

-- child product_views.public.extra; child product_views.public.further
create table extra () inherits (product_views);
create table further () inherits (extra);

-- child product_views.extra.kept
create schema extra;
create table extra.kept () inherits (product_views);

-- parent product_views.public.extra
create table extra (id uuid);
alter table product_views inherit extra;

-- reader product_views.public.extra
create view extra as select * from product_views;
grant select on extra to anon;

-- reader product_views.public.extra
create view extra as select * from product_views;
grant select (id) on extra to public;

-- reader product_views.public.extra
create view extra with (security_invoker) as select * from product_views;
grant select on extra to anon;

-- reader product_views.public.extra
create schema hidden;
create view hidden.inner as select * from product_views;
create view extra as select * from hidden.inner;
grant select on extra to authenticated;

-- reader product_views.public.extra
create materialized view extra as select * from product_views;
grant select on extra to anon;

-- reader product_views.public.extra()
create function extra() returns bigint language sql security definer as 'select count(*) from public.product_views';

-- reader product_views.public.extra()
create function extra() returns bigint language sql security definer begin atomic select count(*) from public.product_views; end;
revoke all on function extra() from public;
grant execute on function extra() to anon;

-- role anon
alter role anon bypassrls;

-- role authenticated
alter role authenticated superuser;

-- role anon
alter role anon createrole;

-- role anon
grant service_role to anon;

-- role authenticated
grant pg_read_all_data to authenticated;

-- publication product_views.extra
create publication extra for table product_views;

-- publication product_views.extra
create publication extra for table product_views (id) where (view_position = 1);

-- publication affiliate_clicks.extra; publication product_views.extra; publication recommendation_feedback.extra; publication
-- session_analytics.extra; publication user_preferences.extra
create publication extra for tables in schema public;

-- publication affiliate_clicks.extra; publication product_views.extra; publication recommendation_feedback.extra; publication
-- session_analytics.extra; publication user_preferences.extra
create publication extra for all tables;

-- 17: grant product_views.anon
grant maintain on product_views to anon;

-- 17: nothing
revoke maintain on product_views from postgres;

-- 18: column product_views.session_id
alter table product_views alter session_id drop not null;
alter table product_views add constraint extra not null session_id not valid;

-- 18: nothing
alter table product_views rename constraint product_views_session_id_not_null to extra;

-- 18: nothing
comment on constraint product_views_session_id_not_null on product_views is 'x';

-- 18: constraint product_views.product_views_session_id_length
alter table product_views drop constraint product_views_session_id_length,
    add constraint product_views_session_id_length check (length(session_id) <= 200) not enforced;

-- 18: constraint product_views.product_views_user_id_fkey
alter table product_views alter constraint product_views_user_id_fkey not enforced;

-- 18: column product_views.extra
alter table product_views add column extra int generated always as (view_position + 1) virtual;

-- nothing
analyze product_views;

-- nothing
reindex table product_views;

-- nothing
cluster product_views using idx_product_views_product;

-- nothing
alter table product_views cluster on idx_product_views_product;

-- nothing
grant all on product_views to postgres;

-- nothing
grant insert (id) on product_views to postgres;

-- nothing
grant select on product_views to authenticated;

-- nothing
create statistics extra on view_source, interaction_type from product_views;

-- nothing
truncate product_views;

-- nothing
insert into auth.users (id) values (gen_random_uuid());
insert into user_preferences (user_id) select id from auth.users;

-- nothing
comment on column product_views.id is 'x';
comment on column product_views.id is 'Identity of the view; a client may choose it, so that a delivery sent twice is refused as the same row.';

-- nothing
alter policy product_views_read_own on product_views using (user_id = (select auth.uid()));

-- nothing
alter policy product_views_insert_own_or_ownerless on product_views to authenticated, anon;

-- nothing
alter table product_views alter created_at set default now();

-- nothing
alter table products add column extra text;

-- nothing
create table extra (id int);
alter table extra enable row level security;
grant all on extra to anon;

-- nothing
create view extra as select 1 as product_views;
grant select on extra to anon;

-- nothing
create view extra as select * from product_views;

-- nothing
create schema hidden;
create view hidden.extra as select * from product_views;
grant select on hidden.extra to anon;

-- nothing
create function extra() returns int language sql as 'select 1';

-- nothing
create function extra() returns trigger language plpgsql security definer
    as 'begin insert into public.user_preferences (user_id) values (new.id); return new; end';

-- nothing
alter role service_role createdb;

-- nothing
alter role anon connection limit 5;

-- nothing
create publication extra for table products;

-- nothing
set local search_path = pg_catalog;
set local quote_all_identifiers = on;
set local intervalstyle = 'iso_8601';
set local row_security = off;

-- nothing
set local role postgres;
