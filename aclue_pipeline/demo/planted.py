"""What the simulator plants on purpose, so that a fit or a check can be held against it. Real behaviour plants nothing here."""

from datetime import date, timedelta
from typing import Final

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

#: An order line is clicked, but few sales are credited to the click (bought later by another way, cookie refused): the other
#: clicks are window-shopping. Of an order of n lines that is credited, each line is with the chance 1 / √n.
CREDITED_ORDERS: Final = 0.1
LATER_ORDERS: Final = 0.35  # bought on a later day than clicked
BEYOND_WINDOW: Final = 0.06  # of those: after more than 30 days
NEVER_REPORTED: Final = 0.04  # conversions whose commission the network never reports
CANCELLED_ORDERS: Final = 0.02  # of simulated order lines; the real ones are as they are
REVERSED_SALES: Final = 0.06  # of sales the network takes back weeks after it reported them
INCONSISTENT_CONVERSIONS: Final = 0.01  # a conversion time, but is_converted false
REPEATS_EARN: Final = 0.4  # of repeated clicks that are credited: the network reports the sale for both
LATE_NETWORK: Final = 1  # position in NETWORKS of the one that tells of the late month's sales four to six weeks later

#: Shares of traffic that is not as it should be.
DUPLICATE_CLICKS: Final = 0.012  # delivered again within two seconds
DUPLICATE_SWIPES: Final = 0.005  # the same swipe, same time, another id
LATE_CLICKS: Final = 0.02  # arrived hours, days or weeks after they happened
LATE_VISITS: Final = 0.004  # whose views arrive a day or two later: the telephone was offline
UNDATED_CLICKS: Final = 0.001
CLICKS_WITHOUT_AGENT: Final = 0.02
SESSIONS_WITHOUT_ROW: Final = 0.02
SESSIONS_MISCOUNTED: Final = 0.03
SIGN_INS: Final = 0.12  # of members' visits begin before they sign in, so that the anonymous id is kept beside the user
SHARED_BROWSERS: Final = 40  # one of so many people uses a neighbour's browser

#: Who was there comes again, each time with this chance and after so many days in the mean; most of them soon.
RETURNS: Final = ((0.32, 4.0), (0.22, 9.0), (0.14, 18.0))
LONGEST_RETURN: Final = 45

#: A campaign: days, counted from the anchor, in which its letter brings visits of its own.
CAMPAIGN: Final = "gifts-in-good-time"
CAMPAIGN_DAYS: Final = range(-40, -28)
CAMPAIGN_RISE: Final = 2.4  # of the visits without an order in these days

#: From this day on, counted from the anchor, one person's account and one product are no longer there: deleted by the app.
DEPARTURE_DAY: Final = -5
ERASED_PERSON: Final = 4
DELETED_PRODUCT_RANK: Final = 3  # among the products most sold


def swipe_doubt(seconds: np.ndarray, strength: np.ndarray) -> np.ndarray:
    """Chance that a swipe has the opposite sign of what its visitor thinks; strength 0 (none) to 1 (full)."""
    return SWIPE_DOUBT * np.exp(-seconds / SWIPE_SECONDS) * (1 - STRENGTH_GAIN * strength)


def late_month(anchor: date) -> range:
    """The days, counted from the anchor, of the calendar month that is reported late: the last one that ended four weeks before."""
    end = (anchor - timedelta(days=28)).replace(day=1)
    start = (end - timedelta(days=1)).replace(day=1)
    return range((start - anchor).days, (end - anchor).days)
