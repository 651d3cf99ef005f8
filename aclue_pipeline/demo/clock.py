"""Local days and seconds of the shop become instants. The shop's zone is its own (UK), whatever zone reports are made in."""

from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

ZONE: Final = ZoneInfo("Europe/London")
NEVER: Final = 2**62  # µs
DAY: Final = 86_400_000_000  # µs


@dataclass(frozen=True)
class Clock:
    """Microseconds since 1970 (UTC) for local times counted from the anchor's midnight."""

    anchor: date

    def at(self, day: Any, second: Any) -> np.ndarray:
        """`second` (float) of the local clock on `day`; nothing of the demo happens in the hours in which clocks are changed."""
        since = np.asarray(day).astype(np.int64) * DAY + micro(second)
        local = np.datetime64(self.anchor, "us") + np.atleast_1d(since).astype("timedelta64[us]")
        return pd.DatetimeIndex(local).tz_localize(ZONE).asi8

    def end_of(self, day: int) -> int:
        """The instant at which a local day ends."""
        return int(self.at(day + 1, 0)[0])


def micro(seconds: Any) -> np.ndarray:
    """Seconds as whole microseconds."""
    return np.round(np.asarray(seconds) * 1e6).astype(np.int64)


def stamps(microseconds: Any) -> pd.DatetimeIndex:
    """As time stamps that say their zone (UTC), so that no session's setting can move them; NEVER becomes NaT."""
    microseconds = np.asarray(microseconds)
    known = np.where(microseconds == NEVER, np.iinfo(np.int64).min, microseconds).astype("datetime64[us]")
    return pd.DatetimeIndex(known, tz="UTC")
