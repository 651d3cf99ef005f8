"""Visits and acts as rows of the tables, as they are known at one moment: each says when it reaches the database, and when it last
changed by then (µs, UTC); what a later load brings follows from these two."""

from functools import lru_cache
from typing import Any, Final

import numpy as np
import pandas as pd

from aclue_pipeline.catalog import ddl
from aclue_pipeline.demo import planted
from aclue_pipeline.demo.clock import DAY, NEVER, stamps
from aclue_pipeline.demo.draws import Draws, where_said
from aclue_pipeline.demo.shop import shop
from aclue_pipeline.demo.visits import BOT, JOIN
from aclue_pipeline.settings import sql_folder

_BUYING: Final = ("told_at", "reported_at", "reversed_at")
_SECOND_ALGORITHM_SINCE: Final = -120
OCCASIONS: Final = ("christmas", "easter", "birthday", "wedding", "valentine", "new_baby", "halloween")
_TAILS: Final = np.array(
    [",/product" * n for n in range(12)], dtype=object
)  # of a page sequence, no longer ones are kept
#: What each action is worth as feedback_value.
_VALUES: Final = {
    "purchase": 1.0, "love": 1.0, "like": 0.7, "click": 0.4, "view_details": 0.2, "ignore": -0.1, "not_interested": -0.5, "dislike": -0.7,
}  # fmt: skip


@lru_cache
def declared() -> dict[str, tuple[str, ...]]:
    """The columns of each table, as the SQL files of app and schema declare them; the app's have those of both catalogue shapes."""
    found = [one for room in ("app", "schema") for one in ddl.read(*sorted((sql_folder() / room).glob("*.sql")))]
    return {f"{one.schema}.{one.name}": tuple(one.columns) for one in found}


class Acts:
    """The acts of a block of visits, and the moment they are looked at from: what is told later is not known yet. Of rows that did not
    change after `since` nothing is said."""

    def __init__(self, draws: Draws, visits: pd.DataFrame, cards: pd.DataFrame, now: int, since: int) -> None:
        self.draws, self.visits, self.now, self.since = draws, visits, now, since
        known = {moment: self.past(cards[moment]) for moment in _BUYING}
        sold, recommended = known["told_at"] != NEVER, cards["view_source"] == "recommendations"
        keys = _keys(cards)
        self.cards = cards.assign(
            **known,
            sold=sold,
            ordered_at=np.where(sold, cards["ordered_at"], NEVER),
            # What the recommender believes is the planted probability, not quite known.
            confidence=np.clip(cards["likes"] + 0.08 * draws.normal("confidence", *keys), 0.01, 0.99).round(4),
            algorithm=np.where(cards["day"] >= _SECOND_ALGORITHM_SINCE, "hybrid-2", "hybrid-1").astype(object),
            recommendation_id=where_said(recommended, draws.uuids("recommendation", *keys)),
        )
        self.recommended = self.cards[recommended]  # by a recommender

    def past(self, moment: Any) -> np.ndarray:
        """The instants that are past; NEVER for those still to come."""
        return np.where(np.asarray(moment) <= self.now, moment, NEVER)

    def latest(self, *moments: Any) -> np.ndarray:
        """The latest of the instants that are past."""
        return np.max([np.where(np.asarray(moment) <= self.now, moment, 0) for moment in moments], axis=0)

    def chance(self, purpose: str, of: pd.DataFrame) -> np.ndarray:
        """An even number for each row of visits or cards."""
        return self.draws.uniform(purpose, *_keys(of))

    def drawn(self, purpose: str, values: tuple[Any, ...], of: pd.DataFrame) -> np.ndarray:
        """One of the values for each row, all as likely."""
        return np.array(values, dtype=object)[self.draws.choice(purpose, (1,) * len(values), *_keys(of))]

    def rows(
        self, table: str, of: pd.DataFrame, purpose: str, arrived: Any, changed: Any = None, **said: Any
    ) -> pd.DataFrame:
        """Rows of a table, one for each row of visits or cards: of its declared columns those that are said here, else those that
        the frame has under that name. `purpose` makes the id."""
        arrived = np.asarray(arrived)
        changed = arrived if changed is None else changed
        said |= {
            "id": self.draws.uuids(purpose, *_keys(of)),
            "created_at": stamps(arrived),
            "updated_at": stamps(changed),
        }
        known = {name: value.to_numpy() if isinstance(value, pd.Series) else value for name, value in said.items()}
        columns = {n: known[n] if n in known else of[n].to_numpy() for n in declared()[table] if n in known or n in of}
        return pd.DataFrame(columns)[(arrived <= self.now) & (changed > self.since)]


