"""Whether a new version of the taste model may take the place of the current one. Both are fitted anew, each by its own settings, to
what came before a moment, and predict what came after it: of each user's own events, and of the calendar, one block after the other.
Pure functions; which events are read, and what becomes of the verdict, is the store's."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final

import numpy as np

from aclue_pipeline.preferences.arrays import Events, Floats, Ints, logit, sums
from aclue_pipeline.preferences.baselines import BASELINES
from aclue_pipeline.preferences.evidence import ENOUGH, Judgements, judged_of, not_met_before
from aclue_pipeline.preferences.measures import calibration, log_loss, losses
from aclue_pipeline.preferences.model import PARTS, TasteModel, version_of
from aclue_pipeline.preferences.quality import Quality, by_profile, measured, predictions
from aclue_pipeline.preferences.training import split

#: Fits a version to events by its settings.
Fitted = Callable[[Events], TasteModel]

#: Parts of all events by time, after which the next part is asked for.
CALENDAR: Final = (0.55, 0.7, 0.85, 1.0)
DRAWS: Final = 500  # of users, for the width of a difference


@dataclass(frozen=True)
class Verdict:
    """Why a version was refused (None: accepted), how good it was in each kind of block, as a card has it; its quality on each user's
    latest judgements, the best baseline there, and that of the version that then stands in for it."""

    refused: str | None
    figures: dict[str, Any]
    quality: Quality
    best: str
    instead: Quality


@dataclass(frozen=True)
class _Asked:
    """Judgements of one kind of block, what each predictor said of them, and the calibration intercept of each block."""

    user: Ints
    like: Floats
    said: dict[str, Floats]
    intercepts: list[float]


def judge(events: Events, candidate: Fitted, current: Fitted | None, must_beat: bool, seed: int) -> Verdict:
    """Refused is what predicts worse, by more than chance (the half-width of the paired bootstrap over users), than the current version
    or the best baseline. `current`: None where there is none, or it has the same settings, so would be the same. `must_beat`: nothing
    that was learned stands yet, and not to be worse than a baseline is no matter of chance."""

    def said(history: Events, future: Judgements, model: TasteModel, by_time: bool) -> dict[str, Floats]:
        made = predictions(history, future, model, by_time)
        return made if current is None else {**made, "current": by_profile(history, future, current(history))}

    before, after = split(events)
    model = candidate(before)
    of_users = said(before, after, model, by_time=False)
    calendar = [
        (future, said(history, future, candidate(history), by_time=True)) for history, future in _of_calendar(events)
    ]
    figures: dict[str, Any] = {}
    reasons = []
    for kind, blocks in {"users": [(after, of_users)], "calendar": calendar}.items():
        figures[kind], reason = _compared(_joined(blocks), must_beat, seed)
        if reason:
            reasons.append(f"on blocks of {kind.replace('calendar', 'the calendar')} {reason}")
    best = figures["users"].get("best_baseline", "global_rate")
    if must_beat and not len(after):
        reasons.append("nothing could be predicted: no user has judged two products")
    return Verdict(
        "; ".join(reasons) or None,
        figures,
        measured(before, after, of_users),
        best,
        measured(before, after, {**of_users, "profile": by_profile(before, after, as_baseline(model, best))}),
    )


def _of_calendar(events: Events) -> Iterator[tuple[Events, Judgements]]:
    """(events before, judgements after) each cut of everybody's time; products that the user had met before it are not asked for."""
    judged = judged_of(events)
    if not len(judged):
        return
    for cut, until in pairwise(np.quantile(judged.at, CALENDAR, method="lower")):
        history = events.take(events.at <= cut)
        future = not_met_before(judged.take((judged.at > cut) & (judged.at <= until)), history)
        if (history.value != 0).any() and len(future):
            yield history, future


def _joined(parts: list[tuple[Judgements, dict[str, Floats]]]) -> _Asked:
    if not parts:
        return _Asked(np.zeros(0, np.int64), np.zeros(0), {"profile": np.zeros(0)}, [])
    said = {name: np.concatenate([one[name] for _, one in parts]) for name in parts[0][1]}
    fits = [calibration(future.like, one["profile"]) for future, one in parts if len(future) >= ENOUGH]
    return _Asked(
        np.concatenate([future.user for future, _ in parts]),
        np.concatenate([future.like for future, _ in parts]),
        said,
        [intercept for _, intercept in fits if np.isfinite(intercept)],
    )


def _compared(asked: _Asked, must_beat: bool, seed: int) -> tuple[dict[str, Any], str | None]:
    """(figures for the card, why it is refused)."""
    if not len(asked.user):
        return {"judgements": 0}, None
    loss = {name: log_loss(asked.like, said) for name, said in asked.said.items()}
    best = min(BASELINES, key=lambda name: loss[name])
    found: dict[str, Any] = {
        "judgements": len(asked.user),
        "users": len(np.unique(asked.user)),
        "log_loss": round(loss["profile"], 4),
        "best_baseline": best,
        "log_loss_of_best_baseline": round(loss[best], 4),
    }
    reason = None
    for name in ("current", best):
        if name not in loss:
            continue
        difference = losses(asked.like, asked.said["profile"]) - losses(asked.like, asked.said[name])
        width = half_width(asked.user, difference, seed)
        if name == "current":
            found["log_loss_of_current"] = round(loss[name], 4)
        found[f"chance_against_{'current' if name == 'current' else 'best_baseline'}"] = round(width, 4)
        enough = must_beat or len(asked.user) >= ENOUGH  # of few users chance cannot be told
        if reason is None and enough and loss["profile"] - loss[name] > (0.0 if must_beat and name == best else width):
            what = "the current version" if name == "current" else f"the baseline {name}"
            reason = f"its log-loss is {loss['profile']:.4f}, that of {what} {loss[name]:.4f} (chance: ±{width:.4f})"
    if asked.intercepts:
        found["intercepts_of_blocks"] = [round(one, 3) for one in asked.intercepts]
    return found, reason


def half_width(user: Ints, difference: Floats, seed: int) -> float:
    """Half the width of the 95 % interval of a mean difference, by drawing users anew: the judgements of one user go together."""
    _, number = np.unique(user, return_inverse=True)
    users = int(number.max()) + 1
    total, count = sums(number, difference, users), np.bincount(number, minlength=users)
    if not total.any():
        return 0.0
    random = np.random.default_rng(seed)
    drawn = [np.bincount(random.integers(users, size=users), minlength=users) for _ in range(DRAWS)]
    low, high = np.quantile([times @ total / (times @ count) for times in drawn], [0.025, 0.975])
    return float(high - low) / 2


def as_baseline(model: TasteModel, name: str) -> TasteModel:
    """A version that predicts as a baseline does, and is marked by its name: what stands until there are data enough to beat it."""
    p, items = model.parameters, model.items
    link = np.zeros(1 + len(PARTS))
    if name == "global_rate":
        link[0] = logit(p.like_rate)
    else:
        link[1 + PARTS.index("base")] = 1.0
    p = replace(p, link=link, calibration=np.zeros_like(p.calibration))
    if name == "popularity":
        p = replace(p, base_variance=1e-6)  # users do not differ
    if name == "user_rate":
        everywhere = logit(p.like_rate)
        p = replace(p, content_offset=np.zeros_like(p.content_offset), content_intercept=everywhere)
        items = replace(items, offset=np.full(len(items), everywhere))
    return TasteModel(f"{version_of(p, model.vocabulary, items)}-0", p, model.vocabulary, items)
