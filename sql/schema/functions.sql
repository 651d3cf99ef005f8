-- Functions that more than one of the deployed tables' triggers share. A function of one table alone stands in that table's file.
-- All have a fixed, empty search_path, so that no object of a caller's schema can take the place of one named here, and nobody may call them:
-- a trigger needs no EXECUTE. The app's own update_updated_at_column() is neither needed nor replaced.

create schema if not exists pipeline;

create or replace function pipeline.touch_updated_at()
returns trigger
language plpgsql
set search_path to ''
as $$
begin
    new.updated_at := now();
    return new;
end
$$;
revoke all on function pipeline.touch_updated_at() from public, anon, authenticated, service_role;
comment on function pipeline.touch_updated_at() is 'Trigger function: sets updated_at to the time of the transaction on every update, whatever the writer gave; changed rows are found by it.';

create or replace function pipeline.fill_in()
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
revoke all on function pipeline.fill_in() from public, anon, authenticated, service_role;
comment on function pipeline.fill_in() is 'Trigger function: gives a client''s row an id and, in the column that the trigger names, the present time, where they are NULL.';

create or replace function pipeline.erase()
returns trigger
language plpgsql
security definer
set search_path to ''
set enable_seqscan to 'off'
as $$
declare
    before jsonb := to_jsonb(old);
    said text := before ->> 'user_agent';
    is_bot boolean;
    token text := 'erased:' || replace(gen_random_uuid()::text, '-', '');
    session text := old.session_id;
    is_taken boolean := false;
begin
    -- Whatever is wrong with the notes or the patterns, an account can be deleted. There may have been no notes when the plan was made: without
    -- enable_seqscan, which is off, deleting many accounts would read all of them for each row.
    if exists (
        select from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = 'pipeline' and c.relname = 'erasures'
            and has_schema_privilege(n.oid, 'USAGE') and has_table_privilege(c.oid, 'SELECT') and has_table_privilege(c.oid, 'INSERT')
    ) then
        token := coalesce((select e.token from pipeline.erasures e where e.user_id = old.user_id limit 1), token);
        insert into pipeline.erasures (user_id, names, anonymous_id, session_id, token)
        values (
            old.user_id, sha256(convert_to(jsonb_build_array(before -> 'anonymous_id', before -> 'session_id')::text, 'UTF8')),
            nullif(before ->> 'anonymous_id', ''), before ->> 'session_id', token
        )
        on conflict do nothing;
    end if;
    if said is not null then
        begin
            select p.kind <> 'person' into is_bot
            from staging.machine_patterns p where lower(left(said, 1000)) ~ p.pattern order by p.place limit 1;
        exception when undefined_table or undefined_column or invalid_schema_name or insufficient_privilege then
            is_bot := false;
        end;
    end if;
    if session !~ '^sha256:[0-9a-f]{64}$' then
        session := 'sha256:' || encode(sha256(convert_to(session, 'UTF8')), 'hex');
        -- A session row that was erased, and written anew by a browser that knew nothing of it.
        if before ? 'landing_page' then
            execute format('select exists (select from %s where session_id = $1)', tg_relid::regclass) into is_taken using session;
        end if;
    end if;
    -- Keys of columns that the table does not have are passed over.
    return jsonb_populate_record(
        new,
        (select jsonb_object_agg(name, null::text) from unnest(tg_argv) as name) || jsonb_build_object(
            'anonymous_id', token,
            'session_id', case when is_taken then token || ':' || old.id else session end,
            'user_agent', case when is_bot then 'erased bot' when said is not null then 'erased' end,
            'affiliate_url', coalesce(substring(before ->> 'affiliate_url' from '^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*'), 'erased'),
            'landing_page', regexp_replace(before ->> 'landing_page', '^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*|[?#].*$', '', 'g')
        )
    );
end
$$;
revoke all on function pipeline.erase() from public, anon, authenticated, service_role;
comment on function pipeline.erase() is 'Trigger function: clears a row of whoever it belonged to, so that no number moves, and notes the names it had in pipeline.erasures. Its arguments are the columns that become NULL; for the person stands a random token, for the session the hash of its name, for the browser whether it was a machine''s, for addresses their host or path.';
