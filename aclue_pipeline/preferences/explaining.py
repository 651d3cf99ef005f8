"""Explaining: which of a user's events make the profile, how much each, and how sure that is. An event's effect is what it changes:
the profile with it, less the one without it, by the same kernel and predictor, whatever their formulas."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import numpy as np

from aclue_pipeline.errors import NothingFound
from aclue_pipeline.postgres import Database
from aclue_pipeline.preferences import signals
from aclue_pipeline.preferences.adjustments import Adjustment, adjustments, by_hand
from aclue_pipeline.preferences.arrays import EPOCH, EVENT_COLUMNS, Events, Floats, Ints
from aclue_pipeline.preferences.by_hand import ByHand
from aclue_pipeline.preferences.evidence import Judgements, judgements
from aclue_pipeline.preferences.kernel import Z90, dot, profiles, residuals
from aclue_pipeline.preferences.lookup import Lookup
from aclue_pipeline.preferences.model import PARTS, TasteModel
from aclue_pipeline.preferences.predictor import Weights, familiarity, parts, probability
from aclue_pipeline.preferences.serving import model_of, profile
from aclue_pipeline.preferences.store import ids_of

_TRIED: Final = 1_000_000  # events in the profiles that are compared: of a user with more than the root of that, the latest are tried
_SOURCES: Final = ("like", "super_like", "dislike", "seen", "feedback")


@dataclass(frozen=True)
class Reason:
    """An event that a profile rests on."""

    at: datetime
    product_id: UUID
    source: str
    value: float  # -1 dislike … 1 like
    #: What it says now, an average new judgement being 1; 0: only seen, or another one of the product counts.
    weight: float
    #: On the log odds of the product asked about, else of the user's own rate; None: too long ago to be tried.
    effect: float | None
    #: What it adds to the `vector` part of the log odds of the product asked about: these make that part. None: no product was asked about.
    share: float | None


@dataclass(frozen=True)
class Chance:
    """Of a like, of one product."""

    probability: float
    low: float  # nine times out of ten it lies between these two, as far as the user's own rate is known
    high: float
    parts: dict[str, float]  # log odds by what the link weighs; their sum is the probability's


@dataclass(frozen=True)
class Explanation:
    """Of a profile, or of the probability that its user likes a product."""

    model_version: str
    judged: int  # products
    confidence: float  # 0 nothing known … 1
    chance: Chance | None  # None: no product was asked about
    reasons: list[Reason]  # the strongest effect first
    adjusted: list[Adjustment]  # by the user's own hand


def explain(db: Database, user_id: UUID, product_id: UUID | None = None) -> Explanation:
    """Why a user's profile, or its probability of a product, is what it is, by the events as they are now.

    Raises NothingFound where the user has no event and adjusted nothing, or the version does not know the product; else as
    `serving.predict` does.
    """
    with db.psycopg() as pg:
        pg.execute("set transaction isolation level repeatable read, read only")
        judged = pg.execute("select distinct product_id from pipeline.signals where user_id = %s", [user_id]).fetchall()
        asked = [product_id] if product_id else []
        model, item = model_of(pg, db, profile(pg, user_id), [*asked, *(one for (one,) in judged)])
        item = item[: len(asked)]
        found = list(signals.blocks(pg, signals.ONE, Lookup(model.items.ids), model.vocabulary, {"user": user_id}))
        said = adjustments(pg, [user_id])
    if not found and not said:
        raise NothingFound(
            f"user {user_id} has neither swiped nor given feedback nor adjusted anything: nothing is there to explain"
        )
    if (item < 0).any():
        raise NothingFound(f"{product_id} is no product of the catalogue")
    events = found[0].events if found else replace(signals.NO_EVENTS, users=1)
    tried = _each_left_out(events, min(len(events), _TRIED // max(len(events), 1)))
    counted = by_hand(said, model.vocabulary)(ids_of([user_id]))
    made = profiles(tried, model, counted and _of_each(counted, tried.users))
    known = Weights.of(made, model.vocabulary)
    log_odds, chance = _chance(known, item, model) if product_id else (known.base, None)
    return Explanation(
        model_version=model.version,
        judged=int(made.judged[0]),
        confidence=float(made.confidence[0]),
        chance=chance,
        reasons=_reasons(events, log_odds[0] - log_odds[1:], int(item[0]) if product_id else None, model),
        adjusted=said,
    )


def _of_each(said: ByHand, users: int) -> ByHand:
    """What one user said, said by each of so many."""
    codes, prices = len(said.code), len(said.price)
    return ByHand(
        user=np.repeat(np.arange(users), codes),
        code=np.tile(said.code, users),
        share=np.tile(said.share, users),
        price_user=np.repeat(np.arange(users), prices),
        price=np.tile(said.price, users),
    )


def _each_left_out(events: Events, tried: int) -> Events:
    """One after the other: all events, then all but one, for each of the last `tried`."""
    n = len(events)
    kept = np.ones((tried + 1, n), bool)
    kept[np.arange(1, tried + 1), np.arange(n - tried, n)] = False
    user, event = np.nonzero(kept)
    columns = {name: getattr(events, name)[event] for name in EVENT_COLUMNS if name != "user"}
    return Events(tried + 1, user=user, **columns)


def _chance(known: Weights, item: Ints, model: TasteModel) -> tuple[Floats, Chance]:
    """(log odds of a like by each profile, what the first one says)."""

    def of(weights: Weights) -> Floats:
        users = np.arange(len(weights.base))
        return probability(weights, users, np.repeat(item, len(users)), model)

    def had_the_user_another_rate(by: float) -> float:
        moved = by * np.sqrt(known.base_variance)
        return float(of(replace(known, base=known.base + moved, recent=known.recent + moved[:, None]))[0])

    said = of(known)
    low, high = (had_the_user_another_rate(by) for by in (-Z90, Z90))
    return np.log(said) - np.log1p(-said), Chance(float(said[0]), low, high, _parts(known, item, model))


def _parts(known: Weights, item: Ints, model: TasteModel) -> dict[str, float]:
    """What each part adds to the log odds, calibrated; one that the link weighs otherwise for new users is one part."""
    intercept, coefficients = _calibrated(known.judged[:1], model)
    total = {"intercept": intercept}
    made = parts(known, np.zeros(1, np.int64), item, model.items, model.vocabulary)
    for name, coefficient, part in zip(PARTS, coefficients, made, strict=True):
        name = name.removesuffix("_when_new")
        total[name] = total.get(name, 0.0) + float(coefficient * part[0])
    return total


def _calibrated(judged: Floats, model: TasteModel) -> tuple[float, Floats]:
    """(intercept, coefficients of PARTS) of one who has judged so many products."""
    shift, slope = familiarity(judged)[0] * model.parameters.calibration
    link = model.parameters.link * (1.0 + slope)
    return float(link[0] + shift), link[1:]


def _shares(judged: Judgements, item: int, model: TasteModel) -> tuple[Ints, Floats]:
    """(events, what each adds to the `vector` part of the log odds of a product): of judgements about products."""
    known = residuals(judged, model.items.offset, model.parameters.base_variance)
    events, n = known.about.event, len(known.about)
    of = dict(zip(PARTS, _calibrated(np.array([float(n)]), model)[1], strict=True))
    coefficient = of["vector"] + of["vector_when_new"] / (1.0 + np.log1p(n))
    alike = dot(model.items.vector[known.about.item], np.repeat(model.items.vector[[item]], n, axis=0))
    return events, coefficient * known.residual * alike / np.sqrt(n + 1.0)


def _reasons(events: Events, effect: Floats, item: int | None, model: TasteModel) -> list[Reason]:
    judged = judgements(events, model.parameters)
    weight, share = np.zeros(len(events)), np.zeros(len(events))
    weight[judged.event] = judged.weight
    if item is not None:
        counted, adds = _shares(judged, item, model)
        share[counted] = adds
    tried = np.concatenate([np.full(len(events) - len(effect), np.nan), effect])
    made = [
        Reason(
            at=EPOCH + timedelta(microseconds=at),
            product_id=UUID(bytes=model.items.ids[of].tobytes()),
            source=_SOURCES[source - 1],
            value=value,
            weight=says,
            effect=None if np.isnan(changes) else changes,
            share=None if item is None else adds_,
        )
        for at, of, source, value, says, changes, adds_ in zip(
            events.at.tolist(),
            events.item.tolist(),
            events.source.tolist(),
            events.value.tolist(),
            weight.tolist(),
            tried.tolist(),
            share.tolist(),
            strict=True,
        )
    ]
    return sorted(made, key=lambda one: -abs(one.effect or 0.0))
