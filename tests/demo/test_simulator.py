"""The simulator gives the same rows for the same seed, and rows that could have happened."""

from datetime import date

import pandas as pd
import pytest

from aclue_pipeline.demo.acts import acts
from aclue_pipeline.demo.catalogue import clickable
from aclue_pipeline.demo.draws import Draws
from aclue_pipeline.demo.people import People, user_ids
from aclue_pipeline.demo.planted import CAMPAIGN, CAMPAIGN_DAYS, late_month, swipe_doubt
from aclue_pipeline.demo.shop import LAST_REAL_DAY, anchor_for, shop
from aclue_pipeline.demo.simulator import FIRST_DAY, Simulator
from aclue_pipeline.demo.tables import EVENTS
from aclue_pipeline.demo.visitors import dressed
from aclue_pipeline.demo.visits import BROWSE, visits

ANCHOR = date(2026, 3, 20)
UNTIL = date(2026, 3, 24)


def simulate(anchor: date, seed: int, users: int, until: date) -> dict[str, pd.DataFrame]:
    """Rows by table of the first `users` people up to `until`, as known at its end."""
    simulator = Simulator(anchor, seed)
    block = simulator.people(0, users)
    events = simulator.events(block, FIRST_DAY, (until - anchor).days)
    return simulator.catalogue() | {"auth.users": simulator.users(block)} | events


@pytest.fixture(scope="module")
def frames() -> dict[str, pd.DataFrame]:
    return simulate(ANCHOR, seed=7, users=120, until=UNTIL)


@pytest.fixture(scope="module")
def many() -> tuple[Simulator, People]:
    simulator = Simulator(ANCHOR, 7)
    return simulator, simulator.people(0, 900)


