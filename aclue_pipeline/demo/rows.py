"""Visits and acts as rows of the tables, as they are known at one moment. `_arrived` is when a row reaches the database, `_changed`
when it last changed by then (µs, UTC): what a later load adds and what it updates follows from these two."""

from typing import TYPE_CHECKING, Any, Final

from aclue_pipeline.demo import planted
from aclue_pipeline.demo.catalogue import NETWORKS, affiliate_urls, category_ids, product_ids
from aclue_pipeline.demo.clock import NEVER, stamps
from aclue_pipeline.demo.draws import Draws, where_said
from aclue_pipeline.demo.shop import shop
from aclue_pipeline.demo.visits import BOT, JOIN
from aclue_pipeline.demo.vocabulary import OCCASIONS

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

_RELATIONS: Final = ("partner", "parent", "child", "friend", "colleague")
_DAY: Final = 86_400_000_000  # µs
_ALGORITHMS: Final = ("hybrid-1", "hybrid-2")  # the second since the day below
_SECOND_ALGORITHM_SINCE: Final = -120


class Acts:
    """The acts of a block of visits, and the moment they are looked at from."""

    def __init__(self, draws: Draws, visits: "pd.DataFrame", cards: "pd.DataFrame", now: int) -> None:
        self.draws, self.visits, self.cards, self.now = draws, visits, cards, now

    def of_visit(self, column: str, cards: "pd.DataFrame | None" = None) -> "np.ndarray":
        """The visit's value, for each card."""
        visit = (self.cards if cards is None else cards)["visit"].to_numpy()
        return self.visits[column].to_numpy()[visit]

    def past(self, moment: "np.ndarray") -> "np.ndarray":
        """The instants that are past; NEVER for those still to come."""
        import numpy as np

        return np.where(moment <= self.now, moment, NEVER)

    def latest(self, *moments: "np.ndarray") -> "np.ndarray":
        """The latest of the instants that are past."""
        import numpy as np

        return np.max([np.where(moment <= self.now, moment, 0) for moment in moments], axis=0)


def frame(columns: dict[str, Any]) -> "pd.DataFrame":
    """Columns as a frame, without importing pandas before it is needed."""
    import pandas as pd

    return pd.DataFrame(columns)


def swipe_sessions(acts: Acts) -> "pd.DataFrame":
    """One round per visit in which something was swiped."""
    import numpy as np

    draws, cards = acts.draws, acts.cards
    count = np.bincount(cards.loc[cards["swiped"], "visit"], minlength=len(acts.visits))
    table = acts.visits[count > 0]
    key = table["key"].to_numpy()
    kind = np.array(["discovery", "category_exploration", "gift_selection"], dtype=object)[
        draws.choice("round", (6, 2, 2), key)
    ]
    kind = np.where(table["kind"] == JOIN, "onboarding", kind)
    gift = kind == "gift_selection"
    low = np.array([0, 0, 5, 10])[draws.choice("budget", (1, 1, 1, 1), key)]
    done = draws.uniform("completed", key) < 0.85
    return frame({
        "id": draws.uuids("round", key),
        "user_id": table["user_id"].to_numpy(),
        "session_type": kind,
        "occasion": where_said(gift, _drawn(draws, "occasion", tuple(OCCASIONS), key)),
        "budget_min": np.where(gift, low, np.nan),
        "budget_max": np.where(gift, low + 10 + np.floor(draws.uniform("budget width", key) * 4) * 5, np.nan),
        "recipient_age_range": where_said(gift, _drawn(draws, "age", ("0-12", "13-17", "18-24", "25-34", "35-54", "55+"), key)),
        "recipient_gender": where_said(gift, _drawn(draws, "gender", ("female", "male", "any"), key)),
        "recipient_relationship": where_said(gift, _drawn(draws, "relationship", _RELATIONS, key)),
        "started_at": stamps(table["started"].to_numpy()),
        "completed_at": stamps(np.where(done, table["ended"], NEVER)),
        "total_swipes": count[count > 0],
        "is_completed": done,
        "_arrived": table["started"].to_numpy(),
        "_changed": table["started"].to_numpy(),
    })  # fmt: skip


