"""Does it work: functional tests, foreign keys, triggers, and what the app did before. All by doing it, in
transactions that are rolled back."""

from typing import Any

import psycopg
from psycopg import sql

from aclue_pipeline.postgres import claims
from aclue_pipeline.schema.declared import declared
from aclue_pipeline.schema.verify.probes import become, casting, columns, new_product, rolled_back
from aclue_pipeline.schema.verify.site import Site
from aclue_pipeline.schema.verify.trials import Cast, seed
from aclue_pipeline.schema.verify.verdict import NOTHING_THERE, Verdict, verdict

Connection = psycopg.Connection[Any]

# Statements as the app sends them, and a query that reads back what follows from each.
_INSERTED = {
    "affiliate_clicks": (
        """insert into public.affiliate_clicks (user_id, product_id, session_id, source_page, affiliate_network, affiliate_url)
           values (auth.uid(), %(product)s, %(session)s, 'discover', 'amazon', 'https://example.com/affiliate-link')""",
        """select 'click read back, unconverted' from public.affiliate_clicks
           where user_id = auth.uid() and session_id = %(session)s and not is_converted""",
    ),
    "user_preferences": (
        """insert into public.user_preferences (user_id, category_preferences, total_swipes, right_swipes)
           values (auth.uid(), '{"electronics": 0.8, "fashion": 0.6}', 10, 7)""",
        """select '7 of 10 swipes to the right read back as left_swipes 3, engagement_rate 0.7' from public.user_preferences
           where user_id = auth.uid() and left_swipes = 3 and engagement_rate = 0.7""",
    ),
    "session_analytics": (
        """insert into public.session_analytics (session_id, user_id, landing_page, device_type)
           values (%(session)s, auth.uid(), '/discover', 'desktop')""",
        "select 'session read back, active' from public.session_analytics where session_id = %(session)s and is_active",
    ),
}


def inserted(site: Site) -> Verdict:
    """Test insertions and their retrieval, by the server on behalf of a user: the role that may do all three."""
    if not site.whole:
        return NOTHING_THERE
    wrong: list[str] = []
    right: list[str] = []
    with rolled_back(site.pg):
        cast = casting(site.pg)
        if "user_preferences" in site.whole:
            site.pg.execute("delete from public.user_preferences where user_id = %s", [cast.user])
        become(site.pg, claims.service_role(on_behalf_of=cast.user))
        named = {"product": cast.product, "session": f"test-session-{cast.rows[None]}"}
        for table, (insertion, retrieval) in _INSERTED.items():
            if table not in site.whole:
                continue
            try:
                with site.pg.transaction():
                    site.pg.execute(insertion, named)
                    found = site.pg.execute(retrieval, named).fetchall()
            except psycopg.errors.IntegrityError as error:
                wrong.append(f"{table}: {_first_line(error)}")
                continue
            right += [row[0] for row in found]
            wrong += [] if len(found) == 1 else [f"{table}: what was inserted cannot be read back as it should be"]
    return verdict(wrong, "; ".join(right))


_REFERENCES = {"user_id": "auth.users", "product_id": "public.products", "recommendation_id": "public.recommendations"}


def foreign_keys(site: Site) -> Verdict:
    """Every reference is declared, validated, and refuses what does not exist."""
    if not site.whole:
        return NOTHING_THERE
    declared = {
        (table, column): (target, validated)
        for table, column, target, validated in site.pg.execute(
            """select t.relname, a.attname, n.nspname || '.' || f.relname, k.convalidated
               from pg_constraint k
               join pg_class t on t.oid = k.conrelid
               join pg_class f on f.oid = k.confrelid
               join pg_namespace n on n.oid = f.relnamespace
               join pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.conkey[1]
               where k.contype = 'f' and t.relnamespace = to_regnamespace('public') and t.relname = any(%s)""",
            [list(site.whole)],
        )
    }
    wrong = []
    with rolled_back(site.pg):
        cast = casting(site.pg)
        for table in site.whole:
            types = columns(site.pg, table)
            for column, target in _REFERENCES.items():
                if column in types:
                    wrong += _key(site.pg, table, column, target, declared.get((table, column)), cast, types)
    return verdict(wrong, f"{len(declared)} foreign keys are valid and refuse what does not exist")


