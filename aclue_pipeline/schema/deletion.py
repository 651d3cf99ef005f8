"""Can a user and a product still be deleted? Tried with ones made for it, and taken back."""

import time
from collections.abc import Callable, Mapping
from uuid import uuid4

import psycopg
from psycopg import errors, sql

from aclue_pipeline.postgres import Pg
from aclue_pipeline.schema.change import ident
from aclue_pipeline.schema.verify.trials import anything, insertion

#: Raised where a deletion failed.
NO_DELETION = "AC004"
_TAKEN_BACK = "AC003"
_BRIEF = 0.5  # seconds


def deletion(pg: Pg, say: Callable[[str], None]) -> str:
    """A statement that makes a user and a product, deletes them and takes it all back; "" where that fails already now, or takes so
    long (a key of the app's without an index) that it must not be done under a lock."""
    made = {
        ("auth", "users"): {"aud": "authenticated", "role": "authenticated", "raw_user_meta_data": "{}"},
        ("public", "products"): {"title": "made by aclue"},
    }
    inserts, deletes = [], []
    for table, given in made.items():
        one = str(uuid4())
        given |= {"id": one, "email": f"{one}@example.invalid"}
        inserts.append(_insertion(pg, table, given).as_string(pg))
        deletes.append(sql.SQL("delete from {} where id = {}").format(sql.Identifier(*table), one).as_string(pg))
    text = f"""do $aclue$
begin
    -- As an app's triggers know it; taken back with all else.
    perform set_config('search_path', 'public, extensions', true), set_config('row_security', 'on', true);
    {"; ".join([*inserts, *deletes])};
    raise exception using errcode = '{_TAKEN_BACK}';
exception
    when sqlstate '{_TAKEN_BACK}' then null;
    when lock_not_available or deadlock_detected then raise;
    when others then raise exception using errcode = '{NO_DELETION}', message = sqlerrm;
end $aclue$"""
    began = time.monotonic()
    try:
        with pg.transaction(force_rollback=True):
            pg.execute(b"set local lock_timeout = '2ms'")
            pg.execute(text.encode())
    except (errors.LockNotAvailable, errors.DeadlockDetected):
        pass  # the tables are busy just now; it is tried again under the lock
    except psycopg.Error as error:
        if pg.broken:
            raise
        return _untried(say, first_line(error))
    seconds = time.monotonic() - began
    return text if seconds < _BRIEF else _untried(say, f"it takes {seconds:.1f} s here")


def _untried(say: Callable[[str], None], why: str) -> str:
    say(f"not tried: whether users and products can still be deleted ({why})")
    return ""


def _insertion(pg: Pg, table: tuple[str, str], given: Mapping[str, str]) -> sql.Composed:
    """A row of what is given, as far as there are such columns, and of anything in what the table asks for besides."""
    asked = pg.execute(
        """select a.attname, format_type(a.atttypid, a.atttypmod), t.typtype = 'e', a.attnotnull and not a.atthasdef and a.attidentity = ''
           from pg_attribute a join pg_type t on t.oid = a.atttypid
           where a.attrelid = to_regclass(%s) and a.attnum > 0 and not a.attisdropped""",
        [ident(*table)],
    ).fetchall()
    values: dict[str, sql.Composable] = {
        name: sql.SQL("{}::{}").format(sql.Literal(given[name]), sql.SQL(kind))
        if name in given
        else anything(kind, is_enum)
        for name, kind, is_enum, required in asked
        if name in given or required
    }
    return insertion(sql.Identifier(*table), values)


def first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]