def _keys(of: pd.DataFrame) -> list[np.ndarray]:
    return [of[name].to_numpy() for name in ("key", "product") if name in of]


def swipe_sessions(acts: Acts) -> pd.DataFrame:
    """One round per visit in which something was swiped."""
    count = np.bincount(acts.cards["visit"], weights=acts.cards["swiped"], minlength=len(acts.visits)).astype(int)
    visits = acts.visits[count > 0]
    kind = np.array(["discovery", "category_exploration", "gift_selection"], dtype=object)
    kind = np.where(visits["kind"] == JOIN, "onboarding", kind[acts.draws.choice("round", (6, 2, 2), visits["key"])])
    gift = kind == "gift_selection"
    low = acts.drawn("budget", (0, 0, 5, 10), visits).astype(float)
    done = acts.chance("completed", visits) < 0.85
    ages = ("0-12", "13-17", "18-24", "25-34", "35-54", "55+")
    return acts.rows(
        "public.swipe_sessions", visits, "round", visits["started"],
        session_type=kind,
        occasion=where_said(gift, acts.drawn("occasion", OCCASIONS, visits)),
        budget_min=np.where(gift, low, np.nan),
        budget_max=np.where(gift, low + 10 + np.floor(acts.chance("budget width", visits) * 4) * 5, np.nan),
        recipient_age_range=where_said(gift, acts.drawn("age", ages, visits)),
        recipient_gender=where_said(gift, acts.drawn("gender", ("female", "male", "any"), visits)),
        recipient_relationship=where_said(gift, acts.drawn("relationship", ("partner", "parent", "child", "friend", "colleague"), visits)),
        started_at=stamps(visits["started"]),
        completed_at=stamps(np.where(done, visits["ended"], NEVER)),
        total_swipes=count[count > 0],
        is_completed=done,
    )  # fmt: skip


def swipe_interactions(acts: Acts) -> pd.DataFrame:
    """One swipe per card of a round; a few delivered twice."""
    cards = acts.cards[acts.cards["swiped"]]
    twice = cards[acts.chance("swiped twice", cards) < planted.DUPLICATE_SWIPES]
    frames = [
        acts.rows(
            "public.swipe_interactions", of, purpose, of["swiped_at"],
            session_id=acts.draws.uuids("round", of["key"]),
            swipe_direction=of["direction"],
            swipe_timestamp=stamps(of["swiped_at"]),
            time_spent_seconds=of["seconds"],
            interaction_context=np.char.add(np.char.add('{"position": ', of["position"].to_numpy().astype(str)), "}").astype(object),
            preference_strength=of["strength"],
        )
        for of, purpose in ((cards, "swipe"), (twice, "swipe again"))
    ]  # fmt: skip
    return pd.concat(frames, ignore_index=True)


def recommendations(acts: Acts) -> pd.DataFrame:
    """One per card that a recommender chose for this user; made as the round begins."""
    cards = acts.recommended
    clicked = acts.past(np.where(cards["clicked"], cards["clicked_at"], NEVER))
    return acts.rows(
        "public.recommendations", cards, "recommendation", cards["started"], acts.latest(cards["started"], clicked, cards["told_at"]),
        session_id=acts.draws.uuids("round", cards["key"]),
        confidence_score=cards["confidence"],
        algorithm_version=cards["algorithm"],
        reasoning="popular with people who like what you like",
        rank_position=cards["position"],
        expires_at=stamps(cards["started"] + 30 * DAY),
        is_clicked=clicked != NEVER,
        clicked_at=stamps(clicked),
        is_purchased=cards["sold"],
        purchased_at=stamps(cards["ordered_at"]),
    )  # fmt: skip


