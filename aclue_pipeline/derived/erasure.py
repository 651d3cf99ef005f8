"""What is not kept: what ownerless rows still say of erased people, order numbers of closed months, old addresses and browsers. A row
that names its owner is cleared by the database itself, in the transaction that deletes the account (sql/schema); what follows from
that is done here, so that no published number moves."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from psycopg import sql

from aclue_pipeline.catalog import Catalog
from aclue_pipeline.derived import facts
from aclue_pipeline.derived.statement import filled, is_there, named_errors
from aclue_pipeline.postgres import Database, Pg, identifier
from aclue_pipeline.postgres.locks import wait_for_lock
from aclue_pipeline.settings import get_settings

#: Rows that one transaction clears for their age: whoever reports a sale of one of them waits no longer than this takes.
BATCH = 10_000

_AGENT = """case
    when r.user_agent is null then null
    when (
        select p.kind <> 'person' from staging.machine_patterns p
        where lower(left(r.user_agent, 1000)) ~ p.pattern order by p.place limit 1
    ) then 'erased bot' else 'erased' end"""
_HOST = "coalesce(substring(r.affiliate_url from '^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*'), 'erased')"

#: What takes the place of what identifies, as the trigger has it; of any other tagged column NULL does.
_INSTEAD = {
    "session_id": "analytics.session_key(r.session_id)",
    "user_agent": _AGENT,
    "affiliate_url": _HOST,
    "landing_page": "analytics.path(r.landing_page)",
}
#: In every kept version of the taste model, words of rounds that fewer than five living users say, as training has it: '' is no word,
#: and keeps the places of the others. Who still says one is recalculated: a full run finds it no more, either.
WORDS = """
with said as materialized (
    select distinct s.user_id, u.facet, u.word from staging.rounds s
    cross join lateral (values ('occasion', s.occasion), ('recipient', s.recipient)) u (facet, word)
    where s.user_id is not null and u.word is not null
), users_of as (
    select s.facet, s.word, count(distinct s.user_id) >= 5 as is_known from said s group by s.facet, s.word
), known as (
    select v.version, f.facet, w.word, w.place
    from pipeline.taste_models v cross join (values ('occasion'), ('recipient')) f (facet)
    cross join jsonb_array_elements_text(v.vocabulary -> f.facet) with ordinality w (word, place)
), again as (
    update pipeline.profile_fingerprints f set events = -1
    from said s join users_of u on u.facet = s.facet and u.word = s.word
    where s.user_id = f.user_id and not u.is_known and (s.facet, s.word) in (select k.facet, k.word from known k)
)
update pipeline.taste_models m set vocabulary = m.vocabulary || k.words
from (
    select e.version, jsonb_object_agg(e.facet, e.words) as words
    from (
        select v.version, v.facet, jsonb_agg(case when u.is_known then v.word else '' end order by v.place) as words
        from known v left join users_of u on u.facet = v.facet and u.word = v.word
        group by v.version, v.facet
    ) e group by e.version
) k
where k.version = m.version and m.vocabulary <> m.vocabulary || k.words"""
#: Kept until their month is closed.
_LATER = {"user_id", "anonymous_id", "order_id"}


@dataclass(frozen=True)
class Relation:
    """A table with rows of people: deployed or the app's, where it stands or retired. `outlives`: its rows stay when an account goes."""

    schema: str
    name: str
    columns: frozenset[str]
    outlives: bool
    cleared: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def quoted(self) -> sql.Identifier:
        return sql.Identifier(self.schema, self.name)

    def assignments(self, *more: sql.Composable) -> sql.Composed:
        """SET of an update of `r`, which clears it."""
        each = [
            sql.SQL("{} = {}").format(sql.Identifier(name), sql.SQL(_INSTEAD.get(name, "null")))
            for name in self.cleared
        ]
        return sql.SQL(", ").join([*each, *more])


_RELATIONS = """
select n.nspname, c.relname, array_agg(a.attname), not bool_or(a.attname = 'user_id' and a.attnotnull)
from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid
where (n.nspname = 'public' or n.nspname ~ '^aclue_retired_[0-9]+$') and c.relname = any(%s)
    and c.relkind in ('r', 'p') and not c.relispartition and a.attnum > 0 and not a.attisdropped
group by n.nspname, c.relname having bool_or(a.attname = 'user_id') order by n.nspname <> 'public', 1, 2
"""


