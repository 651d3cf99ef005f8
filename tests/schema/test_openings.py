"""Mutation score of the probes: whatever opens data of a sound deployment turns verifying red. Every one of some hundred mutations is
tried, and the score printed (`pytest -rP`)."""

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import psycopg
import pytest

from aclue_pipeline.postgres import Database, Pg
from aclue_pipeline.postgres.server import SUPERUSER, EmbeddedServer
from aclue_pipeline.schema.access import lines
from aclue_pipeline.schema.census import Thing
from aclue_pipeline.schema.declared import declared
from aclue_pipeline.schema.verify.criteria import CRITERIA
from aclue_pipeline.schema.verify.shape import shapes
from aclue_pipeline.schema.verify.site import Site

pytestmark = pytest.mark.database

_JUDGED = [
    one
    for one in CRITERIA
    if one.name
    in ("row_level_security", "user_data_isolated", "anonymous_visitors", "no_cross_user_access", "service_role_access")
]


@pytest.fixture(scope="module")
def pg(server: EmbeddedServer, standing: Database) -> Iterator[Pg]:
    with psycopg.connect(server.url(standing.name, SUPERUSER), autocommit=True) as connection:
        yield connection


class OneTable(Site):
    """Where a mutation concerns one table, the others are not tried."""

    def __init__(self, pg: Pg, table: str) -> None:
        super().__init__(pg)
        self.table = table

    @property
    def whole(self) -> list[str]:
        return [self.table]


def red(pg: Pg, table: str, mutation: str) -> list[str]:
    """The criteria that fail with it, by their names."""
    with pg.transaction(force_rollback=True):
        pg.execute("set local search_path = public")
        pg.execute(mutation)
        pg.execute("set local role postgres")
        site = OneTable(pg, table)
        return [one.name for one in _JUDGED if one.judgement(site).outcome == "failed"]


def conjuncts(condition: str) -> list[str]:
    """The parts of a condition as the server writes it, which AND joins at its top: each in brackets."""
    parts, depth, begin = [], 0, 0
    inner = condition[1:-1]
    for place, sign in enumerate(inner):
        depth += (sign == "(") - (sign == ")")
        if depth == 0 and inner[place + 1 :].startswith(" AND "):
            parts.append(inner[begin : place + 1])
            begin = place + len(" AND ") + 1
    return [*parts, inner[begin:]]


def of_policy(policy: Thing) -> Iterator[str]:
    """Whatever makes a policy show or take more."""
    alter = f"alter policy {policy.key.name} on {policy.key.table}"
    if "service_role" in policy.facts["roles"]:  # type: ignore[operator]
        yield from (f"{alter} to public", f"{alter} to service_role, authenticated")
        return
    owner = shapes()[policy.key.table].owner
    for clause, condition in (("using", policy.facts["using"]), ("with check", policy.facts["check"])):
        if condition is None:
            continue
        text = str(condition)
        yield f"{alter} {clause} (true)"
        yield f"{alter} {clause} ({text} or {owner} is not null)"
        for weaker in ("{}::text::char(1)", "left({}::text, 9)", "right({}::text, 12)"):
            own, weak = (
                f"({owner} = ( SELECT auth.uid() AS uid))",
                " = ".join(map(weaker.format, (owner, "auth.uid()"))),
            )
            if own in text:
                yield f"{alter} {clause} ({text.replace(own, f'({weak})')})"
        parts = conjuncts(text)
        for left_out in parts if len(parts) > 1 else ():
            if left_out.endswith("IS NOT NULL)"):  # a trigger fills it in
                continue
            yield f"{alter} {clause} ({' and '.join(part for part in parts if part != left_out)})"
        if "'anon'::name" in text:
            yield f"{alter} {clause} ({text.replace(chr(39) + 'anon' + chr(39) + '::name', chr(39) + chr(39) + '::name')})"
        for bound, wider in (("'1 day'", "'2 days'"), ("'00:05:00'", "'01:00:00'")):
            if bound in text:
                yield f"{alter} {clause} ({text.replace(bound, wider)})"
    if policy.facts["command"] == "SELECT" and shapes()[policy.key.table].ownerless:
        yield f"{alter} using ({policy.facts['using']} or {owner} is null)"
    yield f"create policy extra on {policy.key.table} using (true)"
    granted = f"grant update on {policy.key.table} to authenticated"
    yield f"create policy extra on {policy.key.table} for update to authenticated using (true); {granted}"


def of_grants(table: str) -> Iterator[str]:
    """Every right on the table, or a column of it, that a role of the clients does not have."""
    spoken = [one for one in lines() if one.table == table]
    for role, verb in product(("anon", "authenticated"), ("select", "insert", "update", "delete")):
        mine = [one for one in spoken if (one.role, one.verb) == (role, verb)]
        if verb in ("insert", "update"):
            for column in (
                column
                for one in mine
                if not one.allowed and one.owner in ("own", "ownerless")
                for column in one.columns
            ):
                yield f"grant {verb} ({column}) on {table} to {role}"
            yield f"grant {verb} on {table} to {role}"
        elif not any(one.allowed for one in mine):
            yield f"grant {verb} on {table} to {role}"
        if any(one.allowed for one in mine) and verb == "select":
            yield f"grant {verb} on {table} to {role} with grant option"
    for role, right in product(
        ("anon", "authenticated", "service_role", "public"), ("truncate", "references", "trigger")
    ):
        yield f"grant {right} on {table} to {role}"
    yield from (f"grant all on {table} to {role}" for role in ("anon", "authenticated", "public", "authenticator"))
    yield f"grant select (id) on {table} to anon".replace("(id)", f"({shapes()[table].key})")


def openings() -> list[tuple[str, str]]:
    """(table, statements) of each."""
    recommended = next(one for one in declared().of("function") if "recommended" in one.key.name).key.name
    found = [(table, one) for table in declared().tables for one in of_grants(table)]
    found += [(policy.key.table, one) for policy in declared().of("policy") for one in of_policy(policy)]
    for block in (Path(__file__).parent / "openings.sql").read_text().split("\n\n")[1:]:
        tables = declared().tables if "{table}" in block else ["recommendation_feedback"]
        found += [(table, block.format(table=table, recommended=recommended)) for table in tables]
    return list(dict.fromkeys(found))


def score(pg: Pg, chosen: list[tuple[str, str]]) -> list[str]:
    survived = [statement for table, statement in chosen if not red(pg, table, statement)]
    print(f"mutation score of the probes: {len(chosen) - len(survived)} of {len(chosen)}")
    return survived


def test_nothing_is_red_of_what_opens_nothing(pg: Pg) -> None:
    harmless = "create view extra with (security_invoker) as select * from product_views; grant select on extra to anon"
    for statement in ("select", harmless, "create table extra () inherits (product_views)"):
        assert red(pg, "product_views", statement) == []


def test_some_of_what_opens_data_is_caught(pg: Pg) -> None:
    chosen = [one for one in openings() if one[0] == "product_views"]
    assert score(pg, chosen[::12]) == []


@pytest.mark.slow
def test_all_that_opens_data_is_caught(pg: Pg) -> None:
    chosen = openings()
    assert len(chosen) >= 400
    assert score(pg, chosen) == []
