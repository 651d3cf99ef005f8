"""When things are computed: each job with its rooms, its schedule and the sentence that asset, schedule and docs show. Every asset
is refreshed by exactly one of them. All stand still until somebody starts them, or ACLUE_AUTOSTART=1 does (the demo sets it). What
starts by itself besides, and what each asks first, stands in automation.py."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import dagster as dg

from aclue_pipeline.catalog import Catalog
from aclue_pipeline.defs.metadata import key_of

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition as AssetJob

RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"

#: The source asset that stands for all that is deployed.
SCHEMA = dg.AssetKey("schema")


class Entry(NamedTuple):
    """A job, the rooms it refreshes, what it does, and its schedule: name, cron, and when it does what. `net`: what else starts it."""

    job: str
    rooms: tuple[str, ...]
    does: str
    schedule: str
    cron: str
    when: str
    net: str = ""
    config: Mapping[str, Any] = MappingProxyType({})


OBSERVE = Entry(
    "observe",
    ("app", "schema"),
    "Look at `schema` and every source table: versions and rows.",
    "observe_sources",
    "*/15 * * * *",
    "Every quarter of an hour: are the sources there, and did they change?",
)
CONTRACTS = Entry(
    "check_sources",
    (),
    "Judge the sources' contracts and freshness, and whether any day of a table is missing or has failed.",
    "hourly_contracts",
    "5 * * * *",
    "Every hour: are the sources fresh, and as agreed, and is every day there?",
)
# Not part of `observe`: judging writes rows and takes them back, which leaves dead ones behind and makes the statistics of a
# large table say that it was written to.
VERIFY = Entry(
    "verify_schema",
    (),
    "Judge the success criteria of the deployment: tried out in transactions that are rolled back.",
    "daily_verification",
    "30 5 * * *",
    "Every morning: do the success criteria hold?",
)
DRIFT = Entry(
    "watch_drift",
    (),
    "Compare what is deployed with what is declared, by one read-only look at the catalogues.",
    "hourly_drift",
    "50 * * * *",
    "Every hour: did somebody change by hand what is deployed?",
)
REFRESH = Entry(
    "refresh_preferences",
    ("preferences",),
    "Recompute the profiles of users whose events changed, and say how good they are.",
    "hourly_preferences",
    "20 * * * *",
    "Once an observation finds a new version of a source; every hour the profiles that still wait, if any do.",
    "the sensor `take_in_feedback` starts it sooner where feedback waits",
)
SYNC = Entry(
    "sync_facts",
    (),
    "Judge the clicks and sessions that changed since the last time, keep them as facts, mark the published days they reach.",
    "sync_everything",
    "10 3 * * 0",
    "Once an observation finds a new version of a source, and before each rebuild; every week all events, also those that are gone or"
    " were loaded without a time of change.",
    config={"ops": {"sync": {"config": {"full": True}}}},
)
REBUILD = Entry(
    "rebuild_revenue_and_funnel",
    ("revenue", "funnel"),
    "Rebuild a range of days of every revenue and funnel table in one run; days that come out the same are not written. By hand:"
    " Materialize all, then Missing or any days. What was never computed or changed since: the sensor `rebuild_dirty_days`, Preview tick"
    " result, Launch all.",
    "nightly_revenue_and_funnel",
    "30 4 * * *",  # after every clock change of the night, in any zone
    "Every night the days that need it, whatever their age: never computed, changed since, or of another version.",
    "the sensor `rebuild_dirty_days` takes history and what changed sooner, Materialize any range",
)
CLOSE = Entry(
    "close_month",
    (),
    "Freeze the commission of the first open month that is over.",
    "monthly_closing",
    "0 7 10 * *",
    "Every month on the 10th: the month before is closed, and what changes of it later is an adjustment.",
)
CLEAR = Entry(
    "clear_erased",
    (),
    "Clear what rows without owner still say of erased people, and addresses and browsers that are older than ACLUE_RETENTION_DAYS.",
    "daily_clearing",
    "50 3 * * *",
    "Every night: nothing is kept of erased people, and of visitors no address longer than it may be.",
)
PURGE = Entry(
    "purge_history",
    (),
    "Delete from Dagster's own database, and its folder, what runs left that ended more than ACLUE_HISTORY_DAYS ago; assets, checks and"
    " partitions keep their state.",
    "daily_purge",
    "40 5 * * *",
    "Every morning: Dagster's history does not grow without end.",
)
HEALTH = Entry(
    "check_health",
    ("health",),
    "Slow statements, indexes, whole reads, cache, row level security, growth, connections, vacuum.",
    "daily_health",
    "0 6 * * *",
    "Every morning: what slows the database down, or will stop it.",
)
TIMETABLE = (OBSERVE, CONTRACTS, DRIFT, VERIFY, SYNC, REFRESH, REBUILD, CLOSE, CLEAR, PURGE, HEALTH)


def sentence(room: str, kind: str = "") -> str:
    """What starts an asset of this room, and the net beneath it."""
    if kind == "view" and room != "health":
        return (
            "Always current, being a view. Each job that reads it counts its rows, and renews it where its SQL changed."
        )
    entry = SYNC if kind == "facts" else entry_of(room)
    if kind == "whole" and entry is REBUILD:
        return f"As a whole, each time that days are rebuilt, at least every night. (Job `{entry.job}`, schedule `{entry.schedule}`.)"
    net = f"; {entry.net}" if entry.net else ""
    return f"{entry.when} (Job `{entry.job}`, schedule `{entry.schedule}`{net}.)"


def entry_of(room: str) -> Entry:
    return next(entry for entry in TIMETABLE if room in entry.rooms)


# --- jobs -------------------------------------------------------------------------------------------------------------


def jobs(catalog: Catalog) -> "list[AssetJob]":
    drift = dg.AssetSelection.checks(dg.AssetCheckKey(SCHEMA, "drift"))
    of_schema = dg.AssetSelection.checks_for_assets(SCHEMA)
    observed = dg.AssetSelection.assets(*map(key_of, catalog.observed))
    sources = (dg.AssetSelection.assets(SCHEMA) | observed).without_checks()
    facts = dg.AssetSelection.assets(*(key_of(table.key) for table in catalog.room("staging", "facts")))
    selections = {
        OBSERVE.job: sources,
        CONTRACTS.job: dg.AssetSelection.checks_for_assets(*map(key_of, catalog.observed)) | _every_day(catalog),
        DRIFT.job: drift,
        VERIFY.job: of_schema - drift,
        SYNC.job: facts,
    }
    return [
        dg.define_asset_job(
            entry.job,
            selections[entry.job] if entry.job in selections else _selection(catalog, entry),
            description=entry.does,
        )
        for entry in TIMETABLE
        if entry not in (CLOSE, CLEAR, PURGE)  # no assets
    ]


def _every_day(catalog: Catalog) -> dg.AssetSelection:
    daily = [table for table in catalog.tables.values() if table.kind == "daily"]
    return dg.AssetSelection.checks(*(dg.AssetCheckKey(key_of(table.key), "every_day") for table in daily))


def _selection(catalog: Catalog, entry: Entry) -> dg.AssetSelection:
    """The rooms' assets and checks, the staging tables that they read (for published days all), and the contracts of the sources
    behind these: where a source lacks a column, what reads it is not computed."""
    read = _read_by(catalog, [*entry.rooms, *(["staging"] if entry is REBUILD else [])])
    wanted = {key for key in read if catalog.tables[key].room == "staging"}
    wanted |= {table.key for table in catalog.room("staging") if entry is REBUILD}
    # A group selects nothing that is observed, as views are.
    wanted |= {table.key for room in entry.rooms for table in catalog.room(room, "view")}
    contracts = [dg.AssetCheckKey(key_of(key), "contract") for key in read if key in catalog.observed]
    selection = dg.AssetSelection.groups(*entry.rooms) | dg.AssetSelection.checks(*contracts)
    return selection | dg.AssetSelection.assets(*map(key_of, sorted(wanted))) if wanted else selection


def _read_by(catalog: Catalog, rooms: Iterable[str]) -> list[str]:
    """Tables that the rooms' tables are made of, at any distance, and all facts with one of them: one step keeps them, and one left out
    would seem older than the views that the job looks at."""
    facts = {table.key for table in catalog.room("staging", "facts")}
    wanted = [key for key, table in catalog.tables.items() if table.room in rooms]
    if "preferences" in rooms:
        wanted.append("public.user_preferences")
    read: dict[str, None] = {}
    while wanted:
        upstream = catalog.tables[wanted.pop()].upstream
        for key in {*upstream, *(facts if facts & {*upstream} else ())}:
            if key in catalog.tables and key not in read:
                read[key] = None
                wanted.append(key)
    return [key for key in catalog.tables if key in read]
