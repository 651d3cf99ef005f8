"""Before anything is changed: is this a database we can deploy to, and does this role have what it needs? Each trouble is one
named error."""

from collections.abc import Sequence

from psycopg.rows import dict_row

from aclue_pipeline.errors import MissingPrerequisite, MissingPrivilege, ServerTooOld
from aclue_pipeline.postgres import Pg, app
from aclue_pipeline.schema.change import ident
from aclue_pipeline.schema.declared import declared
from aclue_pipeline.settings import sql_folder

#: Supabase's older projects; what is older is not tried.
OLDEST = 15


def preflight(pg: Pg, oldest: int = OLDEST, acts: bool = True) -> list[str]:
    """Notes worth knowing, where nothing stands in the way. `acts`: whether this role is to change anything, and needs rights.

    Raises ServerTooOld below major version `oldest`, MissingPrerequisite, UnknownCatalogue, MissingPrivilege.
    """
    version = pg.info.server_version // 10000
    if version < oldest:
        raise ServerTooOld(
            f"the server is PostgreSQL {version} and must be {oldest} or newer; upgrade the project first"
        )
    with pg.cursor(row_factory=dict_row) as cursor:
        asked = (sql_folder() / "schema" / "prerequisites.sql").read_text(encoding="utf-8")
        unmet = [row for row in cursor.execute(asked.encode()).fetchall() if not row["met"]]
    for trouble, error in (("missing", MissingPrerequisite), ("privilege", MissingPrivilege)):
        found = [row for row in unmet if row["trouble"] == trouble]
        if found and (acts or trouble == "missing"):
            raise error(_sentence(trouble, [row["name"] for row in found], found[0]["remedy"]))
    app.shape(pg)
    if acts:
        require_ownership(pg, declared().tables)
    return [f"{row['name']} is not there: {row['remedy']}" for row in unmet if row["trouble"] == "note"]


def _sentence(trouble: str, names: list[str], remedy: str) -> str:
    said = ", ".join(names)
    if trouble == "missing":
        return f"{said} {'is' if len(names) == 1 else 'are'} missing, nothing was changed; {remedy}"
    return f"this role lacks {said}, nothing was changed; {remedy}"


def require_ownership(pg: Pg, tables: Sequence[str]) -> None:
    """Raises MissingPrivilege where one of the tables is there and belongs to a role that this one cannot act for."""
    rows = pg.execute(
        """select relname, pg_get_userbyid(relowner), current_user from pg_class
           where relnamespace = to_regnamespace('public') and relkind in ('r', 'p') and relname = any(%s)
               and not pg_has_role(relowner, 'USAGE')""",
        [list(tables)],
    ).fetchall()
    if rows:
        names, (_, owner, me) = ", ".join(name for name, _, _ in rows), rows[0]
        raise MissingPrivilege(
            f"this role does not own {names}, nothing was changed; connect as {owner}, who does, or let {owner} run: grant"
            f" {ident(owner)} to {ident(me)}"
        )