def relations(pg: Pg, catalog: Catalog) -> list[Relation]:
    """Every table of the app's and of ours whose rows name a user, retired ones too."""
    tables = {table.name: table for table in catalog.tables.values() if table.schema == "public"}
    found = []
    for schema, name, columns, is_nullable in pg.execute(_RELATIONS, [list(tables)]).fetchall():
        tagged = [column.name for column in tables[name].columns if column.pii and column.name not in _LATER]
        cleared = [one for one in (*tagged, "landing_page") if one in columns]
        outlives = is_nullable and tables[name].room == "schema"
        found.append(Relation(schema, name, frozenset(columns), outlives, tuple(cleared)))
    return found


def clear(db: Database, catalog: Catalog) -> dict[str, int]:
    """Clear all that is due, and the notes of it; rows cleared, by table. Two at once take turns."""
    facts.ensure_facts(db, catalog)
    done: dict[str, int] = {}
    with db.psycopg() as pg, named_errors():
        wait_for_lock(pg, facts.LOCK)
        _add(done, clear_noted(pg, catalog))
        _add(done, _clear_orders(pg, catalog))
    with db.psycopg() as pg:
        events = [one for one in relations(pg, catalog) if one.outlives and "user_agent" in one.columns]
    for table in events:
        rows = BATCH
        while rows:
            with db.psycopg() as pg, named_errors():
                rows = _expire(pg, table)
            _add(done, {table.key: rows})
    return done


def clear_noted(pg: Pg, catalog: Catalog) -> dict[str, int]:
    """Clear the ownerless rows that carry the names of erased people, forget these names, and words that few are left to say; delete
    the notes. A visitor's identity that rows of another user carry too is that one's as much, and stays."""
    done = clear_rows(pg, catalog)
    forget_people = catalog.root / "staging" / "sync" / "10_forget_people.sql"
    pg.execute(filled(pg, forget_people.read_text(encoding="utf-8"), {"is_full": True}))
    for key in of_ours(pg, catalog):
        forget = sql.SQL("delete from {} f where not exists (select from auth.users u where u.id = f.user_id)")
        done[key] = pg.execute(forget.format(identifier(key))).rowcount
    if is_there(pg, "pipeline.taste_models") and is_there(pg, "staging.rounds"):
        pg.execute("set local statement_timeout = 0")  # it reads everybody's rounds of swiping
        done["pipeline.taste_models"] = pg.execute(WORDS).rowcount
    return done


def clear_rows(pg: Pg, catalog: Catalog, but: UUID | None = None) -> dict[str, int]:
    """Of it the rows, by table; `but`: whose names are left for later."""
    pg.execute(filled(pg, (catalog.root / "staging" / "sync" / "00_erased.sql").read_text(encoding="utf-8"), {}))
    events = [one for one in relations(pg, catalog) if one.outlives]
    _name(pg, [table for table in events if "anonymous_id" in table.columns], but)
    done = {table.key: _clear_named(pg, table) for table in events}
    pg.execute("delete from pipeline.erasures e using noted n where e.user_id = n.user_id and e.names = n.names")
    pg.execute("drop table noted, erased_visitors, erased_sessions")
    return done


def _name(pg: Pg, tables: list[Relation], but: UUID | None) -> None:
    """The names to look for, as temporary tables: visitors that are nobody else's, with the token in their place, and sessions."""
    noted = "create temporary table noted on commit drop as select * from pipeline.erasures where user_id is distinct from {}"
    pg.execute(sql.SQL(noted).format(sql.Literal(but)))
    pg.execute(
        """create temporary table erased_visitors on commit drop as
           select distinct on (anonymous_id) anonymous_id, token from noted where anonymous_id is not null order by 1, noted_at"""
    )
    pg.execute("create temporary table erased_sessions on commit drop as select distinct session_id from noted")
    anothers = (
        "delete from erased_visitors v using {table} r where r.anonymous_id = v.anonymous_id and r.user_id is not null"
    )
    for table in tables:
        _run(pg, anothers, table)
    theirs = """insert into erased_sessions
                select r.session_id from {table} r join erased_visitors v using (anonymous_id) where r.user_id is null"""
    for table in tables:
        _run(pg, theirs, table)
    pg.execute("analyze erased_visitors, erased_sessions")


