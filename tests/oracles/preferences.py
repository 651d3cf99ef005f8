"""A second opinion on profiles, in plain Python and one user at a time: what the kernel computes for blocks of users with
NumPy, said again from the rules and not from its code."""

import math
from collections import defaultdict
from dataclasses import dataclass

DAY = 86_400_000_000
Z90 = 1.6448536269514722


@dataclass(frozen=True)
class Event:
    item: int
    at: int
    value: float
    weight: float
    explicit: bool = True
    price_only: bool = False


@dataclass(frozen=True)
class Judgement:
    item: int
    at: int
    like: float
    evidence: float
    price_only: bool


def weight(source: int, explicit: bool, seconds: float, strength: float, training_weight: float) -> float:
    """A super-like says more than a like or a dislike, what was only seen less, and so does feedback that nobody meant; a long look and
    a strength that is far from undecided say more."""
    says = {1: 1.0, 2: 1.6, 3: 1.0, 4: 0.5, 5: 1.0 if explicit else 0.4}[source]
    looked = 1.0 if math.isnan(seconds) else 0.8 + 0.4 * seconds / (seconds + 5)
    return says * looked * (1 + abs(strength - 0.5)) * training_weight


def judgements(events: list[Event], scale: float) -> list[Judgement]:
    """The latest explicit judgement of a product, else the latest implicit one; as strong as the strongest that agrees."""
    by_topic: dict[tuple[int, bool], list[tuple[int, Event]]] = defaultdict(list)
    for place, event in enumerate(events):
        if event.value != 0:
            by_topic[event.item, event.price_only].append((place, event))
    found = []
    for of_one in by_topic.values():
        explicit = [pair for pair in of_one if pair[1].explicit]
        place, winner = (explicit or of_one)[-1]
        agreeing = [e for _, e in of_one if (e.value > 0) == (winner.value > 0)]
        strength = max(e.weight * abs(e.value) * scale for e in agreeing)
        found.append((place, Judgement(winner.item, winner.at, float(winner.value > 0), strength, winner.price_only)))
    return [judgement for _, judgement in sorted(found, key=lambda pair: pair[0])]


def scores(
    events: list[Event],
    values: dict[int, list[str]],
    scale: float,
    half_life: float,
    strength: float,
    base_strength: float,
    like_rate: float,
    plain_odds: float,
) -> dict[str, tuple[float, float, int]]:
    """{value: (score, confidence, verdict)} of one facet: facet value → the user's own rate → the population's; by head."""
    judged = [one for one in judgements(events, scale) if not one.price_only]
    if not judged:
        return {}
    latest = max(event.at for event in events)
    aged = [one.evidence * 2 ** (-(latest - one.at) / (half_life * DAY)) for one in judged]
    evidence: dict[str, float] = defaultdict(float)
    weight: dict[str, float] = defaultdict(float)
    liked: dict[str, float] = defaultdict(float)
    for one, recent in zip(judged, aged, strict=True):
        for value in values[one.item]:
            evidence[value] += one.evidence
            weight[value] += recent
            liked[value] += recent * one.like
    rate = {value: liked[value] / weight[value] for value in evidence}
    says = {value: n * strength / (n + strength) for value, n in evidence.items()}
    own = (base_strength * like_rate + sum(says[v] * rate[v] for v in rate)) / (base_strength + sum(says.values()))
    result = {}
    for value, n in evidence.items():
        score = (n * rate[value] + strength * own) / (n + strength)
        half = Z90 * math.sqrt(score * (1 - score) / (n + strength + 1))
        verdict = 1 if score - half > own else -1 if score + half < own else 0
        odds = plain_odds * score / (1 - score)
        result[value] = (odds / (1 + odds), n / (n + strength + 1), verdict)
    return result


def price_range(
    events: list[Event],
    price: dict[int, float],
    scale: float,
    edges: list[float],
    rates: list[float],
    seen_share: list[float],
    strength: float,
) -> tuple[float, float, float]:
    """(min, sweet_spot, max): quantiles .1, .5, .9 of the prices that would be liked if the usual prices were shown."""
    bands = len(rates)

    def band(item: int) -> int | None:
        value = price.get(item)
        if value is None or math.isnan(value):
            return None
        return min(max(sum(edge <= value for edge in edges) - 1, 0), bands - 1)

    liked, seen = [0.0] * bands, [0.0] * bands
    for one in judgements(events, scale):
        if (b := band(one.item)) is not None:
            seen[b] += one.evidence
            liked[b] += one.evidence * one.like
    for event in events:
        if event.value == 0 and (b := band(event.item)) is not None:
            seen[b] += event.weight * scale
    mass = [(liked[b] + strength * rates[b]) / (seen[b] + strength) * seen_share[b] for b in range(bands)]

    def quantile(q: float) -> float:
        goal, passed = q * sum(mass), 0.0
        for b in range(bands):
            if passed + mass[b] > goal:
                return edges[b] + (goal - passed) / mass[b] * (edges[b + 1] - edges[b])
            passed += mass[b]
        return edges[-1]

    return quantile(0.1), quantile(0.5), quantile(0.9)


def base_rate(events: list[Event], offset: dict[int, float], scale: float, variance: float) -> tuple[float, float]:
    """(posterior mode, variance) of the base rate against the offsets, by bisection of the gradient."""
    judged = [one for one in judgements(events, scale) if not one.price_only]

    def p(one: Judgement, base: float) -> float:
        return 1 / (1 + math.exp(-(offset[one.item] + base)))

    def gradient(base: float) -> float:
        return sum(one.evidence * (one.like - p(one, base)) for one in judged) - base / variance

    low, high = -30.0, 30.0
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if gradient(middle) > 0 else (low, middle)
    curvature = sum(one.evidence * p(one, low) * (1 - p(one, low)) for one in judged) + 1 / variance
    return low, 1 / curvature
