"""From events to judgements: of a user's events about one product only one counts, with a label, how much it says
and how old it is. Every rule about repeats, strength and age is here; what is concluded from them is the kernel's."""

from dataclasses import dataclass, field, replace
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from aclue_pipeline.preferences.arrays import DAY, FEEDBACK, Events, Floats, Ints


@dataclass(frozen=True, kw_only=True)
class Weighing:
    """How much a signal says, as a model version weighs it."""

    half_life_days: float
    weight_scale: float = 1.0  # makes the mean weight of the training events 1
    #: Of a like, a super-like, a dislike, of what was only seen, of feedback that is explicit and that is not.
    source_weight: Floats = field(default_factory=lambda: np.array([1.0, 1.6, 1.0, 0.5, 1.0, 0.4]))
    time_gain: float = 0.4  # how much more a swipe says after a long look than after none
    time_half: float = 5.0  # seconds that give half of it, as does an unknown time
    strength_slope: float = 1.0  # what a strength adds by its distance from undecided
    #: Of each that is `stated`, then of the half-life: the least and the most that predict not surely worse than the best; 0 where none
    #: was fitted.
    plausible: Floats = field(default_factory=lambda: np.zeros((9, 2)))

    def stated(self) -> Floats:
        """How much each says beside the others."""
        return np.array([*self.source_weight, self.time_gain, self.strength_slope])

    def stating(self, stated: Floats) -> Self:
        return replace(self, source_weight=stated[:-2], time_gain=float(stated[-2]), strength_slope=float(stated[-1]))

    def scaled(self, events: Events) -> Self:
        """So that the events that judge weigh 1 in the mean."""
        signed = events.value != 0
        mean = float(np.mean(weights(events, self)[signed])) if signed.any() else 1.0
        return replace(self, weight_scale=1.0 / mean)


def weights(events: Events, by: Weighing) -> Floats:
    """How much each event says, above 0: a like after an ordinary look says 1. Still without the version's scale."""
    source = np.where((events.source == FEEDBACK) & ~events.explicit, FEEDBACK, events.source - 1)
    looked = 1.0 - by.time_gain / 2 + by.time_gain * events.seconds / (events.seconds + by.time_half)
    looked = np.where(np.isnan(events.seconds), 1.0, looked)
    stated = 1.0 + by.strength_slope * np.abs(events.strength - 0.5)
    return by.source_weight[source] * looked * stated * events.training_weight


#: Judgements, below which nothing is learned or concluded from them.
ENOUGH: Final = 200


@dataclass(frozen=True)
class Judgements:
    """One row per user and product judged, ordered by user, time and id."""

    users: int
    event: Ints  # place of the event that counts
    user: Ints
    item: Ints
    at: Ints
    like: Floats  # 1 or 0
    evidence: Floats  # > 0; an average judgement is 1
    age: Floats  # days before the user's latest event
    weight: Floats  # evidence, half of it a half-life before the latest event: an event weighs at most what it did when it was new
    price_only: NDArray[np.bool_]  # speaks about the price, not about the product
    context: Ints
    overruled: Floats  # per user: share of the judgements that a later one of the same product contradicts

    def __len__(self) -> int:
        return len(self.user)

    def take(self, mask: NDArray[np.bool_]) -> "Judgements":
        """The judgements under a mask, users keeping their numbers."""
        columns = {name: getattr(self, name)[mask] for name in COLUMNS}
        return replace(self, **columns)


COLUMNS: Final = tuple(name for name in Judgements.__dataclass_fields__ if name not in ("users", "overruled"))


def judgements(events: Events, by: Weighing) -> Judgements:
    """What the events of a block say.

    An event without a sign (`seen`) judges nothing. Of repeated judgements of one product the latest explicit one
    counts, else the latest implicit one. Its strength is the strongest of those that agree with it, and the round's words
    are the first that were stated with one of them: liking a product again, in earnest or by the way, takes nothing from
    what was said.
    """
    judged = np.flatnonzero(events.value != 0)
    like = events.value[judged] > 0
    strength = weights(events, by)[judged] * np.abs(events.value[judged]) * by.weight_scale
    winner, strongest, context, contradicted = _latest(events, judged, like, strength)
    row = judged[winner]
    latest = np.full(events.users, np.iinfo(np.int64).min)
    np.maximum.at(latest, events.user, events.at)
    age = (latest[events.user[row]] - events.at[row]) / DAY
    return Judgements(
        users=events.users,
        event=row,
        user=events.user[row],
        item=events.item[row],
        at=events.at[row],
        like=like[winner].astype(np.float64),
        evidence=strongest,
        age=age,
        weight=strongest * np.exp2(-age / by.half_life_days),
        price_only=events.price_only[row],
        context=context,
        overruled=contradicted / np.maximum(np.bincount(events.user[judged], minlength=events.users), 1),
    )


def judged_of(events: Events) -> Judgements:
    """What was judged about products, however much it weighs."""
    judged = judgements(events, Weighing(half_life_days=1.0))
    return judged.take(~judged.price_only)


def not_met_before(future: Judgements, history: Events) -> Judgements:
    """The judgements of products that the user had not met in the history: the answer to others is known."""
    width = int(max(future.item.max(initial=0), history.item.max(initial=0))) + 1
    again = np.isin(future.user * width + future.item, history.user * width + history.item)
    return future.take(~again)


def _latest(events: Events, judged: Ints, like: NDArray[np.bool_], strength: Floats) -> tuple[Ints, Floats, Ints, Ints]:
    """(positions in `judged` of the judgements that count, in order; strength and context of each; per user how many others
    contradict the one that counts)."""
    context = events.context[judged]
    if not len(judged):
        return np.zeros(0, np.int64), np.zeros(0), context, np.zeros(events.users, np.int64)
    topic = events.item[judged] * 2 + events.price_only[judged]
    topics = int(topic.max()) + 1
    group = events.user[judged] * topics + topic
    order = np.lexsort((events.explicit[judged], group))  # stable: within, by time and id
    group = group[order]
    last = np.flatnonzero(np.concatenate([group[1:] != group[:-1], [True]]))
    first = np.concatenate([[0], last[:-1] + 1])
    winner = order[last]
    of_group = np.repeat(winner, last - first + 1)
    agrees = like[order] == like[of_group]
    strongest = np.maximum.reduceat(np.where(agrees, strength[order], 0.0), first)
    chronological = np.argsort(winner)
    stated = np.where(agrees[:, None] & (context[order] >= 0), order[:, None], len(judged))
    earliest = np.minimum(np.minimum.reduceat(stated, first), winner[:, None])
    context = np.take_along_axis(context, earliest, axis=0)
    contradicted = np.bincount(events.user[judged][order][~agrees], minlength=events.users)
    return winner[chronological], strongest[chronological], context[chronological], contradicted
