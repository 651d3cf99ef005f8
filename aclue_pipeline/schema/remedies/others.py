"""What belongs to others, or to the server, and shows our rows past our policies: never declared, closed where it opens data. What
is not ours to judge needs a person's word."""

from aclue_pipeline.schema.census.thing import PUBLIC
from aclue_pipeline.schema.change import EXCLUSIVE, Case, How, Mend, Step, ident


def rule(case: Case) -> Mend:
    assert case.found is not None
    drop = f"drop rule if exists {ident(case.key.name)} on {case.table}"
    return Mend((case.alter(drop, how=How.CLOSE),), ("closes",), undo=str(case.found.facts["definition"]))


def child(case: Case) -> Mend:
    """A partition of ours answers by its own name, too; another child's rows show in our table, whoever wrote them."""
    assert case.found is not None
    relation = str(case.found.facts["relation"])
    if case.found.facts["bound"] is None:
        apart = f"alter table {relation} no inherit {case.table}"
        return Mend(
            (Step(How.CLOSE, (apart,), ((case.table, EXCLUSIVE), (relation, EXCLUSIVE))),),
            ("closes",),
            ("closes",),
            undo=f"alter table {relation} inherit {case.table}",
        )
    to = _roles(case.found.facts["readable_by"])
    enable, revoke = f"alter table {relation} enable row level security", f"revoke all on table {relation} from {to}"
    undo = f"alter table {relation} disable row level security; grant select on table {relation} to {to}"
    return Mend((Step(How.CLOSE, (enable, revoke), ((relation, EXCLUSIVE),)),), ("closes",), undo=undo)


def parent(case: Case) -> Mend:
    assert case.found is not None
    relation = str(case.found.facts["relation"])
    if bound := case.found.facts["bound"]:
        apart = f"alter table {relation} detach partition {case.table}"
        undo = f"alter table {relation} attach partition {case.table} {bound}"
    else:
        apart = f"alter table {case.table} no inherit {relation}"
        undo = f"alter table {case.table} inherit {relation}"
    locks = ((case.table, EXCLUSIVE), (relation, EXCLUSIVE))
    return Mend((Step(How.CLOSE, (apart,), locks),), ("closes",), ("closes",), undo=undo)


def reader(case: Case) -> Mend:
    """A view shows our rows by its owner's rights unless it asks for the caller's; nothing else has that choice."""
    assert case.found is not None
    facts, name = case.found.facts, case.key.name
    to = _roles(facts["readable_by"])
    if facts["kind"] == "view":
        statement = f"alter view {name} set (security_invoker = true)"
        undo = f"alter view {name} reset (security_invoker)"
    elif facts["kind"] == "function":
        statement = f"revoke all on routine {name} from public, {to}"
        undo = f"grant execute on routine {name} to {to}"
    else:
        statement, undo = f"revoke all on {name} from public, {to}", f"grant select on {name} to {to}"
    return Mend((Step(How.CLOSE, (statement,)),), ("closes",), ("closes",), undo=undo)


def role(case: Case) -> Mend:
    assert case.found is not None
    name = ident(case.key.name)
    statements, undo = [], []
    for word in _beyond(case, "attributes"):
        statements.append(f"alter role {name} no{word}")
        undo.append(f"alter role {name} {word}")
    for group in _beyond(case, "member_of"):
        statements.append(f"revoke {ident(group)} from {name}")
        undo.append(f"grant {ident(group)} to {name}")
    return Mend((Step(How.CLOSE, tuple(statements)),), ("closes",), ("closes",), undo="; ".join(undo))


def _roles(said: object) -> str:
    return ", ".join("public" if one == PUBLIC else ident(str(one)) for one in said)  # type: ignore[attr-defined]


def _beyond(case: Case, fact: str) -> list[str]:
    assert case.found is not None
    wanted = case.wanted.facts[fact] if case.wanted else []
    return [str(one) for one in case.found.facts[fact] if one not in wanted]  # type: ignore[union-attr, operator]
