"""Chance without a state: every random number is a pure function of the seed, a purpose and keys (who, which day, which card).
So an event is the same in whatever batch of users or range of days it is made, and on any machine."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

_GOLDEN = 0x9E3779B97F4A7C15  # splitmix64's step


@dataclass(frozen=True)
class Draws:
    """Numbers for one seed. Keys are integers or integer arrays, broadcast together; the result has their shape."""

    seed: int

    def bits(self, purpose: str, *keys: Any) -> np.ndarray:
        """64 even bits (splitmix64 over seed, purpose and keys)."""
        with np.errstate(over="ignore"):
            state = _mixed(
                np.uint64(self.seed & 0xFFFFFFFFFFFFFFFF) + np.uint64(zlib.crc32(purpose.encode())) * np.uint64(_GOLDEN)
            )
            for key in keys:
                state = _mixed((state ^ np.asarray(key).astype(np.int64).astype(np.uint64)) + np.uint64(_GOLDEN))
        return np.asarray(state)

    def uniform(self, purpose: str, *keys: Any) -> np.ndarray:
        """Even in [0, 1)."""
        return (self.bits(purpose, *keys) >> 11) * 2.0**-53

    def normal(self, purpose: str, *keys: Any) -> np.ndarray:
        """Standard normal (Box and Muller)."""
        radius = np.sqrt(-2 * np.log1p(-self.uniform(purpose + "/radius", *keys)))
        return radius * np.cos(2 * np.pi * self.uniform(purpose + "/angle", *keys))

    def exponential(self, purpose: str, *keys: Any) -> np.ndarray:
        """Exponential with mean 1."""
        return -np.log1p(-self.uniform(purpose, *keys))

    def choice(self, purpose: str, weights: Sequence[float], *keys: Any) -> np.ndarray:
        """Positions in `weights`, each as often as it weighs."""
        edges = np.cumsum(np.asarray(weights, dtype=float))
        return np.searchsorted(edges[:-1] / edges[-1], self.uniform(purpose, *keys), side="right")

    def uuids(self, purpose: str, *keys: Any) -> np.ndarray:
        """UUIDs as text (version 8: made by an application's own rule)."""
        octets = np.hstack([self._octets(purpose + half, *keys) for half in ("/high", "/low")])
        octets[:, 6] = octets[:, 6] & 0x0F | 0x80
        octets[:, 8] = octets[:, 8] & 0x3F | 0x80
        return _hexadecimal(octets)

    def names(self, prefix: str, purpose: str, *keys: Any) -> np.ndarray:
        """Text identifiers `prefix` + 16 hexadecimal digits."""
        return prefix + _hexadecimal(self._octets(purpose, *keys))

    def _octets(self, purpose: str, *keys: Any) -> np.ndarray:
        return np.atleast_1d(self.bits(purpose, *keys)).astype(">u8")[:, None].view(np.uint8)


def where_said(mask: Any, values: np.ndarray) -> np.ndarray:
    """The values where the mask holds, None elsewhere."""
    chosen = np.full(len(values), None, dtype=object)
    chosen[mask] = values[mask]
    return chosen


def _mixed(state: Any) -> Any:
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


def _hexadecimal(octets: np.ndarray) -> np.ndarray:
    return np.frombuffer(octets.tobytes().hex().encode(), dtype=f"S{2 * octets.shape[1]}").astype(str).astype(object)
