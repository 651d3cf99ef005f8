-- The roles of a Supabase project. Roles belong to the whole cluster, so this creates what is missing and changes nothing else.
-- Run by a superuser (Supabase's is supabase_admin); `postgres`, who deploys, is deliberately none.

-- A lock on a shared catalogue holds across databases, so that two set-ups at once do not meet.
lock table pg_catalog.pg_authid in share row exclusive mode;

do $$
begin
    if to_regrole('anon') is null then
        create role anon nologin noinherit;
    end if;
    if to_regrole('authenticated') is null then
        create role authenticated nologin noinherit;
    end if;
    if to_regrole('service_role') is null then
        create role service_role nologin noinherit bypassrls;
    end if;
    if to_regrole('authenticator') is null then
        create role authenticator login noinherit;
    end if;
    if to_regrole('supabase_auth_admin') is null then
        create role supabase_auth_admin nologin noinherit createrole;
    end if;
    if to_regrole('postgres') is null then
        create role postgres login createdb createrole bypassrls;
    end if;
    if (select rolsuper from pg_roles where rolname = 'postgres') then
        raise exception 'role postgres is a superuser here, on Supabase it is none: set up the stand-in on a server of its own';
    end if;
    if not pg_has_role('authenticator', 'anon', 'member') then
        grant anon, authenticated, service_role to authenticator;
    end if;
    -- So that whoever deploys can try what the app's clients may do.
    if not pg_has_role('postgres', 'anon', 'member') then
        grant anon, authenticated, service_role to postgres with admin option;
    end if;
    -- Supabase's own path for its SQL editor.
    if not exists (select from pg_db_role_setting where setrole = to_regrole('postgres') and setdatabase = 0) then
        alter role postgres set search_path = "$user", public, extensions;
    end if;
end
$$;
