"""Local days and seconds of the shop become instants. The shop's zone is its own (UK), whatever zone reports are made in."""

from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np

ZONE: Final = ZoneInfo("Europe/London")
NEVER: Final = 2**62  # µs
DAY: Final = 86_400_000_000  # µs


class Clock:
    """Microseconds since 1970 (UTC) for local times counted from the anchor's midnight."""

    def __init__(self, anchor: date) -> None:
        self.anchor = anchor

    def day(self, of: date) -> int:
        """The number of a calendar day, 0 for the anchor."""
        return (of - self.anchor).days

    def at(self, day: Any, second: Any) -> np.ndarray:
        """`second` (float) after local midnight of `day`. The clock is changed at night, so a day has one offset from noon on;
        nothing of the demo happens before six."""
        day = np.asarray(day).astype(np.int64)
        days, which = np.unique(day, return_inverse=True)
        midnight = np.array([self._noon(int(number)) - 43_200_000_000 for number in days], dtype=np.int64)
        return midnight[which].reshape(day.shape) + np.round(np.asarray(second) * 1e6).astype(np.int64)

    def end_of(self, of: date) -> int:
        """The instant at which a local day ends."""
        return round(datetime.combine(of + timedelta(days=1), datetime.min.time(), ZONE).timestamp() * 1e6)

    def _noon(self, day: int) -> int:
        return round(datetime.combine(self.anchor + timedelta(days=day), time(12), ZONE).timestamp() * 1e6)


def stamps(microseconds: Any) -> np.ndarray:
    """As numpy time stamps (UTC); NEVER becomes NaT."""
    microseconds = np.asarray(microseconds)
    return np.where(microseconds == NEVER, np.iinfo(np.int64).min, microseconds).astype("datetime64[us]")
