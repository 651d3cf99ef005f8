"""What users say of their taste by hand (pipeline.adjustments), for the kernel and for whoever asks why. What becomes of it in the
published row is the publisher's."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from psycopg.rows import class_row

from aclue_pipeline.postgres import Pg
from aclue_pipeline.preferences.arrays import Vocabulary
from aclue_pipeline.preferences.by_hand import ByHand
from aclue_pipeline.preferences.facets import FACETS, ITEM_KINDS, KIND
from aclue_pipeline.preferences.lookup import Lookup
from aclue_pipeline.preferences.store import ids_of

_SHARES: Final = {"liked_brands": 1.0, "disliked_brands": 0.0}  # of all others the value is the share
_KINDS: Final = {FACETS[kind].column: kind for kind in ITEM_KINDS} | dict.fromkeys(_SHARES, KIND["brand"])
#: Numbers as close to what was written as is ever counted, so that none is too small to be read.
_SELECT: Final = """
    select a.user_id, a.column_name as column, a.key,
        case jsonb_typeof(a.value) when 'number' then to_jsonb(round((a.value #>> '{}')::numeric, 9)) else a.value end as value,
        a.computed, a.at
    from pipeline.adjustments a join public.user_preferences p on p.user_id = a.user_id and p.adjusted_at is not null
    where a.ignored = 0 and a.user_id = any(%(users)s::uuid[])
"""


@dataclass(frozen=True)
class Adjustment:
    """What a user set by hand, and is published in place of what is computed."""

    user_id: UUID
    column: str
    key: str  # empty: the column has none
    value: Any  # None: left out
    computed: Any  # None: nothing
    at: datetime


def adjustments(pg: Pg, users: Sequence[UUID | str]) -> list[Adjustment]:
    """By user, column and key."""
    with pg.cursor(row_factory=class_row(Adjustment)) as cursor:
        found = cursor.execute(_SELECT, {"users": list(users)}).fetchall()
    return sorted(found, key=lambda one: (one.user_id, one.column, one.key))


def by_hand(said: list[Adjustment], vocabulary: Vocabulary) -> Callable[[NDArray[np.void]], ByHand | None]:
    """What of it speaks about products, for a block of users; None where nothing does. A word that the model does not know says nothing."""
    shares = [
        (one.user_id, code, _SHARES.get(one.column, one.value))
        for one in said
        if one.column in _KINDS
        and one.value is not None
        and (code := vocabulary.code(_KINDS[one.column], one.key)) >= 0
    ]
    prices = [
        (one.user_id, one.value) for one in said if (one.column, one.key) == ("price_range", "sweet_spot") and one.value
    ]
    share_ids, price_ids = (ids_of([one[0] for one in some]) for some in (shares, prices))
    codes = np.array([code for _, code, _ in shares], np.int64)
    share = np.array([value for _, _, value in shares], np.float64)
    price = np.array([value for _, value in prices], np.float64)

    def of(users: NDArray[np.void]) -> ByHand | None:
        if not shares and not prices:
            return None
        place = Lookup(users)
        user, price_user = place(share_ids), place(price_ids)
        order = np.lexsort((codes, user))
        order = order[user[order] >= 0]
        there = price_user >= 0
        if not len(order) and not there.any():
            return None
        return ByHand(user[order], codes[order], share[order], price_user[there], price[there])

    return of
