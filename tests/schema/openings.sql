-- What opens data beside mutations of policies and grants, which test_openings.py makes of what is declared. {table} is each deployed table.

alter table {table} disable row level security;

alter table {table} owner to anon;

alter table {table} owner to authenticated;

create rule extra as on insert to {table} do also select 1;

create rule extra as on update to {table} do instead select * from {table};

create table extra () inherits ({table});
grant select on extra to anon;

create table extra () inherits ({table});
create table further () inherits (extra);
grant select on further to public;

create table extra () inherits ({table});
alter table extra enable row level security;
create policy extra on extra using (true);
grant select on extra to authenticated;

create table extra (user_id uuid);
grant select on extra to authenticated;
alter table {table} inherit extra;

create view extra as select * from {table};
grant select on extra to anon;

create view extra as select user_id from {table};
grant select (user_id) on extra to authenticated;

create view extra with (security_barrier) as select * from {table};
grant select on extra to public;

create schema hidden;
create view hidden.inner as select * from {table};
create view extra as select * from hidden.inner;
grant select on extra to authenticated;

create materialized view extra as select * from {table};
grant select on extra to anon;

create function extra() returns setof {table} language sql security definer as 'select * from public.{table}';

create function extra() returns bigint language plpgsql security definer as 'begin return (select count(*) from public.{table}); end';
revoke all on function extra() from public;
grant execute on function extra() to authenticated;

create function extra() returns bigint language sql security definer begin atomic select count(*) from public.{table}; end;

create role extra;
grant select on {table} to extra;
grant extra to anon;

create role extra;
alter table {table} owner to extra;
grant extra to authenticated;

create role extra login;
grant select on {table} to extra;

grant select on {table} to service_role with grant option;
set local role service_role;
grant select on {table} to authenticator;
reset role;

grant service_role to anon;

grant service_role to authenticated;

grant pg_read_all_data to authenticated;

grant pg_write_all_data to anon;

alter role anon bypassrls;

alter role authenticated bypassrls;

alter role authenticated superuser;

alter role anon createrole;

alter role anon replication;

update pg_proc set prosrc = 'select true' where oid = '{recommended}'::regprocedure;
