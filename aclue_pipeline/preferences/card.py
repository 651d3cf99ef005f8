"""The card of a model version: what it was made of, in words a person reads, and what was found of it when it was judged."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

import numpy as np

from aclue_pipeline.preferences.arrays import EPOCH, Events
from aclue_pipeline.preferences.facets import FACETS
from aclue_pipeline.preferences.model import PARTS, TasteModel

_SAYS: Final = (
    "a like", "a super-like", "a dislike", "a look", "explicit feedback", "implicit feedback", "a long look adds", "strength adds",
)  # fmt: skip
_HALF_LIFE: Final = "half-life in days"
#: In which a card is read; the server keeps no order of its own.
_ORDER: Final = (
    "stands in for", "refused because", "predicts", "users", "calendar", "the version before", "version",
    "judgements", "log_loss", "log_loss_of_current", "chance_against_current", "best_baseline", "log_loss_of_best_baseline",
    "chance_against_best_baseline", "intercepts_of_blocks",
    "first event", "last event", _HALF_LIFE, "share of likes", "products judged", "words",
    "what one says", *_SAYS, "interval", "how far users differ", "base rate", "the link weighs", "intercept", *PARTS,
)  # fmt: skip


def card_of(model: TasteModel, events: Events) -> dict[str, Any]:
    """Of a version as it is stored."""
    p = model.parameters
    first, last = ((EPOCH + timedelta(microseconds=int(at))).date() for at in (events.at.min(), events.at.max()))
    spread = dict(zip((facet.name for facet in FACETS), np.sqrt(p.facet_variance), strict=True))
    return {
        "first event": first.isoformat(),
        "last event": last.isoformat(),
        _HALF_LIFE: p.half_life_days,
        "share of likes": _round(float((events.value > 0).sum()) / max(int((events.value != 0).sum()), 1)),
        "products judged": int((model.items.count > 0).sum()),
        "words": {facet.name: len(values) for facet, values in zip(FACETS, model.vocabulary.values, strict=True)},
        "what one says": {name: _round(weight) for name, weight in zip(_SAYS, p.stated(), strict=True)},
        "interval": {
            name: f"{least:.5g} to {most:.5g}"
            for name, (least, most) in zip((*_SAYS, _HALF_LIFE), p.plausible, strict=True)
            if most > 0
        },
        "how far users differ": {"base rate": _round(np.sqrt(p.base_variance))}
        | {name: _round(value) for name, value in spread.items()},
        "the link weighs": {
            name: _round(weight)
            for name, weight in zip(("intercept", *PARTS), p.link, strict=True)
            if abs(weight) > 5e-5
        },
    }


#: What stands for a name that only programs read.
_CALLED: Final = {
    "users": "users asked",
    "log_loss": "log-loss",
    "log_loss_of_current": "log-loss of the current version",
    "chance_against_current": "± of the difference to it (95 %)",
    "log_loss_of_best_baseline": "log-loss of that baseline",
    "chance_against_best_baseline": "± of the difference to that baseline (95 %)",
    "intercepts_of_blocks": "liked beyond what was predicted, by block",
}
_ASKED: Final = {"users": "each user's latest judgements", "calendar": "latest blocks of the calendar"}


def entries(card: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """(name, value) of each entry, one that belongs to another after it as `other: name`."""
    place = {name: number for number, name in enumerate(_ORDER)}
    for name in sorted(card, key=lambda name: place.get(name, len(place))):
        value = card[name]
        called = _ASKED if isinstance(value, Mapping) else _CALLED
        path = above + called.get(name, name.replace("_", " "))
        if isinstance(value, Mapping):
            yield from entries(value, f"{path}: ")
        else:
            yield path, ", ".join(map(str, value)) if isinstance(value, list) else value


def _round(value: float) -> float:
    return round(float(value), 4)
