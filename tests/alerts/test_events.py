"""Yesterday against the same weekday before: swipes, clicks, sales, accounts."""

import dagster as dg
import pytest

from aclue_pipeline.checks import ask
from aclue_pipeline.defs.checks import checks_of
from aclue_pipeline.postgres import Database
from tests.conftest import Databases
from tests.support.catalogs import CATALOG
from tests.support.statements import run

CHECKS = ("swipes_as_usual", "clicks_as_usual", "conversions_as_usual", "registrations_as_usual")
FILES = {file.name: file for file in CATALOG.checks}

#: An event an hour before midnight of yesterday, and of the same weekday before; sales of last weeks were known at once.
FILL = """
create temporary table made as
select gen_random_uuid() as id, (date_trunc('day', now() at time zone 'Europe/London') - interval '1 hour' - w * interval '7 days')
    at time zone 'Europe/London' as at
from generate_series(0, 8) as w, generate_series(1, case w when 0 then {yesterday} else 40 end);
insert into public.swipe_interactions (swipe_timestamp, swipe_direction) select at, 'left' from made;
insert into auth.users (id, created_at) select id, at from made;
insert into staging.click_facts (
    click_id, clicked_at, currency, affiliate_network, source_page, device_type, utm_source, utm_medium, utm_campaign, verdict,
    is_converted, converted_at, counted_as_converted, first_seen_at, changed_at, rule_version
) select id, at, '', '', '', '', '', '', '', 'valid', true, at, true, at + interval '10 minutes', at, '' from made;
"""


@pytest.mark.database
@pytest.mark.parametrize(("yesterday", "outcome"), [(38, "passed"), (2, "failed"), (200, "failed")])
def test_a_day_is_told_that_brought_half_or_twice_the_usual(
    deployed_db: Database, databases: Databases, yesterday: int, outcome: str
) -> None:
    admin = databases.admin(deployed_db)
    run(admin, FILL.format(yesterday=yesterday))
    judgements = [ask(deployed_db, FILES[check]) for check in CHECKS]
    assert [one.outcome for one in judgements] == [outcome] * 4
    for one in judgements:
        assert (one.evidence["counted"], one.evidence["usual"], one.evidence["weeks"]) == (yesterday, 40, 8)
    run(admin, "update staging.click_facts set reported_at = now() - interval '1 minute'")
    late = ask(deployed_db, FILES["conversions_as_usual"])
    assert (late.outcome, late.evidence["weeks"]) == ("passed", 0), (
        "what networks report late was not known then, either"
    )


@pytest.mark.database
@pytest.mark.parametrize(
    ("absent", "asset"),
    [("function pipeline.as_usual", "staging.click_facts"), ("view staging.views", "analytics.product_revenue_daily")],
)
def test_a_check_finds_what_it_calls_and_reads_before_any_job_has_brought_it(
    deployed_db: Database, absent: str, asset: str
) -> None:
    run(deployed_db, f"drop {absent} cascade")
    name, room = f"checks_of_{asset.replace('.', '__')}", CATALOG.tables[asset].room
    [checks] = [one for one in checks_of(CATALOG, room) if one.node_def.name == name]
    job = dg.define_asset_job("judge", dg.AssetSelection.all_asset_checks())
    defs = dg.Definitions(asset_checks=[checks], jobs=[job], resources={"database": deployed_db})
    with dg.DagsterInstance.ephemeral() as instance:
        assert defs.resolve_job_def("judge").execute_in_process(instance=instance, raise_on_error=False).success
