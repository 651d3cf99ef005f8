"""How good the profiles are: each user's latest judgements, predicted from the profile before them, held against baselines
that know less. Frames in, frames out; which events are read and where the result is kept is the store's."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from aclue_pipeline.preferences.arrays import FEEDBACK, Events, Floats, Ints, Items, Vocabulary
from aclue_pipeline.preferences.baselines import BASELINES, Past, baselines, tuned
from aclue_pipeline.preferences.evidence import Judgements, judged_of
from aclue_pipeline.preferences.kernel import profiles
from aclue_pipeline.preferences.measures import ece, log_loss, reliability, user_auc
from aclue_pipeline.preferences.model import TasteModel
from aclue_pipeline.preferences.predictor import Weights, probability
from aclue_pipeline.preferences.splits import NEXT, PREFIXES, Mask, global_split, user_split
from aclue_pipeline.preferences.training import split, train

if TYPE_CHECKING:
    import pandas as pd

PREDICTORS: Final = ("profile", *BASELINES)
UNSEEN: Final = 5  # every such user is left out of training for the cold curve
COLD, CASUAL = 5, 50  # most judgements a cold and a casual user have


@dataclass(frozen=True)
class Quality:
    """`scores`: a row per user group and predictor; `reliability`: a row per bin of the profile's predictions."""

    scores: "pd.DataFrame"
    reliability: "pd.DataFrame"

    def log_loss(self, predictor: str, users: str = "all") -> float:
        row = self.scores[(self.scores.predictor == predictor) & (self.scores.users_group == users)]
        return float(row.log_loss.iloc[0]) if len(row) else float("nan")


def evaluate(events: Events, items: Items, vocabulary: Vocabulary, half_life_days: float | None, seed: int) -> Quality:
    """Train on every user's past, predict the latest fifth, and compare. No future event enters any part of it."""
    history, future = split(events)
    return measured(
        history, future, predictions(history, future, train(history, items, vocabulary, half_life_days, seed))
    )


def predictions(history: Events, future: Judgements, model: TasteModel, by_time: bool = False) -> dict[str, Floats]:
    """What the profiles of a model, and each baseline, make of what was asked after the history. `by_time`: it was cut at one time, as
    is what the baselines are tuned on."""
    past = judged_of(history)
    held = global_split(past.at) if by_time else user_split(past.user, past.at, np.arange(len(past)))
    judged = Past(past.users, len(model.items), past.user, past.item, past.like)
    return {
        "profile": by_profile(history, future, model),
        **baselines(judged, tuned(judged, held), future.user, future.item),
    }


def by_profile(history: Events, future: Judgements, model: TasteModel) -> Floats:
    return probability(Weights.of(profiles(history, model), model.vocabulary), future.user, future.item, model)


def measured(history: Events, future: Judgements, predicted: dict[str, Floats]) -> Quality:
    """The scores of predictions, for all users and by how much was known of them."""
    import pandas as pd

    groups = groups_of(np.bincount(judged_of(history).user, minlength=history.users)[future.user])
    rows = [
        {
            "users_group": group,
            "predictor": name,
            **_scores(future.like[mask], predicted[name][mask], future.user[mask]),
        }
        for group, mask in groups.items()
        for name in PREDICTORS
    ]
    return Quality(pd.DataFrame(rows), reliability(future.like, predicted["profile"]))


def groups_of(known: Ints) -> dict[str, Mask]:
    """Masks of the groups of users, given how many judgements each had made before."""
    return {
        "all": known >= 0,
        "cold": known <= COLD,
        "casual": (known > COLD) & (known <= CASUAL),
        "heavy": known > CASUAL,
    }


def cold_curve(
    events: Events, items: Items, vocabulary: Vocabulary, half_life_days: float | None, seed: int
) -> "pd.DataFrame":
    """How users fare whom the model has not seen: every fifth one is left out of training, and after each number of judgements the
    next five are predicted. A row per number: judgements asked, and the log-loss of profiles and baselines."""
    import pandas as pd

    is_judged = (events.value != 0) & (events.source != FEEDBACK) & ~events.price_only
    made = np.cumsum(is_judged) - is_judged
    made = made - made[np.searchsorted(events.user, events.user)]  # by the same user, before this event
    unseen = (np.arange(events.users) % UNSEEN == UNSEEN - 1)[events.user]
    judged = Past(events.users, len(items), events.user, events.item, (events.value > 0).astype(np.float64))
    seen = judged.take(~unseen & is_judged)
    of = tuned(seen, user_split(seen.user, np.arange(len(seen.user)), np.arange(len(seen.user))))
    model = train(events.take(~unseen), items, vocabulary, half_life_days, seed)
    rows = []
    for after in PREFIXES:
        asked = judged.take(unseen & is_judged & (made >= after) & (made < after + NEXT))
        first = unseen & (made < after)
        known = Weights.of(profiles(events.take(first), model), vocabulary)
        predicted = {
            "profile": probability(known, asked.user, asked.item, model),
            **baselines(judged.take(is_judged & (~unseen | first)), of, asked.user, asked.item),
        }
        losses = {name: log_loss(asked.like, p) for name, p in predicted.items()}
        rows.append({"after": after, "users": len(np.unique(asked.user)), "n": len(asked.user), **losses})
    return pd.DataFrame(rows)


def _scores(like: Floats, probability: Floats, user: Ints) -> dict[str, float]:
    return {
        "users": len(np.unique(user)),
        "judgements": len(like),
        "log_loss": log_loss(like, probability),
        "auc": user_auc(like, probability, user),
        "calibration_error": ece(like, probability),
    }
