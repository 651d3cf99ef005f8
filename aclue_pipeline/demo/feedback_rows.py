"""Feedback on recommendations: what the user did with one (implicit), and now and then what the user says of it (explicit)."""

from typing import TYPE_CHECKING, Any, Final

from aclue_pipeline.demo import planted
from aclue_pipeline.demo.catalogue import product_ids
from aclue_pipeline.demo.clock import NEVER, stamps
from aclue_pipeline.demo.draws import where_said
from aclue_pipeline.demo.rows import Acts, algorithm, confidence, frame, recommended

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

#: What each action is worth as feedback_value.
_VALUES: Final = {
    "purchase": 1.0, "love": 1.0, "like": 0.7, "click": 0.4, "view_details": 0.2, "ignore": -0.1, "not_interested": -0.5, "dislike": -0.7,
}  # fmt: skip


def recommendation_feedback(acts: Acts) -> "pd.DataFrame":
    """Each row is on a recommendation made to that very user, and after it."""
    import numpy as np
    import pandas as pd

    cards = recommended(acts)
    draws = acts.draws
    ignored = (
        (cards["thinks"] == 0) & ~cards["opened"] & (draws.uniform("ignore", cards["key"], cards["product"]) < 0.3)
    )
    said = draws.uniform("says", cards["key"], cards["product"]) < planted.EXPLICIT_SHARE
    action = np.where(cards["clicked"], "click", np.where(cards["opened"], "view_details", "ignore")).astype(object)
    moment = np.where(
        cards["clicked"], cards["clicked_at"], np.where(cards["opened"], cards["opened_at"], cards["swiped_at"])
    )
    did = cards["opened"] | cards["clicked"] | ignored
    return pd.concat(
        [
            _rows(acts, cards[did], "implicit", action[did], moment[did]),
            _rows(
                acts,
                cards[cards["bought"]],
                "implicit",
                "purchase",
                cards.loc[cards["bought"], "ordered_at"].to_numpy(),
            ),
            _explicit(acts, cards[said & (cards["thinks"] != 0)]),
        ],
        ignore_index=True,
    )


def _explicit(acts: Acts, cards: "pd.DataFrame") -> "pd.DataFrame":
    import numpy as np
    import pandas as pd

    draws, key, product = acts.draws, cards["key"].to_numpy(), cards["product"].to_numpy()
    wrong = ~cards["bought"] & (draws.uniform("says wrong", key, product) < planted.EXPLICIT_DOUBT)
    likes = (cards["thinks"].to_numpy() > 0) ^ wrong.to_numpy()
    much = draws.uniform("says much", key, product) < 0.3
    action = np.where(likes, np.where(much, "love", "like"), np.where(much, "not_interested", "dislike"))
    # Said when the swipe is over, before anything else can have happened to the card.
    table = _rows(acts, cards, "explicit", action.astype(object), cards["swiped_at"].to_numpy() + 400_000)
    dear = cards["price"].isna().to_numpy() & (draws.uniform("too dear", key, product) < 0.25)
    tags = np.where(likes, np.where(much, "{perfect_match}", "{}"), np.where(dear, "{too_expensive}", "{not_my_style}"))
    return table.assign(
        feedback_tags=where_said(tags != "{}", tags),
        rating=pd.array(np.select([likes & much, likes, much], [5, 4, 2], 1), dtype="Int64"),
    )


def _rows(acts: Acts, cards: "pd.DataFrame", kind: str, action: Any, moment: "np.ndarray") -> "pd.DataFrame":
    import numpy as np
    import pandas as pd

    draws, key, product = acts.draws, cards["key"].to_numpy(), cards["product"].to_numpy()
    actions = np.broadcast_to(np.asarray(action, dtype=object), len(cards))
    model = algorithm(acts, cards)
    waited = (np.where(moment == NEVER, 0, moment) - cards["seen_at"].to_numpy()) // 1_000_000
    purpose = "purchase" if isinstance(action, str) else kind
    return frame({
        "id": draws.uuids(f"feedback {purpose}", key, product),
        "recommendation_id": draws.uuids("recommendation", key, product),
        "user_id": acts.of_visit("user_id", cards),
        "product_id": product_ids()[product],
        "feedback_type": kind,
        "feedback_action": actions,
        "feedback_value": pd.Series(actions).map(_VALUES).to_numpy(),
        "rating": pd.array([None] * len(cards), dtype="Int64"),
        "feedback_tags": None,
        "time_to_action_seconds": np.maximum(waited, 0),
        "dwell_time_seconds": cards["seconds"].to_numpy(),
        "feedback_source": "recommendation_list",
        "session_id": acts.of_visit("session_id", cards),
        "position_in_list": cards["position"].to_numpy(),
        "model_version": model,
        "original_confidence_score": confidence(draws, cards),
        "training_weight": 1.0,
        "is_validated": draws.uniform("validated", key, product) < 0.98,
        "created_at": stamps(moment),
        "_arrived": moment,
        "_changed": moment,
    })  # fmt: skip
