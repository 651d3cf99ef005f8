"""What an evaluation asks for and what it may know, one event after the other."""

from typing import NamedTuple


class Event(NamedTuple):
    user: int
    at: int
    place: int  # in its file
    judged: bool
    feedback: bool = False


def divided(events: list[Event], split: str) -> tuple[list[int], list[int], list[int]]:
    """(places of swipes asked for, of swipes known, of feedback known)."""
    judged = [one for one in events if one.judged]
    if split == "global":
        cut = sorted(one.at for one in judged)[(len(judged) - 1) * 8 // 10] if judged else -1
        asked = [one for one in judged if one.at > cut]
        known = [one for one in events if one.at <= cut]
    else:
        asked, known = [], []
        for user in {one.user for one in events}:
            swipes = sorted(
                (one for one in events if one.user == user and not one.feedback), key=lambda one: (one.at, one.place)
            )
            mine = [one for one in swipes if one.judged]
            last = mine[len(mine) - max(len(mine) // 5, 1) :] if len(mine) >= 2 else []
            asked += last
            known += swipes[: swipes.index(last[0])] if last else swipes
            known += [one for one in events if one.user == user and one.feedback and (not last or one.at < last[0].at)]
    return (
        sorted(one.place for one in asked),
        sorted(one.place for one in known if not one.feedback),
        sorted(one.place for one in known if one.feedback),
    )
