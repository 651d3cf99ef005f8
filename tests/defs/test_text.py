"""What strangers write is text in Dagster's event log, and what one visitor did does not stand there."""

import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from aclue_pipeline.definitions import build_defs
from aclue_pipeline.postgres import Database
from tests.support.catalogs import CATALOG

pytestmark = pytest.mark.database

TAG = "planted"
PICTURE = f"[![{TAG}](/graphql?query=mutation)](/)"
#: Which columns a client may fill with words, by table.
WRITTEN = {
    "public.affiliate_clicks": ["affiliate_network", "source_page", "utm_source", "utm_medium", "utm_campaign", "affiliate_url"],
    "public.session_analytics": ["landing_page", "exit_page", "utm_source", "utm_medium", "utm_campaign", "browser"],
    "public.product_views": ["search_query"],
    "public.recommendation_feedback": ["comment"],
    "public.products": ["title", "brand"],
}  # fmt: skip
#: What tells one visitor or event from the others.
PERSONAL = {
    "auth.users": ["id", "email"],
    "public.affiliate_clicks": ["id", "user_id", "anonymous_id", "session_id", "order_id", "user_agent", "click_timestamp",
                                "conversion_timestamp"],
    "public.session_analytics": ["id", "session_id", "anonymous_id", "started_at", "ended_at", "last_activity_at"],
    "public.product_views": ["id", "session_id", "view_timestamp"],
    "public.recommendation_feedback": ["id", "session_id", "recommendation_id", "created_at"],
    "public.swipe_interactions": ["id", "session_id", "swipe_timestamp"],
    "public.swipe_sessions": ["id"],
}  # fmt: skip


def distinct(db: Database, columns: dict[str, list[str]]) -> Iterator[Any]:
    with db.psycopg() as pg:
        for table, names in columns.items():
            for name in names:
                found = pg.execute(f"select distinct {name} from {table} where {name} is not null")
                yield from (row[0] for row in found)


@pytest.fixture(params=[3, pytest.param(30, marks=pytest.mark.slow)], ids="{} days".format)
def logged(run, demo_db: Database, instance: dg.DagsterInstance, request: pytest.FixtureRequest) -> list[Any]:
    """Every event of a run of every job, where everybody wrote Markdown."""
    with demo_db.psycopg() as pg:
        for table, names in WRITTEN.items():
            pg.execute(f"update {table} set " + ", ".join(f"{name} = %s" for name in names), [PICTURE] * len(names))
    last = datetime.now(UTC).date() - timedelta(days=2)
    everything = {job.name for job in build_defs(CATALOG).resolve_all_job_defs() if not job.name.startswith("__")}
    everything -= {"purge_history"}  # of Dagster's own database, which this instance has not
    # What a rollback takes away is brought back before anything else needs it; then there is nothing to purge.
    for name in ["rollback_schema", "restore_schema", *sorted(everything - {"rollback_schema", "restore_schema"})]:
        days = {"partition_range": (last - timedelta(days=request.param), last)} if name.startswith("rebuild") else {}
        assert run(name, run_config=_moving(name, demo_db), **days).success
    return [event for run in instance.get_runs() for event in instance.all_logs(run.run_id)]


def _moving(name: str, db: Database) -> dict[str, Any]:
    verb = name.removesuffix("_schema")
    return (
        {"ops": {verb: {"config": {"database": db.name}}}} if verb in ("deploy", "rollback", "restore", "purge") else {}
    )


def said(event: Any) -> Any:
    """The materialization, observation or check evaluation of an event; None for any other."""
    data = event.dagster_event and event.dagster_event.event_specific_data
    data = getattr(data, "materialization", None) or getattr(data, "asset_observation", None) or data
    return data if isinstance(data, dg.AssetMaterialization | dg.AssetObservation | dg.AssetCheckEvaluation) else None


@pytest.mark.slow
def test_no_word_of_a_client_is_markdown_and_no_visitor_stands_in_the_event_log(
    logged: list[Any], demo_db: Database
) -> None:
    told = [one for one in map(said, logged) if one is not None]
    assert {type(one) for one in told} == {dg.AssetMaterialization, dg.AssetObservation, dg.AssetCheckEvaluation}
    values = [(one.asset_key, name, value) for one in told for name, value in one.metadata.items()]
    assert any(TAG in dg.serialize_value(value) for _, _, value in values), (
        "the words are somewhere, or this tests nothing"
    )
    for asset, name, value in values:
        if isinstance(value, dg.MarkdownMetadataValue):
            assert TAG not in value.md_str, (asset, name)
    for one in told:  # what a check says is rendered as Markdown
        assert not re.search(r"(?<!\\)[\[`<*]", one.description or ""), one.description

    personal = list(distinct(demo_db, PERSONAL))
    instants = {int(value.timestamp()) for value in personal if isinstance(value, datetime)}
    words = {str(value) for value in personal if isinstance(value, str | uuid.UUID) and len(str(value)) >= 6}
    assert len(instants) > 1000
    assert len(words) > 1000
    for asset, name, value in values:
        times = (
            [int(value.value)] if isinstance(value, dg.TimestampMetadataValue) else times_of(dg.serialize_value(value))
        )
        assert not instants.intersection(times), (asset, name, value)
    for event in logged:
        found = words.intersection(re.findall(r"[\w@.-]{6,}", dg.serialize_value(event)))
        assert not found, (found, event)


def times_of(text: str) -> list[int]:
    """Time stamps written out, as whole seconds."""
    found = re.findall(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[+-]\d\d:?\d\d|Z)?", text)
    times = [datetime.fromisoformat(one) for one in found]
    return [int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()) for at in times]
