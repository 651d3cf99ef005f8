"""The simulator gives the same rows for the same seed, and rows that could have happened."""

from datetime import date

import pandas as pd
import pytest

from aclue_pipeline.demo.pack import read
from aclue_pipeline.demo.shop import LAST_REAL_DAY, anchor_for, shop
from aclue_pipeline.demo.simulator import EVENTS, Simulator, simulate

ANCHOR = date(2026, 3, 20)
UNTIL = date(2026, 3, 24)


@pytest.fixture(scope="module")
def frames() -> dict[str, pd.DataFrame]:
    return simulate(ANCHOR, seed=7, users=120, until=UNTIL)


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


def test_another_seed_gives_other_swipes_but_the_same_real_orders(frames: dict[str, pd.DataFrame]) -> None:
    other = simulate(ANCHOR, seed=8, users=120, until=UNTIL)
    assert set(frames["public.swipe_interactions"]["id"]).isdisjoint(other["public.swipe_interactions"]["id"])
    invoices = set(read()["lines"]["InvoiceNo"]) & set(clicks(frames)["order_id"].dropna())
    assert invoices
    assert invoices <= set(clicks(other)["order_id"].dropna())


def test_fewer_people_are_a_part_of_more(frames: dict[str, pd.DataFrame]) -> None:
    fewer = simulate(ANCHOR, seed=7, users=50, until=UNTIL)
    for table in EVENTS:
        key = "id"
        both = frames[table][frames[table][key].isin(fewer[table][key])]
        pd.testing.assert_frame_equal(
            both.sort_values(key, ignore_index=True), fewer[table].sort_values(key, ignore_index=True)
        )


@pytest.mark.parametrize("day", range(14))
def test_the_last_real_day_falls_within_the_seven_days_before_today(day: int) -> None:
    today = date(2026, 2, 20 + day) if day < 9 else date(2026, 3, day - 8)
    anchor = anchor_for(today)
    assert 1 <= (today - anchor).days <= 7
    assert (anchor - LAST_REAL_DAY).days % 7 == 0


def test_an_anchor_that_is_no_whole_number_of_weeks_away_is_refused() -> None:
    with pytest.raises(ValueError, match="whole number of weeks"):
        Simulator(date(2026, 3, 21), 7)


def test_real_lines_become_liked_cards_and_converted_clicks(frames: dict[str, pd.DataFrame]) -> None:
    known = shop()
    lines = known.lines[(known.lines["customer"] >= 0) & (known.lines["customer"] < 120)]
    made = clicks(frames)
    converted = made[made["order_id"].isin(lines["invoice"])]
    assert (
        converted.drop_duplicates(["order_id", "product_id"]).shape[0]
        == lines.drop_duplicates(["invoice", "product"]).shape[0]
    )
    whole = lines.drop_duplicates("invoice")  # an invoice is as old as its first line
    moved = (
        pd.Timestamp(ANCHOR) + pd.to_timedelta(whole["day"], unit="D") + pd.to_timedelta(whole["minute"], unit="min")
    )
    real = set(zip(whole["invoice"], moved, strict=True))
    told = converted["conversion_timestamp"].dt.tz_convert("Europe/London").dt.tz_localize(None).dt.floor("min")
    assert set(zip(converted["order_id"], told, strict=True)) == real


def test_a_click_follows_a_view_of_the_product_in_the_session(frames: dict[str, pd.DataFrame]) -> None:
    first = (
        frames["public.product_views"].groupby(["session_id", "product_id"])["view_timestamp"].min().rename("viewed")
    )
    joined = clicks(frames).dropna(subset=["click_timestamp"]).join(first, on=["session_id", "product_id"])
    assert joined["viewed"].notna().all()
    assert (joined["click_timestamp"] > joined["viewed"]).all()


def test_a_conversion_follows_its_click(frames: dict[str, pd.DataFrame]) -> None:
    converted = clicks(frames).dropna(subset=["conversion_timestamp", "click_timestamp"])
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
    before = simulator.batch(block, -60, 1)
    since = simulator.batch(block, -60, 8, known_until=1)
    after = simulator.batch(block, -60, 8)
    assert len(since.changed["public.affiliate_clicks"])
    for table in EVENTS:
        old = before.new[table][~before.new[table]["id"].isin(since.changed[table]["id"])]
        together = pd.concat([old, since.changed[table], since.new[table]])
        assert by_id(together) == by_id(after.new[table])


def test_planted_swipe_reliability_is_what_the_swipes_show() -> None:
    """Cards looked at for long and judged strongly are rarely wrong, those thrown at once often."""
    from aclue_pipeline.demo.acts import acts
    from aclue_pipeline.demo.planted import swipe_doubt
    from aclue_pipeline.demo.visits import BROWSE

    simulator = Simulator(ANCHOR, 7)
    block = simulator.people(0, 900)
    visits, cards = acts(simulator.draws, simulator.clock, block, *simulator._visits(block, -200, 0))
    drawn = cards[
        (visits["kind"].to_numpy()[cards["visit"]] == BROWSE) & (cards["thinks"] != 0) & (cards["direction"] != "up")
    ]
    wrong = (drawn["direction"] == "right") != (drawn["thinks"] > 0)
    doubt = swipe_doubt(drawn["seconds"].to_numpy(), (drawn["strength"] - 0.5).abs().to_numpy() * 2)
    for low, high in ((0, 0.02), (0.02, 0.05), (0.05, 0.3)):
        some = (doubt >= low) & (doubt < high)
        assert wrong[some].mean() == pytest.approx(doubt[some].mean(), abs=0.015)