def swipe_interactions(acts: Acts) -> "pd.DataFrame":
    """One swipe per card of a round; a few delivered twice."""
    import pandas as pd

    draws, cards = acts.draws, acts.cards[acts.cards["swiped"]]
    key, product = cards["key"].to_numpy(), cards["product"].to_numpy()
    table = frame({
        "id": draws.uuids("swipe", key, product),
        "session_id": draws.uuids("round", key),
        "user_id": acts.of_visit("user_id", cards),
        "product_id": product_ids()[product],
        "category_id": category_ids()[shop().category[product]],
        "swipe_direction": cards["direction"].to_numpy(),
        "swipe_timestamp": stamps(cards["swiped_at"].to_numpy()),
        "time_spent_seconds": cards["seconds"].to_numpy(),
        "interaction_context": pd.Series(cards["position"]).map(lambda position: f'{{"position": {position}}}').to_numpy(),
        "preference_strength": cards["strength"].to_numpy(),
        "_arrived": cards["swiped_at"].to_numpy(),
        "_changed": cards["swiped_at"].to_numpy(),
    })  # fmt: skip
    twice = draws.uniform("swiped twice", key, product) < planted.DUPLICATE_SWIPES
    again = table[twice].assign(id=draws.uuids("swipe again", key[twice], product[twice]))
    return pd.concat([table, again], ignore_index=True)


def recommendations(acts: Acts) -> "pd.DataFrame":
    """One per card that a recommender chose for this user; made as the round begins."""
    import numpy as np

    draws, cards = acts.draws, recommended(acts)
    key, product = cards["key"].to_numpy(), cards["product"].to_numpy()
    made = acts.of_visit("started", cards)
    clicked = acts.past(np.where(cards["clicked"], cards["clicked_at"], NEVER))
    ordered = acts.past(cards["ordered_at"].to_numpy())
    return frame({
        "id": draws.uuids("recommendation", key, product),
        "user_id": acts.of_visit("user_id", cards),
        "product_id": product_ids()[product],
        "session_id": draws.uuids("round", key),
        "confidence_score": confidence(draws, cards),
        "algorithm_version": algorithm(acts, cards),
        "reasoning": "popular with people who like what you like",
        "rank_position": cards["position"].to_numpy(),
        "created_at": stamps(made),
        "expires_at": stamps(made + 30 * _DAY),
        "is_clicked": clicked != NEVER,
        "clicked_at": stamps(clicked),
        "is_purchased": ordered != NEVER,
        "purchased_at": stamps(ordered),
        "_arrived": made,
        "_changed": acts.latest(made, clicked, ordered),
    })  # fmt: skip


def recommended(acts: Acts) -> "pd.DataFrame":
    """The cards that a recommender chose."""
    return acts.cards[acts.of_visit("source") == "recommendations"]


def confidence(draws: Draws, cards: "pd.DataFrame") -> "np.ndarray":
    """What the recommender believes: the planted probability, not quite known."""
    import numpy as np

    noise = 0.08 * draws.normal("confidence", cards["key"].to_numpy(), cards["product"].to_numpy())
    return np.clip(cards["likes"].to_numpy() + noise, 0.01, 0.99).round(4)


def algorithm(acts: Acts, cards: "pd.DataFrame") -> "np.ndarray":
    """The version that chose each card."""
    import numpy as np

    second = acts.of_visit("day", cards) >= _SECOND_ALGORITHM_SINCE
    return np.array(_ALGORITHMS, dtype=object)[second.astype(int)]


def product_views(acts: Acts) -> "pd.DataFrame":
    """An impression per card, a detail view per card that was opened, and now and then a save."""
    import pandas as pd

    cards = acts.cards
    saved = (
        cards["opened"] & (cards["thinks"] > 0) & (acts.draws.uniform("save", cards["key"], cards["product"]) < 0.05)
    )
    return pd.concat(
        [
            _views(acts, cards, "impression", "seen_at", saved),
            _views(acts, cards[cards["opened"]], "detail_view", "opened_at", saved),
            _views(acts, cards[saved], "save", "swiped_at", saved),
        ],
        ignore_index=True,
    )