def session_analytics(acts: Acts) -> pd.DataFrame:
    """One row per visit of a person, with the counters a browser would have sent; a few visits have none, of a few they are wrong."""
    # What was spent, and when that was told (0: never), as far as it is known.
    spent = {name: acts.cards[name].where(acts.cards["sold"], 0) for name in ("price", "told_at")}
    tally = acts.cards.assign(seen=True, **spent).groupby("visit").agg(
        **{name: (name, "sum") for name in ("seen", "swiped", "opened", "clicked", "price")},
        ordered_at=("ordered_at", "min"), told_at=("told_at", "max"),
    ).reindex(acts.visits.index, fill_value=0)  # fmt: skip
    written = (acts.visits["kind"] != BOT) & (acts.chance("no row", acts.visits) >= planted.SESSIONS_WITHOUT_ROW)
    visits, tally = acts.visits[written], tally[written]
    wrong = acts.chance("miscounted", visits) < planted.SESSIONS_MISCOUNTED
    started, ended, ordered = (of.to_numpy() for of in (visits["started"], visits["ended"], tally["ordered_at"]))
    sold, joining = (tally["told_at"].to_numpy() > 0) & ~wrong, (visits["kind"] == JOIN).to_numpy()
    engagement = (1 - np.exp(-(tally["seen"] + 3 * tally["swiped"]) / 30)).to_numpy()
    return acts.rows(
        "public.session_analytics", visits, "session row", started, acts.latest(started, tally["told_at"]),
        started_at=stamps(started),
        ended_at=stamps(ended),
        duration_seconds=(ended - started) // 1_000_000,
        last_activity_at=stamps(ended),
        exit_page=np.where(tally["opened"] > 0, "/product", visits["landing_page"]),
        pages_viewed=1 + tally["opened"],
        page_sequence="{" + visits["landing_page"].to_numpy() + _TAILS[tally["opened"].clip(upper=11)] + "}",
        total_clicks=tally["opened"] + tally["clicked"],
        total_swipes=tally["swiped"],
        products_viewed=tally["seen"] + wrong,
        recommendations_viewed=np.where(visits["view_source"] == "recommendations", tally["seen"], 0),
        affiliate_clicks=np.where(wrong, 0, tally["clicked"]),
        has_registered=joining,
        registration_timestamp=stamps(np.where(joining, started + 2_000_000, NEVER)),
        has_converted=sold,
        conversion_timestamp=stamps(np.where(sold, ordered, NEVER)),
        conversion_value=np.where(sold, tally["price"].astype(float).round(2), np.nan),
        is_bounce=tally["seen"] == 0,
        is_active=False,
        session_quality_score=np.round(0.7 * engagement + 0.3 * (tally["clicked"] > 0), 2),
        engagement_score=np.round(engagement, 2),
    )  # fmt: skip


def product_views(acts: Acts) -> pd.DataFrame:
    """An impression per card, a detail view per card that was opened, and now and then a save."""
    saves = acts.cards["opened"] & (acts.cards["thinks"] > 0) & (acts.chance("save", acts.cards) < 0.05)
    cards = acts.cards.assign(has_saved=saves)
    searched = shop().products["category"].to_numpy(dtype=object)
    frames = [
        acts.rows(
            "public.product_views", of, what, of[when] + of["waits"],
            view_timestamp=stamps(of[when]),
            view_position=of["position"],
            view_duration_seconds=of["seconds"],
            interaction_type=what,
            has_clicked_affiliate=of["clicked"],
            search_query=where_said(of["view_source"] == "search", searched[of["product"]]),
            predicted_interest=of["likes"].round(2).where(of["view_source"] == "recommendations"),
        )
        for what, when, of in (
            ("impression", "seen_at", cards), ("detail_view", "opened_at", cards[cards["opened"]]), ("save", "swiped_at", cards[saves]),
        )
    ]  # fmt: skip
    return pd.concat(frames, ignore_index=True)


def affiliate_clicks(acts: Acts) -> pd.DataFrame:
    """One per card that was clicked; a few delivered twice, late, without a time or without an agent."""
    cards = acts.cards[acts.cards["clicked"]]
    again = cards[acts.chance("clicked twice", cards) < planted.DUPLICATE_CLICKS]
    again = again.assign(clicked_at=again["clicked_at"] + 300_000 + again["key"] % 1_400_000)
    # Most repeats earn nothing; a network that counts both reports the order for both.
    silent = acts.chance("repeat earns", again) >= planted.REPEATS_EARN
    again.loc[silent, [*_BUYING, "ordered_at"]] = NEVER
    again["sold"] &= ~silent
    return pd.concat([_clicks(acts, cards, "click"), _clicks(acts, again, "click again")], ignore_index=True)


