"""The splits and measures a second time, slowly: one judgement after the other, as their definitions read."""

from math import exp, log
from statistics import mean


def user_split(user: list[int], at: list[int], order: list[int]) -> list[bool]:
    test = [False] * len(user)
    for one in set(user):
        mine = sorted((at[i], order[i], i) for i in range(len(user)) if user[i] == one)
        asked = max(len(mine) // 5, 1) if len(mine) >= 2 else 0
        for _, _, i in mine[len(mine) - asked :]:
            test[i] = True
    return test


def global_split(at: list[int]) -> list[bool]:
    """Later than the smallest time up to which at least 80 of 100 steps from the first to the last judgement lie."""
    cut = sorted(at)[(len(at) - 1) * 8 // 10]
    return [one > cut for one in at]


def log_loss(like: list[float], probability: list[float]) -> float:
    return mean(-log(p) if liked else -log(1 - p) for liked, p in zip(like, probability, strict=True))


def user_auc(like: list[float], probability: list[float], user: list[int]) -> float:
    areas = []
    for one in set(user):
        liked = [p for p, y, u in zip(probability, like, user, strict=True) if u == one and y]
        other = [p for p, y, u in zip(probability, like, user, strict=True) if u == one and not y]
        if liked and other:
            areas.append(mean(1.0 if a > b else 0.5 if a == b else 0.0 for a in liked for b in other))
    return mean(areas)


def ece(like: list[float], probability: list[float], bins: int = 15) -> float:
    gap: dict[int, float] = {}
    for y, p in zip(like, probability, strict=True):
        smaller = sum(q < p for q in probability)
        number = smaller * bins // len(probability)
        gap[number] = gap.get(number, 0.0) + p - y
    return sum(abs(one) for one in gap.values()) / len(probability)


def calibration_gradient(
    like: list[float], probability: list[float], slope: float, intercept: float
) -> tuple[float, float]:
    """Both are 0 at the likeliest line."""
    by_slope = by_intercept = 0.0
    for y, p in zip(like, probability, strict=True):
        x = log(p / (1 - p))
        miss = y - 1 / (1 + exp(-(slope * x + intercept)))
        by_slope, by_intercept = by_slope + miss * x, by_intercept + miss
    return by_slope / len(like), by_intercept / len(like)