def _views(acts: Acts, cards: "pd.DataFrame", what: str, when: str, saved: "pd.Series[bool]") -> "pd.DataFrame":
    import numpy as np

    draws = acts.draws
    key, product = cards["key"].to_numpy(), cards["product"].to_numpy()
    source, at = acts.of_visit("source", cards), cards[when].to_numpy()
    device = acts.of_visit("device_type", cards)
    return frame({
        "id": draws.uuids(what, key, product),
        "product_id": product_ids()[product],
        "user_id": acts.of_visit("user_id", cards),
        "session_id": acts.of_visit("session_id", cards),
        "view_timestamp": stamps(at),
        "view_source": source,
        "view_position": cards["position"].to_numpy(),
        "view_duration_seconds": cards["seconds"].to_numpy(),
        "interaction_type": what,
        "has_clicked_affiliate": cards["clicked"].to_numpy(),
        "has_saved": saved.loc[cards.index].to_numpy(),
        "recommendation_id": where_said(source == "recommendations", draws.uuids("recommendation", key, product)),
        "search_query": where_said(source == "search", np.array([reading.category for reading in shop().readings], dtype=object)[product]),
        "device_type": device,
        "viewport_size": acts.of_visit("screen_resolution", cards),
        "screen_density": np.where(device == "desktop", 1.0, 3.0),
        "predicted_interest": np.where(source == "recommendations", cards["likes"].round(2), np.nan),
        "created_at": stamps(at),
        "_arrived": at,
        "_changed": at,
    })  # fmt: skip


def affiliate_clicks(acts: Acts) -> "pd.DataFrame":
    """One per card that was clicked; a few delivered twice, late, without a time or without an agent."""
    import numpy as np
    import pandas as pd

    draws, cards = acts.draws, acts.cards[acts.cards["clicked"]]
    key, product = cards["key"].to_numpy(), cards["product"].to_numpy()
    twice = draws.uniform("clicked twice", key, product) < planted.DUPLICATE_CLICKS
    # Most repeats earn nothing; a network that counts both reports the order for both.
    again = cards[twice].assign(clicked_at=lambda repeat: repeat["clicked_at"] + 300_000 + repeat["key"] % 1_400_000)
    silent = draws.uniform("repeat earns", key[twice], product[twice]) >= 0.1
    for moment in ("ordered_at", "reported_at", "cancelled_at"):
        again[moment] = np.where(silent, NEVER, again[moment])
    return pd.concat([_clicks(acts, cards, "click"), _clicks(acts, again, "click again")], ignore_index=True)


def _clicks(acts: Acts, cards: "pd.DataFrame", what: str) -> "pd.DataFrame":
    import numpy as np

    draws, key, product, at = acts.draws, *(cards[name].to_numpy() for name in ("key", "product", "clicked_at"))
    late = draws.uniform("late", key, product) < planted.LATE_CLICKS
    arrived = at + np.where(
        late, (3_600_000_000 + 2 * _DAY * draws.uniform("how late", key, product)).astype(np.int64), 0
    )
    order, report, back = (acts.past(cards[name].to_numpy()) for name in ("ordered_at", "reported_at", "cancelled_at"))
    converted = order != NEVER
    unsaid = converted & (draws.uniform("inconsistent", key, product) < planted.INCONSISTENT_CONVERSIONS)
    actual = np.where(back != NEVER, 0.0, np.where(report != NEVER, cards["earned"], np.nan))
    undated = ~cards["bought"].to_numpy() & (draws.uniform("undated", key, product) < planted.UNDATED_CLICKS)
    no_agent = draws.uniform("agent", key, product) < planted.CLICKS_WITHOUT_AGENT
    bot = acts.of_visit("kind", cards) == BOT
    changed = acts.latest(arrived, order, report, back)
    return frame({
        "id": draws.uuids(what, key, product),
        **{name: acts.of_visit(name, cards) for name in ("user_id", "anonymous_id", "session_id", "source_page", "device_type")},
        "product_id": product_ids()[product],
        "click_timestamp": stamps(np.where(undated, NEVER, at)),
        "affiliate_network": np.array(NETWORKS, dtype=object)[cards["network"]],
        "affiliate_url": affiliate_urls(draws)[product],
        "commission_rate": cards["rate"].to_numpy(),
        "expected_commission": cards["expected"].to_numpy(),
        "is_converted": converted & ~unsaid,
        "conversion_timestamp": stamps(order),
        "actual_commission": np.where(unsaid, np.nan, actual),
        "order_id": where_said(converted, acts.of_visit("invoice", cards)),
        "user_agent": where_said(~no_agent | bot, acts.of_visit("user_agent", cards)),
        **{name: acts.of_visit(name, cards) for name in ("ip_address", "referrer_url", "utm_source", "utm_medium", "utm_campaign")},
        "created_at": stamps(arrived),
        "updated_at": stamps(np.maximum(changed, arrived)),
        "_arrived": arrived,
        "_changed": changed,
    })  # fmt: skip


def _drawn(draws: Draws, what: str, values: tuple[str, ...], key: "np.ndarray") -> "np.ndarray":
    import numpy as np

    return np.array(values, dtype=object)[draws.choice(what, (1,) * len(values), key)]