def _clear_named(pg: Pg, table: Relation) -> int:
    """Clear the rows without owner that carry one of the names; how many."""
    rows, nobodys, theirs = 0, sql.SQL("true"), sql.SQL("false")
    if "anonymous_id" in table.columns:
        nobodys = sql.SQL("coalesce(r.anonymous_id, '') = ''")
        theirs = sql.SQL("r.anonymous_id in (select anonymous_id from erased_visitors)")
    if "landing_page" in table.columns:
        # A session row that a browser wrote anew after it was erased: both would come to have the same name.
        rows += _run(
            pg,
            """delete from {table} r where r.user_id is null and r.session_id in (select session_id from erased_sessions)
                   and ({nobodys} or {theirs}) and r.session_id !~ '^sha256:'
                   and exists (select from {table} o where o.session_id = analytics.session_key(r.session_id))""",
            table,
            nobodys=nobodys,
            theirs=theirs,
        )
    if "anonymous_id" in table.columns:
        rows += _run(
            pg,
            "update {table} r set {set} from erased_visitors v where r.user_id is null and r.anonymous_id = v.anonymous_id",
            table,
            set=table.assignments(sql.SQL("anonymous_id = v.token")),
        )
    return rows + _run(
        pg,
        "update {table} r set {set} from erased_sessions s where r.user_id is null and r.session_id = s.session_id and {nobodys}",
        table,
        set=table.assignments(),
        nobodys=nobodys,
    )


def of_ours(pg: Pg, catalog: Catalog) -> list[str]:
    """Tables of our own bookkeeping that name a user, of those that are there: each is made by what first writes it."""
    own = [table for table in catalog.tables.values() if table.kind == "python" and table.key != "pipeline.erasures"]
    named = [table.key for table in own if any(column.name == "user_id" for column in table.columns)]
    return [key for key in named if is_there(pg, key)]


def _clear_orders(pg: Pg, catalog: Catalog) -> dict[str, int]:
    """Order numbers of erased people's clicks, once their hash is kept and the month is closed for good."""
    return {
        table.key: _run(
            pg,
            """update {table} r set order_id = null
               where r.user_id is null and r.order_id is not null and r.session_id like 'sha256:%'
                   and exists (select from staging.click_facts f where f.click_id = r.id and f.order_key is not null)
                   and date_trunc('month', analytics.local_day(
                       coalesce(analytics.usable(r.conversion_timestamp), analytics.usable(r.click_timestamp), '-infinity'), {zone}
                   )) <= (select max(month) from pipeline.closings where reopened_at is null)""",
            table,
            zone=sql.Literal(get_settings().timezone),
        )
        for table in relations(pg, catalog)
        if table.outlives and "order_id" in table.columns
    }


def _expire(pg: Pg, table: Relation) -> int:
    return _run(
        pg,
        """update {table} r set ip_address = null, user_agent = {agent} where r.id in (
               select o.id from {table} o
               where o.user_id is null and (o.ip_address is not null or o.user_agent not in ('erased', 'erased bot'))
                   and (coalesce(o.created_at, o.click_timestamp) >= now() - {age}) is not true
               limit {batch})""",
        table,
        agent=sql.SQL(_AGENT),
        age=sql.Literal(timedelta(days=get_settings().retention_days)),
        batch=sql.Literal(BATCH),
    )


def _run(pg: Pg, statement: str, table: Relation, **parts: sql.Composable) -> int:
    return pg.execute(sql.SQL(statement).format(table=table.quoted, **parts)).rowcount


def _add(done: dict[str, int], more: Mapping[str, int]) -> None:
    for key, rows in more.items():
        done[key] = done.get(key, 0) + rows


def sentence(done: Mapping[str, int]) -> str:
    each = [f"{key} {rows:,}" for key, rows in done.items() if rows]
    return f"rows cleared: {', '.join(each) or 'none'}"
