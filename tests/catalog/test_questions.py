"""The dictionary answers: for each question that readers of published tables asked, the sentence that stands on the page."""

import pytest

from aclue_pipeline.catalog import docs
from tests.support.catalogs import CATALOG

PAGES = docs.pages(CATALOG)

#: question, table, sentences that must stand there, whole
QUESTIONS = (
    (
        "does `clicks` hold machines' clicks?",
        "analytics.revenue_daily",
        "`clicks` holds machines' clicks, `valid_clicks` and all that is counted of valid clicks does not.",
        "Affiliate clicks but repeats; machines' included.",
    ),
    (
        "when is a click a repeat?",
        "staging.click_facts",
        "The same person clicked the same product at most 2 seconds after a click that was kept.",
    ),
    (
        "what is a machine?",
        "analytics.revenue_daily",
        "a click is a machine's when its user agent fits a pattern of staging.machine_patterns (no user agent: a person).",
    ),
    (
        "may I sum `people`?",
        "analytics.revenue_daily",
        "Not additive: whoever clicked in two rows is in both; analytics.revenue counts a range.",
    ),
    ("may I sum `orders`?", "analytics.commission_daily", "Not additive: an order over two days is in both."),
    (
        "is EPC per click or per 100 clicks?",
        "analytics.revenue_daily",
        "analytics.rate(sum(conversions), sum(valid_clicks)) is the conversion rate, "
        "analytics.rate(sum(actual_commission), sum(valid_clicks)) the earnings per click (EPC), "
        "of one click and not of 100; never average rates of rows.",
    ),
    (
        "when is actual commission NULL?",
        "analytics.revenue_daily",
        "it is NULL only where something converted and no amount at all has been reported, "
        "and 0 where nothing converted or all was reversed.",
    ),
    (
        "what if one of two amounts is missing?",
        "analytics.revenue_daily",
        "Where one of two sales has an amount it is that amount, and conversions_without_amount is 1.",
    ),
    (
        "expected commission of which clicks?",
        "analytics.revenue_daily",
        "`expected_commission` is over all valid clicks, converted or not: what they would earn if each sold.",
    ),
    (
        "variance over which sales?",
        "analytics.commission_daily",
        "`variance` compares only sales that have both, `conversions_compared` says how many.",
    ),
    (
        "which clock?",
        "analytics.revenue_daily",
        "Conversions and commission count on the day of the click, so a day's numbers move for as long as networks report: "
        "until its clicks' attribution windows are over and the last amount is settled or reversed.",
        "commission_daily counts the same money by the day of the sale;",
    ),
    (
        "which time zone, by which setting?",
        "analytics.revenue_daily",
        "calendar days of the reporting zone, setting ACLUE_TIMEZONE (default Europe/London);",
        "`ACLUE_TIMEZONE` (default Europe/London).",
    ),
    (
        "until when do numbers move?",
        "analytics.commission_daily",
        "A day moves for as long as networks report sales of it late, settle amounts or reverse them (the amount falls, in the end to 0);",
        "A figure that must not move any more is one of commission_monthly, once its month is closed.",
    ),
    (
        "does commission_daily hold machines' and repeated clicks' sales?",
        "analytics.commission_daily",
        "Accounting, not performance: a sale is paid whatever is to be thought of the click, so sales of machines' clicks, of repeats "
        "and of clicks without a date all count, each on its own day.",
    ),
    (
        "how do the two clocks' totals reconcile?",
        "analytics.revenue_daily",
        "actual_commission + commission_on_rejected_clicks over all days, and what clicks without a date were paid (staging.click_facts, "
        "verdict no_date), equals actual_commission of commission_daily over all days, and what sales without a date were paid.",
    ),
    (
        "how long is the funnel's window?",
        "analytics.session_steps",
        "all steps lie within as many days from landing as ACLUE_FUNNEL_WINDOW_DAYS says (30 unless set), "
        "the end included, in elapsed seconds",
    ),
    (
        "does a swipe before the view count?",
        "analytics.session_steps",
        "A swipe before the view does not count, nor a click before the swipe: any_click and any_conversion say whether the session "
        "clicked and bought at all, in whatever order.",
    ),
    (
        "do anonymous sessions get beyond the view?",
        "analytics.session_funnel_daily",
        "Anonymous sessions get beyond the view: they are on the path all, to click and conversion.",
    ),
    (
        "by what method, and under what assumption, are the bounds?",
        "analytics.revenue_daily",
        "analytics.wilson_low and analytics.wilson_high are Wilson's 95 % and assume independent clicks.",
        "Clicks of one person convert together, so true bounds are wider: analytics.revenue has them,",
    ),
    (
        "are machines' impressions in the CTR?",
        "analytics.ctr_by_position_daily",
        "Machines' impressions stand apart and are in no rate: analytics.rate(clicked_impressions, impressions),",
        "the click-through rate (CTR), is of people.",
    ),
)


def section(key: str) -> str:
    """What the page of its room says about a table, as one line, marks of labels gone."""
    page = PAGES[f"{CATALOG.tables[key].room}.md"]
    text = page.split(f"\n## {key}\n")[1].split("\n## ")[0]
    return " ".join(text.replace("**", "").split())


@pytest.mark.parametrize(
    ("question", "table", "sentences"), [(q, t, s) for q, t, *s in QUESTIONS], ids=lambda v: str(v)[:60]
)
def test_the_dictionary_answers(question: str, table: str, sentences: list[str]) -> None:
    for sentence in sentences:
        assert sentence in section(table), f"{question} {table} does not say: {sentence}"


def test_twenty_questions_are_answered() -> None:
    assert len({question for question, *_ in QUESTIONS}) == 20


def test_every_number_that_is_published_says_whether_it_may_be_summed() -> None:
    silent = [
        f"{table.key}.{column.name}"
        for table in CATALOG.tables.values()
        if table.schema == "analytics" and table.kind in ("daily", "whole", "view") and table.room != "health"
        for column in table.columns
        if column.type in ("int", "numeric") and column.name not in table.grain and not column.bookkeeping
        if not column.summing
    ]
    assert not silent, f"say Additive, Not additive or Ratio of in the comment of {', '.join(silent)}"


def test_every_setting_that_a_table_reads_is_named_with_its_default() -> None:
    assert "`ACLUE_FUNNEL_WINDOW_DAYS` (default 30)." in section("analytics.session_funnel_daily")
    assert "`ACLUE_TIMEZONE` (default Europe/London)." in section("analytics.commission_monthly"), (
        "of what it is made of"
    )


def test_a_deployed_table_says_who_may_read_and_write() -> None:
    text = section("public.user_preferences")
    assert "| authenticated | select | own | the row as a whole |" in text
    assert "| anon |" not in text, "visitors may do nothing there"
    assert "| service_role | select, insert, update, delete | other | the row as a whole |" in text


@pytest.mark.parametrize("key", [t.key for t in CATALOG.tables.values() if t.kind in ("daily", "whole", "facts")])
def test_every_column_of_facts_and_published_tables_has_a_type_and_says_what_it_rests_on(key: str) -> None:
    table = CATALOG.tables[key]
    assert not [column.name for column in table.columns if column.type is None]
    kept = ("first_seen_at", "changed_at", "gone_at", "rule_version")  # by the sync, of nothing but its own looking
    assert not [c.name for c in table.columns if not (c.lineage or c.bookkeeping or c.name in kept)]
