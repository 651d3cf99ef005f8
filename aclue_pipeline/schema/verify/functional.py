"""Does it work: functional tests, foreign keys, triggers, and what the app did before. All by doing it, in
transactions that are rolled back."""

import json

import yaml
from psycopg import errors, sql

from aclue_pipeline.postgres import claims
from aclue_pipeline.schema.declared import declared
from aclue_pipeline.schema.retired import PREFIX
from aclue_pipeline.schema.verify.probes import become, casting, first_line, rolled_back
from aclue_pipeline.schema.verify.shape import PRODUCTS, USERS
from aclue_pipeline.schema.verify.site import Site
from aclue_pipeline.schema.verify.trials import Cast, here, seed
from aclue_pipeline.schema.verify.verdict import NOTHING_THERE, Verdict, verdict
from aclue_pipeline.settings import sql_folder


def inserted(site: Site) -> Verdict:
    """Insertions and their retrieval, by the server on behalf of a user, the role that may do both: of the least row of each table,
    and of what sql/schema/functional.yaml says."""
    if not site.whole:
        return NOTHING_THERE
    said = yaml.safe_load((sql_folder() / "schema" / "functional.yaml").read_text(encoding="utf-8"))
    least = [{"table": table, "insert": {}, "holds": "true"} for table in site.whole]
    wrong: list[str] = []
    right: list[str] = []
    with rolled_back(site.pg):
        cast = casting(site.pg)
        become(site.pg, claims.service_role(on_behalf_of=cast.user))
        for one in (*least, *(one for one in said if one["table"] in site.whole)):
            shape = site.shapes[one["table"]]
            given: dict[str, sql.Composable] = {
                name: sql.SQL("{}::{}").format(
                    json.dumps(value) if isinstance(value, dict) else str(value), sql.SQL(shape.type(name))
                )
                for name, value in one["insert"].items()
            }
            retrieval = sql.SQL("select {} from {} where {}").format(
                sql.SQL(one["holds"]), sql.Identifier("public", shape.table), here(shape, cast.user, cast)
            )
            name = shape.table + (f", {', '.join(one['insert'])}: {one['holds']}" if given else "")
            try:
                with site.pg.transaction(force_rollback=True):
                    site.pg.execute(seed(shape, cast.user, cast, given, shape.least))
                    found = site.pg.execute(retrieval).fetchall()
            except errors.IntegrityError as error:
                wrong.append(f"{name}: {first_line(error)}")
                continue
            if found == [(True,)]:
                right.append(name)
            else:
                wrong.append(f"{name}: what was inserted cannot be read back as it should be")
    return verdict(wrong, f"read back as written: {'; '.join(right)}")


def foreign_keys(site: Site) -> Verdict:
    """Every reference is declared, validated, and refuses what does not exist."""
    if not site.whole:
        return NOTHING_THERE
    found = {
        (one.key.table, str(one.notes["references"]), *(one.notes["columns"] or ())): bool(one.facts["validated"])  # type: ignore[misc]
        for one in site.census.of("constraint")
        if one.notes["contype"] == "f"
    }
    keys = [(t, target, column) for t in site.whole for column, target in site.shapes[t].references.items()]
    wrong = []
    with rolled_back(site.pg):
        cast = casting(site.pg)
        for table, target, column in keys:
            validated = found.get((table, target, column))
            if validated is None:
                wrong.append(f"{table}.{column} has no foreign key to {target}")
            elif not validated:
                wrong.append(f"the foreign key {table}.{column} to {target} is not validated yet")
            elif _takes_a_stranger(site, table, column, cast):
                wrong.append(f"{table}.{column} takes an id that {target} does not have")
    return verdict(wrong, f"{len(keys)} foreign keys are valid and refuse what does not exist")


def _takes_a_stranger(site: Site, table: str, column: str, cast: Cast) -> bool:
    try:
        with site.pg.transaction(force_rollback=True):
            site.pg.execute("set constraints all immediate")
            site.pg.execute(seed(site.shapes[table], cast.user, cast, {column: sql.SQL("gen_random_uuid()")}))
    except errors.ForeignKeyViolation:
        return False
    return True


def triggers(site: Site) -> Verdict:
    """An update moves updated_at, whatever the writer says."""
    if not site.whole:
        return NOTHING_THERE
    touched = [table for table in site.whole if "updated_at" in site.shapes[table].columns]
    still = []
    with rolled_back(site.pg):
        cast = casting(site.pg)
        for table in touched:
            shape = site.shapes[table]
            site.pg.execute(seed(shape, cast.user, cast, {"updated_at": sql.SQL("'2000-01-01'")}))
            update = sql.SQL("update {} set updated_at = '2001-01-01' where {} returning updated_at = now()").format(
                sql.Identifier("public", table), here(shape, cast.user, cast)
            )
            if site.pg.execute(update).fetchall() != [(True,)]:
                still.append(table)
    return verdict(
        [f"an update of {table} leaves updated_at" for table in still], f"updated_at moves: {', '.join(touched)}"
    )


def existing(site: Site) -> Verdict:
    """The app's tables carry no trigger of ours, and a product and a user that have events can still be deleted: ones made for this,
    since to delete real ones would lock, and go through, all that ever happened to them."""
    wrong = [
        f"{table} carries our trigger {trigger}"
        for table, trigger in site.pg.execute(
            """select t.tgrelid::regclass::text, t.tgname from pg_trigger t join pg_class c on c.oid = t.tgrelid
               join pg_namespace n on n.oid = c.relnamespace
               where not t.tgisinternal and not (n.nspname = 'public' and c.relname = any(%s)) and not starts_with(n.nspname, %s)
                 and t.tgfoid in (select to_regprocedure(name) from unnest(%s::text[]) name)""",
            [list(site.shapes), PREFIX, [one.key.name for one in declared().of("function")]],
        )
    ]
    with rolled_back(site.pg):
        cast = casting(site.pg)
        for table in site.whole:
            shape = site.shapes[table]
            referred = {
                column: sql.SQL("{}::uuid").format(cast.id(to, cast.user)) for column, to in shape.references.items()
            }
            site.pg.execute(seed(shape, cast.user, cast, referred))
        for target, key in ((PRODUCTS, cast.product), (USERS, cast.user)):
            try:
                with site.pg.transaction():
                    site.pg.execute(sql.SQL("delete from {} where id = {}").format(sql.SQL(target), key))
            except errors.IntegrityError as error:
                wrong.append(f"a row of {target} that has events cannot be deleted: {first_line(error)}")
    return verdict(
        wrong, "a product and a user with events can be deleted, and no table of the app carries a trigger of ours"
    )
