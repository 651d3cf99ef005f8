"""Whom a session can be."""

import pytest

from aclue_pipeline.errors import NothingFound
from aclue_pipeline.postgres.claims import anon, claims_options, identity, service_role, user

ME = "11111111-1111-1111-1111-111111111111"


def test_names_and_user_ids_are_understood() -> None:
    assert identity("anon") == anon()
    assert identity("service_role") == service_role()
    assert identity(ME.upper()) == user(ME)


@pytest.mark.parametrize(
    "who", ["", "postgres", "authenticated", "nobody", f"{ME} -c role=postgres", f"{ME}'; drop table x"]
)
def test_nobody_else_is(who: str) -> None:
    with pytest.raises(NothingFound, match="user's id"):
        claims_options(who)


def test_an_anonymous_sign_in_is_a_user_with_one_claim_more() -> None:
    guest = user(ME, anonymous_sign_in=True)
    assert (guest.role, guest.claims["sub"], guest.claims["is_anonymous"]) == ("authenticated", ME, True)


def test_options_hold_no_blank_but_between_them() -> None:
    for who in ("anon", "service_role", ME):
        assert claims_options(who).split(" ")[::2] == ["-c", "-c"]
