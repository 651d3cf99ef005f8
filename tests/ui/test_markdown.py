"""Text that strangers write is text in the UI, too: Markdown in it would let anybody send an analyst's browser anywhere."""

import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from aclue_pipeline.defs.metadata import escaped

TAG = "planted"
PICTURE = f"[![{TAG}](/graphql?query=mutation%7Bplanted%7D)](/)"


def plant(database: Any, at: datetime) -> None:
    """One visitor who writes Markdown wherever a client may write."""
    with database.psycopg() as pg:
        product = uuid.uuid4()
        pg.execute(
            "insert into public.products (id, title, brand, currency) values (%s, %s, %s, 'GBP')",
            [product, PICTURE, PICTURE],
        )
        pg.execute(
            """insert into public.session_analytics (session_id, started_at, landing_page, utm_source, utm_medium, utm_campaign)
               values (%s, %s, %s, %s, %s, %s)""",
            [PICTURE, at, *[PICTURE] * 4],
        )
        pg.execute(
            """insert into public.affiliate_clicks (session_id, product_id, click_timestamp, source_page, affiliate_network,
                   affiliate_url, utm_source, utm_campaign) values (%s, %s, %s, %s, %s, %s, %s, %s)""",
            [PICTURE, product, at, *[PICTURE] * 5],
        )
        pg.execute(
            """insert into public.product_views (session_id, product_id, view_timestamp, view_source, search_query, interaction_type)
               values (%s, %s, %s, 'search', %s, 'impression')""",
            [PICTURE, product, at, PICTURE],
        )


@pytest.mark.browser
@pytest.mark.slow
def test_an_asset_page_fetches_nothing_that_a_visitor_named(ui, page) -> None:
    at = datetime.now(UTC) - timedelta(days=2)
    plant(ui.database, at)
    day = at.date().isoformat()
    run = ui.launch(
        "rebuild_revenue_and_funnel",
        tags={"dagster/asset_partition_range_start": day, "dagster/asset_partition_range_end": day},
    )
    assert ui.until(run, {"SUCCESS", "FAILURE", "CANCELED"}, 120) == "SUCCESS"
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    shown = ""
    daily = [
        "revenue_daily",
        "commission_daily",
        "product_revenue_daily",
        "session_funnel_daily",
        "ctr_by_position_daily",
    ]
    for asset in [*(f"analytics/{name}" for name in daily), "staging/clicks", "staging/products"]:
        page.goto(f"{ui.url}/assets/{asset}")
        page.get_by_text("dagster/row_count").or_(page.get_by_text("Row count")).first.wait_for()
        page.wait_for_timeout(1000)
        shown += page.inner_text("body")
    assert not [url for url in asked if TAG in url]
    assert TAG in shown, "the rows are shown, or this tests nothing"


@pytest.mark.slow
@pytest.mark.browser
def test_what_a_check_says_is_shown_as_it_is(ui, page, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dagster renders what an evaluation says as Markdown; the page lists the evaluations of a check."""
    marks = f"1 * 2 * 3 `a` <b>_x_ {PICTURE} https://evil.example/a www.evil.example b@evil.example \\ # ~~s~~ a|b &amp; a_b_c end"
    says = [f"{start} {marks}" for start in ("1.", "12)", "#", "-", ">", "+", "=")]
    [url] = re.findall(r"ACLUE_DAGSTER_URL='?([^'\s]+)", (ui.home / "environment").read_text())
    monkeypatch.setenv("ACLUE_DAGSTER_URL", url)
    asset, check = dg.AssetKey(["analytics", "session_funnel_daily"]), "no_step_grows"
    with dg.DagsterInstance.from_config(str(ui.home)) as instance:
        for said in says:
            instance.report_runless_asset_event(
                dg.AssetCheckEvaluation(asset, check, passed=False, metadata={}, description=escaped(said))
            )
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{ui.url}/assets/analytics/session_funnel_daily?view=checks&checkDetail={check}")
    page.get_by_text("Execution history").click()
    page.get_by_text("12) 1 * 2 * 3").first.wait_for()
    page.wait_for_timeout(1000)
    shown = page.inner_text("body").replace("\u2060", "")
    assert not [said for said in says if said not in shown], shown
    assert not page.locator("a[href*=evil]").count()
    assert not [url for url in asked if TAG in url]
