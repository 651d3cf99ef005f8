"""Keeps the facts: reads what changed in the app's events, judges it once, and says which published days it reaches (sql/staging/sync).
What is done about those days is days.py's business; what a verdict is, the SQL's."""

import secrets
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from psycopg import sql

from aclue_pipeline.catalog import Catalog, Table, sqltext
from aclue_pipeline.derived.needed import DAY, spans
from aclue_pipeline.derived.statement import filled, local_day, named_errors, one, row
from aclue_pipeline.derived.tables import ensure
from aclue_pipeline.postgres import Database, Pg, identifier
from aclue_pipeline.postgres.locks import snapshot
from aclue_pipeline.settings import get_settings

#: The lock that whoever writes facts holds alone, and whoever builds days on them shares.
LOCK = "staging.facts"

#: A transaction that was open at the last sync may have committed rows of before: read again for so long.
OVERLAP = timedelta(hours=1)

#: Sources of which only a digest a day is kept.
SOURCES = ("views", "swipes", "recommendations")

#: Ways of reading by which a table stands on such a source.
LOOKED_AT = {"view_day", "impression_day", "session_day", "recommendation_day"}


@dataclass(frozen=True)
class Synced:
    """One sync: facts written, source rows first missed, days of tables that became dirty; `is_full`: everything was looked at;
    `oldest`: the day of the first event there is."""

    clicks: int
    sessions: int
    people: int
    products: int
    gone: int
    days: int
    is_full: bool
    oldest: date | None = None

    @property
    def written(self) -> dict[str, int]:
        """Facts written, by table."""
        return {
            "staging.click_facts": self.clicks,
            "staging.session_facts": self.sessions,
            "staging.person_facts": self.people,
            "staging.product_facts": self.products,
        }

    @property
    def sentence(self) -> str:
        looked = "all rows looked at" if self.is_full else "what changed since the last sync"
        gone = f", {self.gone:,} rows gone" if self.gone else ""
        written = f"{self.clicks:,} clicks, {self.sessions:,} sessions written{gone}"
        return f"{looked}: {written}; {self.days:,} published days to rebuild{self._first_day}"

    @property
    def _first_day(self) -> str:
        """Which first day to name, where nobody has: years without events are computed else, or events left out."""
        settings = get_settings()
        if self.oldest in (None, settings.first_day) or "first_day" in settings.model_fields_set:
            return ""
        return f"; days begin on {settings.first_day}, the oldest event is of {self.oldest}: set ACLUE_FIRST_DAY={self.oldest}"


def sync(db: Database, catalog: Catalog, *, full: bool = False) -> Synced:
    """Read the events that changed since the last sync, write their facts, mark the days they reach: one transaction.

    `full`: look at every row, also for those that are gone or were loaded without a time of change; the first sync and the first
    under other rules always do. Two at once take turns; a second one finds nothing to write.
    """
    ensure_facts(db, catalog)
    with snapshot(db, alone=LOCK) as pg, named_errors():
        return _sync(pg, catalog, full)


def _sync(pg: Pg, catalog: Catalog, full: bool) -> Synced:
    rules = rule_version(catalog)
    make_secret(pg)
    last = pg.execute(
        "select synced_at, rule_version, settings from pipeline.syncs order by sync desc limit 1"
    ).fetchone()
    other_zone = last is not None and last[2].split()[0] != _settings().split()[0]
    if other_zone:
        # Days that another zone cut cannot be compared with: a view that fell into the next day is not lost.
        pg.execute("delete from pipeline.source_days")
    full = full or last is None or last[1:] != (rules, _settings())
    now = one(pg, "select now()")
    values = {
        "is_full": full,
        "since": last[0] - OVERLAP if last else datetime(1, 1, 1, tzinfo=UTC),
        "synced_at": now,
        "rule_version": rules,
        "has_published": one(
            pg, "select exists (select from pipeline.days) or exists (select from pipeline.publications)"
        ),
        **_reaches(catalog, "daily"),
        **{f"whole_{name}": values for name, values in _reaches(catalog, "whole").items()},
    }
    for path in sorted((catalog.root / "staging" / "sync").glob("[0-9]*.sql")):
        pg.execute(filled(pg, path.read_text(encoding="utf-8"), values))
    if full:
        _analyze(pg, catalog)
        first, until = _days_of_events(pg)
    else:
        until = local_day(pg)
        first = until - timedelta(days=get_settings().funnel_window_days)
    for source in SOURCES:
        _look(pg, catalog, source, first, until - DAY, now)
    for begin, end in [] if full else spans(_days_of_late_views(pg, first)):
        _look(pg, catalog, "views", begin, end - DAY, now)
    return _remember(pg, full, rules, now)


def _analyze(pg: Pg, catalog: Catalog) -> None:
    """Let the server know what was just filled: until autovacuum comes by, everything that follows would be planned for empty tables."""
    filled_tables = [table.key for table in catalog.room("staging", "facts")]
    filled_tables += ["pipeline.person_numbers", "pipeline.session_numbers"]
    pg.execute(sql.SQL("analyze {}").format(sql.SQL(", ").join(map(identifier, filled_tables))))


def make_secret(pg: Pg) -> None:
    """The key under which order numbers are kept, made where there is none."""
    pg.execute(
        "insert into pipeline.secrets (name, secret) values ('orders', %s) on conflict do nothing",
        [secrets.token_bytes(32)],
    )


def rule_version(catalog: Catalog) -> str:
    """Changes with the rules by which a click is judged, and with nothing else."""
    judged = catalog.root / "staging" / "sync" / "05_judge_clicks.sql"
    patterns, clicks = catalog.table("staging.machine_patterns"), catalog.table("staging.clicks")
    functions = [function.code_version for function in catalog.functions_of(clicks, patterns)]
    rules = sqltext.without_comments(judged.read_text(encoding="utf-8"))
    return sqltext.digest(patterns.code_version, clicks.code_version, *functions, rules)


