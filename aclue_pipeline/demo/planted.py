"""What the simulator plants on purpose, so that a fit or a check can be held against it. Real behaviour plants nothing here."""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np

#: How likely a visitor likes a product: logit = base rate of the person + these weights × (taste of the category, mean taste of
#: the styles and colours, popularity as a z-score, −sensitivity × log of the price against the category's median).
TASTE_WEIGHTS: Final = {"category": 1.0, "traits": 0.7, "popularity": 0.35, "price": 1.0}
BASE_RATE: Final = (-0.2, 0.7)  # mean and standard deviation, logit
TASTE_SPREAD: Final = 0.8  # standard deviation of a taste that nothing real says anything about, logit
PRICE_SENSITIVITY: Final = (0.25, 0.35)  # mean and standard deviation, logit per unit of log price

#: A swipe shows what the visitor thinks with this reliability: it grows with the time spent on the card (saturating) and with
#: the strength that the client reports. What a signal is worth is the log odds of its reliability; a fit of the signals'
#: weights must find these ratios again.
SWIPE_DOUBT: Final = 0.30  # chance of the opposite sign for a card thrown at once, at no strength
SWIPE_SECONDS: Final = 4.0  # seconds in which that chance falls to 1/e
STRENGTH_GAIN: Final = 0.8  # share of the chance that full strength takes away
UP_SHARE: Final = 0.12  # of likes are super-likes
UP_DOUBT: Final = 0.02  # of super-likes are by someone who does not like the product
#: Explicit feedback (like, love, dislike, not interested) says the opposite of what is thought with this chance.
EXPLICIT_DOUBT: Final = 0.04
EXPLICIT_SHARE: Final = 0.12  # of recommendations shown get explicit feedback

#: An affiliate click follows a liked card with this chance at position 1, falling as 1 / (1 + decay × (position − 1)).
CLICK_AFTER_LIKE: Final = 0.45
POSITION_DECAY: Final = 0.06

#: Shares of traffic that is not as it should be.
DUPLICATE_CLICKS: Final = 0.012  # delivered again within two seconds
DUPLICATE_SWIPES: Final = 0.005  # the same swipe, same time, another id
LATE_CLICKS: Final = 0.02  # arrived hours or days after they happened
UNDATED_CLICKS: Final = 0.001
CLICKS_WITHOUT_AGENT: Final = 0.02
INCONSISTENT_CONVERSIONS: Final = 0.003  # a conversion time, but is_converted false
SESSIONS_WITHOUT_ROW: Final = 0.02
SESSIONS_MISCOUNTED: Final = 0.03
LATER_CONVERSIONS: Final = 0.35  # of orders: bought on a later day than clicked
BEYOND_WINDOW: Final = 0.02  # of those: after more than 30 days
CANCELLED_ORDERS: Final = 0.02  # of simulated order lines; the real ones are as they are
NEVER_REPORTED: Final = 0.03  # conversions whose commission the network never reports


def swipe_doubt(seconds: "np.ndarray", strength: "np.ndarray") -> "np.ndarray":
    """Chance that a swipe has the opposite sign of what its visitor thinks; strength 0 (none) to 1 (full)."""
    import numpy as np

    return SWIPE_DOUBT * np.exp(-seconds / SWIPE_SECONDS) * (1 - STRENGTH_GAIN * strength)
