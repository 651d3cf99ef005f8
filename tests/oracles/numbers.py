"""Rates, their bounds, sums and medians by the textbook, in decimal arithmetic."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext

Z = Decimal("1.959963984540054")
MILLIONTH = Decimal("0.000001")
BILLIONTH = Decimal("0.000000001")
PRECISE = Context(prec=60, rounding=ROUND_HALF_UP)


def rate(part: int | Decimal | None, whole: int | Decimal) -> Decimal | None:
    """part / whole to six decimals; None where nothing is divided by."""
    if whole == 0 or part is None:
        return None
    with localcontext(PRECISE):
        return (Decimal(part) / whole).quantize(MILLIONTH)


def wilson(part: int | Decimal, whole: int | Decimal) -> tuple[Decimal | None, Decimal | None]:
    """Wilson's 95 % interval as he wrote it: centre and half width of the share, not of the counts."""
    if whole == 0:
        return None, None
    with localcontext(PRECISE):
        n, share = Decimal(whole), Decimal(part) / whole
        shrink = 1 + Z**2 / n
        centre = (share + Z**2 / (2 * n)) / shrink
        half = Z * (share * (1 - share) / n + Z**2 / (4 * n**2)).sqrt() / shrink
        return (centre - half).quantize(BILLIONTH), (centre + half).quantize(BILLIONTH)


def total(amounts: Iterable[Decimal | None]) -> Decimal | None:
    """The sum of what is known; None where nothing is, which is not 0."""
    known = [amount for amount in amounts if amount is not None]
    return sum(known, Decimal(0)) if known else None


def median_seconds(gaps: Sequence[timedelta]) -> Decimal | None:
    """The middle one, or half way between the two in the middle, to the millisecond."""
    if not gaps:
        return None
    ordered = sorted(gaps)
    between = ordered[(len(gaps) - 1) // 2] + ordered[len(gaps) // 2]
    with localcontext(PRECISE):
        return (Decimal(between // timedelta(microseconds=1)) / 2_000_000).quantize(Decimal("0.001"))
