"""Being somebody: the role and the JWT claims that Supabase's REST layer sets for a request, so that row level security can
be felt from a shell and tried by a probe. Who may do what is said in sql/schema/access.csv, not here."""

import json
import uuid
from dataclasses import dataclass
from typing import Any

from aclue_pipeline.errors import NothingFound


@dataclass(frozen=True)
class Identity:
    """A database role and the claims of its token; `claims` is what auth.jwt() returns."""

    role: str
    claims: dict[str, Any]

    @property
    def json(self) -> str:
        return json.dumps(self.claims)


def anon(claimed: str | None = None) -> Identity:
    """A visitor without a token; `claimed` is a user's id that stands in the claims all the same."""
    return Identity("anon", {"role": "anon"} | ({"sub": claimed} if claimed else {}))


def service_role(on_behalf_of: str | None = None) -> Identity:
    """The app's own server; `on_behalf_of` makes auth.uid() that user's id."""
    return Identity("service_role", {"role": "service_role"} | ({"sub": on_behalf_of} if on_behalf_of else {}))


def user(user_id: str, anonymous_sign_in: bool = False) -> Identity:
    """A signed-in user; Supabase's anonymous sign-ins are users with one claim more."""
    return Identity(
        "authenticated",
        {"sub": user_id, "aud": "authenticated", "role": "authenticated", "is_anonymous": anonymous_sign_in},
    )


def identity(who: str) -> Identity:
    """The identity named `anon`, `service_role`, or by a user's id. Raises NothingFound for anything else."""
    if who == "anon":
        return anon()
    if who == "service_role":
        return service_role()
    try:
        return user(str(uuid.UUID(who)))
    except ValueError:
        raise NothingFound(
            f"{who!r} is no role and no user's id: say anon, service_role or an id (a UUID, as in auth.users)"
        ) from None


def claims_options(who: str) -> str:
    """PGOPTIONS that make a session `who` (as in identity()) from its start. Raises NothingFound."""
    them = identity(who)
    # libpq splits at blanks: there are none in it, and every part is ours or a UUID that was parsed.
    return f"-c role={them.role} -c request.jwt.claims={json.dumps(them.claims, separators=(',', ':'))}"