def _key(
    pg: Connection,
    table: str,
    column: str,
    target: str,
    declared: tuple[str, bool] | None,
    cast: Cast,
    types: dict[str, str],
) -> list[str]:
    if declared is None or declared[0] != target:
        return [f"{table}.{column} has no foreign key to {target}"]
    if not declared[1]:
        return [f"the foreign key {table}.{column} to {target} is not validated yet"]
    stranger = {column: sql.SQL("gen_random_uuid()")}
    try:
        with pg.transaction(force_rollback=True):
            pg.execute("set constraints all immediate")
            pg.execute(seed(table, cast.user, cast, types, stranger))
    except psycopg.errors.ForeignKeyViolation:
        return []
    return [f"{table}.{column} takes an id that {target} does not have"]


def triggers(site: Site) -> Verdict:
    """An update moves updated_at, whatever the writer says."""
    if not site.whole:
        return NOTHING_THERE
    wrong: list[str] = []
    right: list[str] = []
    with rolled_back(site.pg):
        cast = casting(site.pg)
        for table in site.whole:
            types = columns(site.pg, table)
            if "updated_at" not in types:
                continue
            if table == "user_preferences":
                site.pg.execute("delete from public.user_preferences where user_id = %s", [cast.user])
            long_ago = sql.SQL("'2000-01-01'")
            site.pg.execute(seed(table, cast.user, cast, types, {"created_at": long_ago, "updated_at": long_ago}))
            update = sql.SQL(
                """update {} set updated_at = '2001-01-01' where user_id = {} and created_at = '2000-01-01'
                   returning updated_at = now()"""
            ).format(sql.Identifier("public", table), cast.user)
            (right if site.pg.execute(update).fetchall() == [(True,)] else wrong).append(table)
    return verdict(
        [f"an update of {table} leaves updated_at" for table in wrong], f"updated_at moves: {', '.join(right)}"
    )


_APP = ("categories", "products", "swipe_sessions", "swipe_interactions", "recommendations")


def existing(site: Site) -> Verdict:
    """The app's tables answer, carry no trigger of ours, and a product that has events can still be deleted."""
    pg = site.pg
    there = [table for table in _APP if columns(pg, table)]
    wrong = [
        f"{table} carries our trigger {trigger}"
        for table, trigger in pg.execute(
            """select c.relname, t.tgname from pg_trigger t join pg_class c on c.oid = t.tgrelid
               join pg_proc p on p.oid = t.tgfoid
               where not t.tgisinternal and c.relnamespace = to_regnamespace('public') and c.relname = any(%s)
                 and p.oid in (select to_regprocedure(name) from unnest(%s::text[]) name)""",
            [there, [one.key.name for one in declared().of("function")]],
        )
    ]
    with rolled_back(pg):
        cast = casting(pg)
        wrong += _unreadable(pg, there)
        if not wrong:
            _delete_a_product(site, cast)
    return verdict(wrong, f"the server reads {', '.join(there)}; a product with events can be deleted")


def _delete_a_product(site: Site, cast: Cast) -> None:
    """Deletes a product with an event in each table; psycopg.Error where our tables forbid it. One made for this, since to delete
    a real one would lock, and go through, all that ever happened to it."""
    product = new_product(site.pg)
    for table in site.whole:
        types = columns(site.pg, table)
        if "product_id" in types:
            site.pg.execute(seed(table, cast.user, cast, types, {"product_id": sql.Literal(product)}))
    site.pg.execute("delete from public.products where id = %s", [product])


def _unreadable(pg: Connection, tables: list[str]) -> list[str]:
    wrong = []
    for table in tables:
        try:
            with pg.transaction(force_rollback=True):
                become(pg, claims.service_role())
                pg.execute(sql.SQL("select from {} limit 1").format(sql.Identifier("public", table)))
        except psycopg.errors.InsufficientPrivilege as error:
            wrong.append(f"{table}: {_first_line(error)}")
    return wrong


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]
