"""Views: delivered again counts once; and whether an affiliate click followed."""

from collections.abc import Iterable
from typing import Any

from tests.oracles.clicks import Row


def kept_views(views: Iterable[Row]) -> list[Row]:
    seen: set[Any] = set()
    kept = []
    for view in sorted(views, key=lambda view: str(view["id"])):
        same = (
            tuple(view[name] for name in ("view_timestamp", "session_id", "product_id", "user_id"))
            + tuple(view[name] for name in ("interaction_type", "view_source", "view_position"))
            + ((view["id"],) if view["view_timestamp"] is None else ())
        )
        if same not in seen:
            seen.add(same)
            kept.append(view)
    return kept


def followed(view: Row, world: dict[str, list[Row]], verdict: dict[Any, str]) -> bool:
    if view["has_clicked_affiliate"]:
        return True
    return view["view_timestamp"] is not None and any(
        verdict[click["id"]] == "valid"
        and click["session_id"] == view["session_id"]
        and click["product_id"] == view["product_id"]
        and click["click_timestamp"] >= view["view_timestamp"]
        for click in world["clicks"]
    )