def look(db: Database, catalog: Catalog, first: date, last: date) -> None:
    """Look at those days of what is not kept as facts (both counted) that nobody has looked at yet, before they are built: what arrives
    later then always makes a difference to the next look."""
    ensure_facts(db, catalog)
    with snapshot(db, alone=LOCK) as pg, named_errors():
        now = one(pg, "select now()")
        for source in SOURCES:
            begin, end = row(
                pg,
                """select min(g.day)::date, max(g.day)::date from generate_series(%s::date, %s::date, interval '1 day') as g (day)
                   where not exists (select from pipeline.source_days d where d.source = %s and d.day = g.day::date)""",
                [first, last, source],
            )
            if begin is not None:
                _look(pg, catalog, source, begin, end, now)


def reaches(catalog: Catalog, table: Table) -> set[str]:
    """How changed facts become days of this daily table, or move this whole one: what its header says it reads, and that of the daily
    tables below it."""
    below = (catalog.tables[key] for key in table.upstream if key in catalog.tables)
    return set(table.reads).union(*(reaches(catalog, one) for one in below if one.kind == "daily"))


def ensure_facts(db: Database, catalog: Catalog) -> None:
    """The facts, what the sync reads them from and calls; our bookkeeping comes with all."""
    read = ("staging.clicks", "staging.sessions")
    tables = [t for t in catalog.tables.values() if t.kind == "facts" or t.key in read]
    with db.begin() as connection:
        ensure(connection, catalog, *catalog.functions.values(), *tables)


def _reaches(catalog: Catalog, kind: str) -> dict[str, list[str]]:
    pairs = [
        (table.key, reach)
        for table in catalog.tables.values()
        if table.kind == kind
        for reach in sorted(reaches(catalog, table))
    ]
    return {"tables": [key for key, _ in pairs], "reaches": [reach for _, reach in pairs]}


def _look(pg: Pg, catalog: Catalog, source: str, first: date, last: date, now: datetime) -> None:
    if last < first:
        return
    folder = catalog.root / "pipeline" / "source_days"
    select = (folder / f"{source}.sql").read_text(encoding="utf-8")
    zone = get_settings().timezone
    begin, end = (
        one(pg, "select analytics.day_start(%s, %s)", [day, zone]) for day in (first, last + timedelta(days=1))
    )
    ranged = {"range_start": begin, "range_end": end}
    pg.execute(filled(pg, f"create temporary table looked on commit drop as\n{select}", ranged))
    text = (catalog.root / "staging" / "sync" / "look.sql").read_text(encoding="utf-8")
    pg.execute(
        filled(
            pg, text, {"source": source, "first": first, "last": last, "synced_at": now, **_reaches(catalog, "daily")}
        )
    )


def _days_of_events(pg: Pg) -> tuple[date, date]:
    """The first day of any view, swipe or recommendation that can be meant, now or when it was last looked at, and today."""
    zone = get_settings().timezone
    first = one(
        pg,
        """select least(analytics.local_day(min(at), %s), (select min(day) from pipeline.source_days)) from (
               select min(analytics.usable(view_timestamp)) as at from public.product_views where view_timestamp >= '2000-01-01'
               union all
               select min(analytics.usable(swipe_timestamp)) from public.swipe_interactions where swipe_timestamp >= '2000-01-01'
               union all
               select min(analytics.usable(created_at)) from public.recommendations where created_at >= '2000-01-01') e""",
        [zone],
    )
    today = local_day(pg)
    return min(first or today, today), today


def _days_of_late_views(pg: Pg, before: date) -> list[date]:
    """Days before that one of which views came only now: looked at at once, so that rows which go later are missed from these too."""
    statement = """select distinct analytics.local_day(viewed_at, %(zone)s) from new_views
                   where viewed_at < analytics.day_start(%(day)s, %(zone)s)"""
    return [day for (day,) in pg.execute(statement, {"zone": get_settings().timezone, "day": before})]


def _remember(pg: Pg, full: bool, rules: str, now: datetime) -> Synced:
    clicks, sessions, people, products, gone, days, oldest = row(
        pg,
        """select (select count(*) from click_changes where is_published or cause is not null),
                  (select count(*) from staging.session_facts f where f.changed_at = %(now)s and f.session_number in (
                       select session_number from session_images union select session_number from session_before)),
                  (select count(*) from firsts where now_at is not null),
                  (select count(*) from staging.product_facts where first_seen_at = %(now)s),
                  case when %(full)s then (select count(*) from staging.click_facts where gone_at = %(now)s)
                                        + (select count(*) from staging.session_facts where gone_at = %(now)s) else 0 end,
                  (select count(distinct (table_name, day)) from pipeline.dirty join pipeline.days using (table_name, day)
                   where noted_at = %(now)s),
                  least((select min(day) from pipeline.source_days where rows > 0),
                        analytics.local_day((select min(clicked_at) from staging.click_facts), %(zone)s),
                        analytics.local_day((select min(landed_at) from staging.session_facts), %(zone)s))""",
        {"now": now, "full": full, "zone": get_settings().timezone},
    )
    done = Synced(clicks, sessions, people, products, gone, days, full, oldest)
    pg.execute(
        """insert into pipeline.syncs (synced_at, is_full, rule_version, settings, clicks, sessions, gone, days)
           values (%s, %s, %s, %s, %s, %s, %s, %s)""",
        [now, full, rules, _settings(), done.clicks, done.sessions, done.gone, done.days],
    )
    return done


def _settings() -> str:
    return f"timezone={get_settings().timezone} first_day={get_settings().first_day}"