def clicks(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    return frames["public.affiliate_clicks"]


def by_id(rows: pd.DataFrame) -> dict[str, tuple[object, ...]]:
    """Each row as a tuple, whatever kind of nothing its empty cells hold."""
    plain = rows.astype(object).where(rows.notna(), None)
    return {row[0]: row for row in plain.itertuples(index=False, name=None)}


def test_the_same_seed_gives_the_same_rows(frames: dict[str, pd.DataFrame]) -> None:
    again = simulate(ANCHOR, seed=7, users=120, until=UNTIL)
    for table, rows in frames.items():
        pd.testing.assert_frame_equal(rows, again[table])


def real_lines() -> set[tuple[str, str]]:
    """User and product of the shop's own lines."""
    lines = shop().lines[lambda each: each["customer"].between(0, 119)]
    users = user_ids(lines["customer"].to_numpy())
    products = clickable(Draws(7))["product_id"].to_numpy()[lines["product"]]
    return set(zip(users, products, strict=True))


def pairs(rows: pd.DataFrame) -> set[tuple[str, str]]:
    return set(zip(rows["user_id"], rows["product_id"], strict=True))


def test_another_seed_gives_other_swipes_but_the_same_real_orders(frames: dict[str, pd.DataFrame]) -> None:
    other = simulate(ANCHOR, seed=8, users=120, until=UNTIL)
    swipes, others = frames["public.swipe_interactions"], other["public.swipe_interactions"]
    assert set(swipes["id"]).isdisjoint(others["id"])
    assert len(real_lines()) > 500
    for told in (swipes, others):
        assert real_lines() <= pairs(told[told["swipe_direction"].isin(["right", "up"])])


def test_fewer_people_are_a_part_of_more(frames: dict[str, pd.DataFrame]) -> None:
    fewer = simulate(ANCHOR, seed=7, users=50, until=UNTIL)
    for table in EVENTS:
        assert by_id(frames[table][frames[table]["id"].isin(fewer[table]["id"])]) == by_id(fewer[table])


@pytest.mark.parametrize("day", range(14))
def test_the_last_real_day_falls_within_the_seven_days_before_today(day: int) -> None:
    today = date(2026, 2, 20 + day) if day < 9 else date(2026, 3, day - 8)
    anchor = anchor_for(today)
    assert 1 <= (today - anchor).days <= 7
    assert (anchor - LAST_REAL_DAY).days % 7 == 0


def test_real_lines_are_clicked_and_what_is_credited_converts_at_the_orders_minute(
    frames: dict[str, pd.DataFrame],
) -> None:
    assert real_lines() <= pairs(clicks(frames))
    whole = shop().lines.drop_duplicates("invoice")  # an invoice is as old as its first line
    moved = (
        pd.Timestamp(ANCHOR) + pd.to_timedelta(whole["day"], unit="D") + pd.to_timedelta(whole["minute"], unit="min")
    )
    converted = clicks(frames)[clicks(frames)["order_id"].isin(whole["invoice"])]
    told = converted["conversion_timestamp"].dt.tz_convert("Europe/London").dt.tz_localize(None).dt.floor("min")
    assert len(converted) > 30
    assert set(zip(converted["order_id"], told, strict=True)) <= set(zip(whole["invoice"], moved, strict=True))


def test_most_clicks_are_window_shopping(frames: dict[str, pd.DataFrame]) -> None:
    people = clicks(frames)[~clicks(frames)["user_agent"].str.contains("bot|python", case=False, na=False)]
    assert 0.02 < people["is_converted"].mean() < 0.06
    lines = people[people["is_converted"]].groupby("order_id").size()
    assert (lines > 1).any()
    assert (lines == 1).mean() > 0.4


def test_a_click_follows_a_view_of_the_product_in_the_session(frames: dict[str, pd.DataFrame]) -> None:
    first = (
        frames["public.product_views"].groupby(["session_id", "product_id"])["view_timestamp"].min().rename("viewed")
    )
    joined = clicks(frames).dropna(subset=["click_timestamp"]).join(first, on=["session_id", "product_id"])
    assert joined["viewed"].notna().all()
    assert (joined["click_timestamp"] > joined["viewed"]).all()


def test_a_conversion_follows_its_click(many: tuple[Simulator, People]) -> None:
    made = many[0].events(many[1], -200, 4)["public.affiliate_clicks"]
    assert (made["is_converted"] & made["actual_commission"].isna()).any()
    converted = made.dropna(subset=["conversion_timestamp", "click_timestamp"])
    lag = converted["conversion_timestamp"] - converted["click_timestamp"]
    assert (lag > pd.Timedelta(0)).all()
    assert (lag > pd.Timedelta(days=1)).any()
    assert (lag > pd.Timedelta(days=30)).any()


def test_commission_is_the_rate_on_the_price_and_cancelled_is_nothing(frames: dict[str, pd.DataFrame]) -> None:
    price = frames["public.products"].set_index("id")[["price_min", "price_max"]]
    made = clicks(frames).join(price, on="product_id")
    middle = ((made["price_min"] + made["price_max"]) / 2 + 1e-9).round(2)
    assert ((made["expected_commission"] - made["commission_rate"] * middle).abs() <= 0.00501).all()
    earned = made[made["actual_commission"] > 0]
    assert (earned["actual_commission"] >= earned["commission_rate"] * earned["price_min"] * 0.2 - 0.00501).all()
    assert (made["actual_commission"] == 0).any()
    assert made.loc[made["actual_commission"].notna(), "is_converted"].all()


def test_traffic_is_as_untidy_as_it_is_said_to_be(frames: dict[str, pd.DataFrame]) -> None:
    made = clicks(frames)
    assert made["user_id"].isna().any()
    assert (made["created_at"] > made["click_timestamp"] + pd.Timedelta(hours=1)).any()
    assert made["user_agent"].str.contains("bot", case=False, na=False).any()
    repeats = made.dropna(subset=["click_timestamp"]).sort_values("click_timestamp")
    gap = repeats.groupby(["session_id", "product_id"])["click_timestamp"].diff()
    assert ((gap > pd.Timedelta(0)) & (gap <= pd.Timedelta(seconds=2))).any()
    assert frames["public.swipe_interactions"].duplicated(["session_id", "product_id", "swipe_timestamp"]).any()
    sessions = set(frames["public.session_analytics"]["session_id"])
    assert not set(frames["public.product_views"]["session_id"]) <= sessions


def test_feedback_is_on_a_recommendation_made_to_that_user_and_after_it(frames: dict[str, pd.DataFrame]) -> None:
    made = frames["public.recommendations"].set_index("id")[["user_id", "product_id", "created_at"]]
    said = frames["public.recommendation_feedback"].join(made.add_suffix("_made"), on="recommendation_id")
    assert len(said)
    assert (said["user_id"] == said["user_id_made"]).all()
    assert (said["product_id"] == said["product_id_made"]).all()
    assert (said["created_at"] > said["created_at_made"]).all()


def test_nothing_is_known_of_the_future(frames: dict[str, pd.DataFrame]) -> None:
    end = pd.Timestamp(UNTIL, tz="Europe/London") + pd.Timedelta(days=1)
    for table in EVENTS:
        for column in frames[table].select_dtypes("datetimetz"):
            if column != "expires_at":
                assert (frames[table][column].dropna() <= end).all(), (table, column)


def test_nobody_acts_before_joining(frames: dict[str, pd.DataFrame]) -> None:
    joined = frames["auth.users"].set_index("id")["created_at"]
    swipes = frames["public.swipe_interactions"].dropna(subset=["user_id"])
    assert (swipes["swipe_timestamp"] >= swipes["user_id"].map(joined)).all()


def test_a_month_is_reported_weeks_late_by_one_network(many: tuple[Simulator, People]) -> None:
    month = late_month(ANCHOR)
    assert 28 <= len(month) <= 31
    simulator, block = many
    told = simulator.events(block, month[0] - 44, 4)["public.affiliate_clicks"]
    early = simulator.events(block, month[0] - 44, month[-1] + 20)["public.affiliate_clicks"]
    day = (
        told["conversion_timestamp"].dt.tz_convert("Europe/London").dt.tz_localize(None) - pd.Timestamp(ANCHOR)
    ).dt.days
    ordered = told[day.between(month[0], month[-1]) & told["order_id"].notna()]
    unknown = ordered[~ordered["id"].isin(early.loc[early["order_id"].notna(), "id"])]
    assert len(unknown) > 5
    assert set(unknown["affiliate_network"]) == {"awin"}


def test_money_is_taken_back_after_it_was_reported(many: tuple[Simulator, People]) -> None:
    simulator, block = many
    before = simulator.events(block, -120, -14)["public.affiliate_clicks"].set_index("id")
    since = simulator.events(block, -120, 4, known_until=-14)["public.affiliate_clicks"].set_index("id")
    earned = before[before["actual_commission"] > 0].index.intersection(since.index)
    assert (since.loc[earned, "actual_commission"] == 0).sum() >= 2


def test_a_campaign_brings_visits_of_its_own_for_its_days(frames: dict[str, pd.DataFrame]) -> None:
    sessions = frames["public.session_analytics"]
    day = (sessions["started_at"].dt.tz_convert("Europe/London").dt.tz_localize(None) - pd.Timestamp(ANCHOR)).dt.days
    assert set(day[sessions["utm_campaign"] == CAMPAIGN]) <= set(CAMPAIGN_DAYS)
    assert (sessions["utm_campaign"] == CAMPAIGN).sum() > 20


def test_visitors_come_again_and_some_sign_in(frames: dict[str, pd.DataFrame]) -> None:
    sessions = frames["public.session_analytics"]
    anonymous = sessions[sessions["user_id"].isna()]
    assert anonymous["anonymous_id"].duplicated().any()
    seen = sessions.dropna(subset=["user_id", "anonymous_id"]).groupby("anonymous_id")["user_id"].nunique()
    assert anonymous["anonymous_id"].isin(seen[seen == 1].index).sum() > 20
    assert (seen > 1).any()


def test_of_those_who_came_more_come_again_in_the_week_after_than_in_a_later_one(
    many: tuple[Simulator, People],
) -> None:
    sessions = many[0].events(many[1], -120, 4)["public.session_analytics"]
    who = sessions["user_id"].fillna(sessions["anonymous_id"])
    week = (sessions["started_at"] - sessions["started_at"].min()).dt.days // 7
    first = week.groupby(who).transform("min")
    # Browsers forget who came after forty days.
    came = {n: who[(week - first == n) & (first < 12)].nunique() / who[first < 12].nunique() for n in (1, 3, 5)}
    assert came[1] > 1.4 * max(came[3], came[5]), came
    assert 0.15 < came[1] < 0.5


def test_every_reference_is_to_a_row_that_is_there(frames: dict[str, pd.DataFrame]) -> None:
    for table, column, target in (
        ("public.swipe_interactions", "session_id", "public.swipe_sessions"),
        ("public.swipe_interactions", "product_id", "public.products"),
        ("public.recommendations", "session_id", "public.swipe_sessions"),
        ("public.product_views", "recommendation_id", "public.recommendations"),
        ("public.recommendation_feedback", "recommendation_id", "public.recommendations"),
        ("public.affiliate_clicks", "user_id", "auth.users"),
        ("public.products", "category_id", "public.categories"),
    ):
        assert frames[table][column].dropna().isin(frames[target]["id"]).all(), (table, column)


def test_a_later_look_adds_and_converts_and_takes_nothing_back() -> None:
    """What is known at the end of a day, and then what happened since, is what is known later."""
    simulator = Simulator(ANCHOR, 7)
    block = simulator.people(0, 120)
    before = simulator.events(block, -60, 1)
    since = simulator.events(block, -60, 8, known_until=1)
    after = simulator.events(block, -60, 8)
    assert since["public.affiliate_clicks"]["id"].isin(before["public.affiliate_clicks"]["id"]).any()
    for table in EVENTS:
        old = before[table][~before[table]["id"].isin(since[table]["id"])]
        assert by_id(pd.concat([old, since[table]])) == by_id(after[table])


def test_planted_swipe_reliability_is_what_the_swipes_show(many: tuple[Simulator, People]) -> None:
    """Cards looked at for long and judged strongly are rarely wrong, those thrown at once often."""
    simulator, block = many
    table, cards = visits(simulator.draws, block, -200, 0)
    _, cards = acts(simulator.draws, simulator.clock, block, dressed(simulator.draws, block, table), cards)
    drawn = cards[(cards["kind"] == BROWSE) & (cards["thinks"] != 0) & (cards["direction"] != "up")]
    wrong = (drawn["direction"] == "right") != (drawn["thinks"] > 0)
    doubt = swipe_doubt(drawn["seconds"].to_numpy(), (drawn["strength"] - 0.5).abs().to_numpy() * 2)
    for low, high in ((0, 0.02), (0.02, 0.05), (0.05, 0.3)):
        some = (doubt >= low) & (doubt < high)
        assert wrong[some].mean() == pytest.approx(doubt[some].mean(), abs=0.015)
