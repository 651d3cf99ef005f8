-- Functions that more than one of the deployed tables' triggers share. A function of one table alone stands in that table's file.
-- All have a fixed, empty search_path, so that no object of a caller's schema can take the place of one named here, and nobody may call them:
-- a trigger needs no EXECUTE. The app's own update_updated_at_column() is neither needed nor replaced.

create or replace function public.aclue_touch_updated_at()
returns trigger
language plpgsql
set search_path to ''
as $$
begin
    new.updated_at := now();
    return new;
end
$$;
revoke all on function public.aclue_touch_updated_at() from public, anon, authenticated, service_role;
comment on function public.aclue_touch_updated_at() is 'Trigger function: sets updated_at to the time of the transaction on every update, whatever the writer gave; changed rows are found by it.';

create or replace function public.aclue_fill_in()
returns trigger
language plpgsql
set search_path to ''
as $$
begin
    new.id := coalesce(new.id, gen_random_uuid());
    if to_jsonb(new) ->> tg_argv[0] is null then
        new := jsonb_populate_record(new, jsonb_build_object(tg_argv[0], now()));
    end if;
    return new;
end
$$;
revoke all on function public.aclue_fill_in() from public, anon, authenticated, service_role;
comment on function public.aclue_fill_in() is 'Trigger function: gives a client''s row an id and, in the column that the trigger names, the present time, where they are NULL.';
