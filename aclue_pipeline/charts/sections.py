"""What there is to look at: each section asks one question of a published table or function, draws the answer, and names the columns
of the table that stands beside the drawing. Columns ending in `share`, `rate`, `low` or `high` are parts of one."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from aclue_pipeline.charts import shapes
from aclue_pipeline.charts.shapes import Rows
from aclue_pipeline.postgres import query
from aclue_pipeline.settings import get_settings

if TYPE_CHECKING:
    import altair as alt


@dataclass(frozen=True)
class Section:
    """`of`: what it is read from, by schema and name; `asset`: where its drawing hangs, if elsewhere. `sql` takes :first and :last, both
    counted, where it is about days, and :zone. Without `draw` its table says it all. `line`: columns of when (or of which group) and of how
    much, which a line as long as a word shows."""

    of: str
    title: str
    says: str
    sql: str
    draw: "Callable[[Rows], alt.TopLevelMixin] | None" = None
    asset: str = ""
    line: tuple[str, str] | None = None

    def read(self, connection: sa.Connection, first: date, last: date) -> list[dict[str, Any]]:
        return query(connection, self.sql, first=first, last=last, zone=get_settings().timezone)


SECTIONS = (
    Section(
        of="analytics.revenue",
        title="In all",
        says=(
            "What the clicks of these days brought to now, by currency. The conversion rate and the earnings per click (EPC), with"
            " their 95 % bounds, are of the clicks whose attribution window is over; so many others are open clicks."
        ),
        sql="""
            select r.currency, r.clicks, r.people, r.conversions, r.actual_commission as commission, r.conversions_without_amount,
                r.open_clicks, r.rate, r.low, r.high, r.epc, r.epc_low as epc_from, r.epc_high as epc_to
            from analytics.revenue(:first, :last, '{currency}') r
            order by r.actual_commission desc nulls last, 1""",
    ),
    Section(
        of="analytics.revenue_daily",
        title="Commission by the day of the click",
        says=(
            "What clicks of each day have brought to now: as it was first published, what was added since, and, hollow, what was"
            " taken back. The paler a bar, the larger the share of that day's clicks whose attribution window is still open: it"
            " is not low, but unfinished."
        ),
        sql="""
            with now as (
                select
                    r.day, r.currency, sum(r.valid_clicks) as clicks, sum(r.conversions) as conversions,
                    sum(r.conversions_without_amount) as without_amount, coalesce(sum(r.actual_commission), 0) as commission,
                    analytics.rate(
                        sum(r.valid_clicks)
                            filter (where r.day + analytics.attribution_window(r.affiliate_network) >= analytics.local_day(now(), :zone)),
                        sum(r.valid_clicks)
                    ) as open_share
                from analytics.revenue_daily r
                where r.day between :first and :last
                group by 1, 2
            ),
            moved as (
                select m.day, m.cell ->> 'currency' as currency, sum(coalesce(m.after, 0) - coalesce(m.before, 0)) as since
                from analytics.restatements m
                where m.table_name = 'analytics.revenue_daily' and m.column_name = 'actual_commission' and m.day between :first and :last
                group by 1, 2
            )
            select
                day, currency, coalesce(n.commission, 0) as commission, coalesce(n.commission, 0) - coalesce(m.since, 0) as first_published,
                coalesce(m.since, 0) as restated, n.open_share, coalesce(n.clicks, 0) as clicks, coalesce(n.conversions, 0) as conversions,
                coalesce(n.without_amount, 0) as without_amount
            from now n full join moved m using (day, currency)
            order by day desc, currency""",
        draw=shapes.revenue_chart,
    ),
    Section(
        of="analytics.restatements",
        title="Why published commission moved",
        says="What was added to these days' commission after it had been published, and what was taken back, by cause.",
        sql="""
            select
                array_to_string(m.causes, ', ') as cause, m.cell ->> 'currency' as currency, count(distinct m.day) as days,
                sum(greatest(coalesce(m.after, 0) - coalesce(m.before, 0), 0)) as added,
                sum(greatest(coalesce(m.before, 0) - coalesce(m.after, 0), 0)) as taken_back, cast(max(m.at) as date) as last_on
            from analytics.restatements m
            where m.table_name = 'analytics.revenue_daily' and m.column_name = 'actual_commission' and m.day between :first and :last
            group by 1, 2
            order by sum(abs(coalesce(m.after, 0) - coalesce(m.before, 0))) desc, 1, 2""",
    ),
    Section(
        of="analytics.commission_monthly",
        title="Commission by month: closed and open",
        says="A closed month does not move any more; what is reported for it later is an adjustment of the first month that was open then.",
        sql="""
            select m.month, m.currency, sum(m.closed) as closed, sum(m.open) as open, sum(m.adjustments) as adjustments,
                coalesce(sum(m.closed), 0) + coalesce(sum(m.open), 0) + sum(m.adjustments) as commission
            from analytics.commission_monthly m
            where m.month between date_trunc('month', cast(:first as date)) and :last
            group by 1, 2
            order by 1 desc, 2""",
        draw=shapes.month_chart,
        line=("month", "commission"),
    ),
    Section(
        of="analytics.revenue",
        title="Who converts: by device",
        says=(
            "The share of valid clicks that led to a sale, with 95 % bounds that know that clicks of one person convert together:"
            " of the clicks whose window is over. Where bounds overlap widely, there is no difference to speak of."
        ),
        sql="""
            select r.cell ->> 'device_type' as device, r.clicks, r.people, r.open_clicks, r.rate, r.low, r.high
            from analytics.revenue(:first, :last, '{device_type}') r
            order by r.clicks desc, 1""",
        draw=lambda rows: shapes.compared_chart(rows, "device", "rate", ("low", "high"), "conversion rate", "~%"),
        asset="analytics.revenue_daily",
    ),
    Section(
        of="analytics.funnel",
        title="How far sessions go",
        says=(
            "Sessions of people that reached each step, in the order of time, and their share of all that landed, with its 95 %"
            " bounds. Shares are of the sessions whose window is over; none is shown where no window is."
        ),
        sql="""
            select f.step_name as step, f.sessions, f.people, f.overall_rate as share, f.overall_low as low, f.overall_high as high,
                f.rate as step_rate, f.median_seconds_from_landing
            from analytics.funnel(:first, :last) f
            order by f.step""",
        draw=shapes.share_chart,
        asset="analytics.session_funnel_daily",
    ),
    Section(
        of="analytics.people_active",
        title="People a week",
        says="Different people who were here in each week that is over, machines apart.",
        sql="""
            select p.period_start as week, p.people, p.first_time, p.returned, p.signed_in, p.with_click, p.with_conversion
            from analytics.people_active p
            where p.period = 'week' and p.day between :first and :last
            order by 1 desc""",
        draw=shapes.people_chart,
        line=("week", "people"),
    ),
    Section(
        of="analytics.retention_weekly",
        title="Who came back",
        says=(
            "Of the people who were first here in a week (a row each), the share that was here again so many weeks later."
            " The week that is not over is left out."
        ),
        sql="""
            select r.cohort_week, r.weeks_since, sum(r.people) as people, sum(r.active) as active,
                analytics.rate(sum(r.active), sum(r.people)) as share,
                analytics.wilson_low(sum(r.active), sum(r.people)) as low, analytics.wilson_high(sum(r.active), sum(r.people)) as high
            from analytics.retention_weekly r
            where r.cohort_week between :first and :last and r.active is not null and r.weeks_since between 1 and 26
            group by 1, 2
            order by 1 desc, 2""",
        draw=shapes.retention_chart,
    ),
    Section(
        of="analytics.cohort_value_monthly",
        title="What people bring in the months after they came",
        says=(
            "Commission per person of those who were first here in the same month, to the end of that month (0) and of each that"
            " followed: of the cohorts of twelve months, and of months that are over."
        ),
        sql="""
            select c.currency, c.cohort_month, c.months_since, c.people, c.converting_to_date, c.commission_to_date,
                analytics.rate(c.commission_to_date, c.people) as per_person
            from analytics.cohort_value_monthly c
            where c.commission_to_date is not null
                and c.cohort_month > cast(:last as date) - interval '12 months' and c.cohort_month <= :last
            order by 1, 2 desc, 3""",
        draw=shapes.cohort_chart,
    ),
    Section(
        of="analytics.attribution_daily",
        title="Who is credited with the sales, by each model",
        says=(
            "The commission of the same sales, shared in six ways among the campaign sources that people came from within 30"
            " days before. Each model's parts add up to all of it; where they agree, the choice of a model does not matter."
        ),
        sql="""
            with credited as (
                select a.* from analytics.attribution_daily a where a.dimension = 'utm_source' and a.day between :first and :last
            ),
            places as (
                select c.currency, c.touch,
                    row_number() over (partition by c.currency order by sum(abs(c.commission)) desc nulls last, c.touch) as place
                from credited c
                group by 1, 2
            )
            select c.currency, case when p.place <= 8 then c.touch else '(all others)' end as touch,
                coalesce(sum(c.commission) filter (where c.model = 'first'), 0) as first,
                coalesce(sum(c.commission) filter (where c.model = 'last'), 0) as last,
                coalesce(sum(c.commission) filter (where c.model = 'last_non_direct'), 0) as last_non_direct,
                coalesce(sum(c.commission) filter (where c.model = 'linear'), 0) as linear,
                coalesce(sum(c.commission) filter (where c.model = 'position'), 0) as position,
                coalesce(sum(c.commission) filter (where c.model = 'time_decay'), 0) as time_decay
            from credited c join places p using (currency, touch)
            group by 1, 2
            order by 1, min(p.place)""",
        draw=shapes.models_chart,
    ),
    Section(
        of="analytics.conversion_lag",
        title="How long sales take",
        says=(
            "The share of a network's sales to date that had been made so many days after the click, over clicks of the twelve"
            " months before: of those months for whose every click so many days have passed, and as far as 20 sales tell."
        ),
        sql="""
            with months as (
                select l.affiliate_network, l.click_month, max(l.days_since) filter (where l.conversions is not null) as until,
                    sum(l.conversions_to_date) filter (where l.days_since = 0) as sales
                from analytics.conversion_lag l
                where l.click_month > cast(:last as date) - interval '12 months' and l.click_month <= :last
                group by 1, 2
            ),
            reach as (
                select m.affiliate_network, k.days, sum(m.sales) as sales
                from months m join (values (7), (14), (30), (60), (90)) k (days) on m.until >= k.days
                group by 1, 2
                having sum(m.sales) > 0
            ),
            chosen as (
                select distinct on (r.affiliate_network) r.affiliate_network, r.days
                from reach r
                order by r.affiliate_network, r.sales >= 20 desc, case when r.sales >= 20 then r.days end desc, r.sales desc, r.days desc
            )
            select l.affiliate_network, l.days_since, sum(l.conversions) as conversions, sum(l.conversions_to_date) as conversions_to_date,
                analytics.rate(sum(l.conversions), sum(l.conversions_to_date)) as share
            from analytics.conversion_lag l
            join chosen c on c.affiliate_network = l.affiliate_network and l.days_since <= c.days
            join months m on m.affiliate_network = l.affiliate_network and m.click_month = l.click_month and m.until >= c.days
            where l.days_since in (0, 1, 2, 3, 4, 5, 6, 7, 10, 14, 21, 30, 45, 60, 75, 90)
            group by 1, 2
            order by 1, 2""",
        draw=shapes.lag_chart,
    ),
    Section(
        of="analytics.commission_open",
        title="What is expected and not paid yet",
        says=(
            "Commission expected of sales for which no amount has been reported, by the days since the sale, as it is now, whatever"
            " the days of this page. Realised is what was paid of what was expected of sales of that age, where the network"
            " has had time to settle them."
        ),
        sql="""
            select o.currency, o.age, o.affiliate_network, o.conversions_open as sales, o.open_without_estimate as not_estimated,
                coalesce(o.expected_open, 0) as expected_open, o.realisation as realised_share
            from analytics.commission_open o
            order by 1, 2, 3""",
        draw=shapes.open_chart,
        line=("age", "expected_open"),
    ),
    Section(
        of="analytics.commission_reconciliation",
        title="What we hold and what the networks report",
        says=(
            "Commission by the month of the click: what the app holds, and what the networks' own reports say that have been"
            " imported. Only in report: sales that no click of ours led to."
        ),
        sql="""
            select r.month, r.currency, r.affiliate_network as network, sum(r.actual_commission) as held,
                sum(r.actual_commission) filter (where r.report <> 'in no report') as held_of_reported,
                sum(r.reported_commission) as reported,
                sum(r.reported_commission) filter (where r.report = 'only in report') as only_in_report, sum(r.report_lines) as report_lines
            from analytics.commission_reconciliation r
            where r.month between date_trunc('month', cast(:first as date)) and :last
            group by 1, 2, 3
            having sum(r.report_lines) > 0 or sum(r.actual_commission) <> 0
            order by 1 desc, 2, 3""",
    ),
    Section(
        of="analytics.ctr_by_position_daily",
        title="Click-through rate by position",
        says=(
            "How often an affiliate click followed what was shown at each of the first ten positions, with 95 % bounds that take"
            " impressions for independent. Compared is what is left of the difference when the products shown there are taken into"
            " account: 1.20 says a fifth more clicks than the same products had elsewhere on the same days."
        ),
        sql="""
            select c.view_position as position, sum(c.impressions) as impressions, sum(c.clicked_impressions) as clicked,
                analytics.rate(sum(c.clicked_impressions), sum(c.impressions)) as click_rate,
                analytics.wilson_low(sum(c.clicked_impressions), sum(c.impressions)) as low,
                analytics.wilson_high(sum(c.clicked_impressions), sum(c.impressions)) as high,
                analytics.rate(sum(c.comparable_clicks), sum(c.expected_clicks)) as compared
            from analytics.ctr_by_position_daily c
            where c.day between :first and :last and c.view_position between 1 and 10
            group by 1
            having sum(c.impressions) > 0
            order by 1""",
        draw=lambda rows: shapes.compared_chart(
            rows, "position", "click_rate", ("low", "high"), "click-through rate", "~%"
        ),
        line=("position", "click_rate"),
    ),
    Section(
        of="analytics.recommendation_performance_daily",
        title="Are recommendations as good as they claim?",
        says=(
            "What the algorithm claimed as the probability of a like, beside the share that was liked of what people judged, with"
            " its 95 % bounds. On the diagonal it is right; above it too modest, below it too sure."
        ),
        sql="""
            select r.confidence_band, sum(r.served) as served, sum(r.judged) as judged,
                analytics.rate(sum(r.confidence_of_judged), sum(r.judged)) as claimed_rate,
                analytics.rate(sum(r.liked), sum(r.judged)) as liked_rate,
                analytics.wilson_low(sum(r.liked), sum(r.judged)) as low, analytics.wilson_high(sum(r.liked), sum(r.judged)) as high
            from analytics.recommendation_performance_daily r
            where r.confidence_band <> '(not set)' and r.day between :first and :last
            group by 1
            having sum(r.judged) > 0
            order by 1""",
        draw=lambda rows: shapes.calibration_chart(
            [
                {**row, "predicted": row["claimed_rate"], "observed": row["liked_rate"], "n": row["judged"]}
                for row in rows
            ],
            "claimed",
            "liked",
        ),
    ),
)


def of(table: str) -> list[Section]:
    """The sections that hang at its asset."""
    return [section for section in SECTIONS if (section.asset or section.of) == table]


def is_there(connection: sa.Connection, section: Section) -> bool:
    """Whether this database has what the section is read from."""
    text = """select to_regclass(:of) is not null
              or exists (select from pg_proc where pronamespace::regnamespace || '.' || proname = :of) as there"""
    return bool(query(connection, text, of=section.of)[0]["there"])