def _clicks(acts: Acts, cards: pd.DataFrame, purpose: str) -> pd.DataFrame:
    at, sold = cards["clicked_at"].to_numpy(), cards["sold"].to_numpy()
    late = acts.chance("late", cards) < planted.LATE_CLICKS
    arrived = at + np.where(late, 3_600_000_000 + 30 * DAY * acts.chance("how late", cards) ** 6, 0).astype(np.int64)
    unsaid = sold & (acts.chance("inconsistent", cards) < planted.INCONSISTENT_CONVERSIONS)
    told: list[Any] = [unsaid, cards["reversed_at"] != NEVER, cards["reported_at"] != NEVER]
    undated = ~cards["bought"].to_numpy(dtype=bool) & (acts.chance("undated", cards) < planted.UNDATED_CLICKS)
    named = (acts.chance("agent", cards) >= planted.CLICKS_WITHOUT_AGENT) | (cards["kind"] == BOT).to_numpy()
    return acts.rows(
        "public.affiliate_clicks", cards, purpose, arrived, np.maximum(arrived, acts.latest(*(cards[name] for name in _BUYING))),
        click_timestamp=stamps(np.where(undated, NEVER, at)),
        is_converted=sold & ~unsaid,
        conversion_timestamp=stamps(cards["ordered_at"]),
        actual_commission=np.select(told, [np.nan, 0.0, cards["earned"]], np.nan),
        order_id=where_said(sold, cards["invoice"].to_numpy()),
        user_agent=where_said(named, cards["user_agent"].to_numpy()),
    )  # fmt: skip


def recommendation_feedback(acts: Acts) -> pd.DataFrame:
    """What the user did with a recommendation (implicit), and now and then says of it (explicit): made to that very user, and after it."""
    cards = acts.recommended
    ignored = (cards["thinks"] == 0) & ~cards["opened"] & (acts.chance("ignore", cards) < 0.3)
    did = [cards["clicked"], cards["opened"]]
    action = np.select(did, ["click", "view_details"], "ignore").astype(object)
    moment = np.select(did, [cards["clicked_at"], cards["opened_at"]], cards["swiped_at"])
    acted = (cards["opened"] | cards["clicked"] | ignored).to_numpy()
    sold = cards[cards["sold"]]
    return pd.concat([
        _feedback(acts, cards[acted], "implicit", action[acted], moment[acted]),
        _feedback(acts, sold, "purchase", "purchase", sold["told_at"].to_numpy()),
        _explicit(acts, cards[(acts.chance("says", cards) < planted.EXPLICIT_SHARE) & (cards["thinks"] != 0)]),
    ], ignore_index=True)  # fmt: skip


def _explicit(acts: Acts, cards: pd.DataFrame) -> pd.DataFrame:
    wrong = ~cards["bought"].to_numpy(dtype=bool) & (acts.chance("says wrong", cards) < planted.EXPLICIT_DOUBT)
    likes, much = (cards["thinks"].to_numpy() > 0) ^ wrong, acts.chance("says much", cards) < 0.3
    action = np.where(likes, np.where(much, "love", "like"), np.where(much, "not_interested", "dislike"))
    dear = cards["price"].isna().to_numpy() & (acts.chance("too dear", cards) < 0.25)
    tags = np.select([likes & much, likes, dear], ["{perfect_match}", "{}", "{too_expensive}"], "{not_my_style}")
    # Said when the swipe is over, before anything else can have happened to the card.
    return _feedback(
        acts, cards, "explicit", action.astype(object), cards["swiped_at"].to_numpy() + 400_000,
        feedback_tags=where_said(tags != "{}", tags),
        rating=pd.array(np.select([likes & much, likes, much], [5, 4, 2], 1), dtype="Int64"),
    )  # fmt: skip


def _feedback(
    acts: Acts, cards: pd.DataFrame, purpose: str, action: Any, moment: np.ndarray, **said: Any
) -> pd.DataFrame:
    action = np.full(len(cards), action, dtype=object)
    return acts.rows(
        "public.recommendation_feedback", cards, f"feedback {purpose}", moment,
        feedback_type="explicit" if purpose == "explicit" else "implicit",
        feedback_action=action,
        feedback_value=np.array([_VALUES[name] for name in action], dtype=float),
        time_to_action_seconds=np.maximum((moment - cards["seen_at"].to_numpy()) // 1_000_000, 0),
        dwell_time_seconds=cards["seconds"],
        feedback_source="recommendation_list",
        position_in_list=cards["position"],
        model_version=cards["algorithm"],
        original_confidence_score=cards["confidence"],
        training_weight=1.0,
        is_validated=acts.chance("validated", cards) < 0.98,
        **said,
    )  # fmt: skip


#: In the order in which they may be written (each refers to those before it).
EVENTS: Final = {
    f"public.{rows.__name__}": rows
    for rows in (
        swipe_sessions, swipe_interactions, recommendations, session_analytics, product_views, affiliate_clicks, recommendation_feedback,
    )
}  # fmt: skip
