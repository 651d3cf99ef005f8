"""Grants, one thing per role and object: what is missing is granted, what is too much is revoked, whoever granted it."""

import re

from aclue_pipeline.schema.census import Census, Key, Thing
from aclue_pipeline.schema.census.thing import OWNER, PUBLIC
from aclue_pipeline.schema.change import Case, How, Mend, ident, quoted

_RIGHT = re.compile(r"(?P<verb>[A-Z ]+?)(?: \((?P<columns>.*)\))?$")
Rights = dict[str, set[str]]


def revoked(target: str, catalogue: str, oid: str) -> str:
    """Take from everybody but the owner what default privileges gave: they may name any role."""
    of, kind = ("rel", "r") if catalogue == "pg_class" else ("pro", "f")
    return f"""do $$
declare
    one record;
begin
    for one in
        select distinct case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end as role
        from {catalogue}, aclexplode(coalesce({of}acl, acldefault('{kind}', {of}owner)))
        where oid = {oid} and grantee <> {of}owner
    loop
        execute {quoted(f"revoke all on {target} from ")} || one.role;
    end loop;
end
$$"""


def given(thing: Thing) -> list[str]:
    """The statements that give all that the thing says, but for the owner, who has it."""
    target, role = _target(thing.key)
    if role == OWNER:
        return []
    return [
        f"grant {_said(_rights(thing.facts[name]))} on {target} to {_role(role)}{option}"
        for name, option in (("rights", ""), ("grantable", " with grant option"))
        if thing.facts[name]
    ]


def grant(case: Case) -> Mend:
    target, role = _target(case.key)
    to = ident(_owner(case.declared, case.key)) if role == OWNER else _role(role)
    if role == OWNER:
        return Mend((case.alter(f"grant all on {target} to {to}", lock=""),))
    wanted, found = (_rights(one.facts["rights"]) if one else {} for one in (case.wanted, case.found))
    more, less = _without(found, wanted), _without(wanted, found)
    statements = []
    if case.found and case.found.facts["grantable"]:
        statements.append(f"revoke grant option for all on {target} from {to} cascade")
    if more:
        statements.append(f"revoke {_said(more)} on {target} from {to} cascade")
        # To revoke a verb on the table revokes it on the columns, too.
        less |= {verb: columns for verb, columns in wanted.items() if "" in more.get(verb, ()) and columns}
    # What is too much ends now, also where a column that is to be granted is not there yet.
    there = {one.key.name for one in case.there.of("column", table=case.key.table)} | {""}
    now = {verb: columns & there for verb, columns in less.items() if columns & there or not case.key.table}
    later = _without(less, now)
    closes = bool(statements)
    statements += [f"grant {_said(now)} on {target} to {to}"] if now else []
    how = How.CLOSE if closes else How.ALTER
    steps = [case.alter(*statements, how=how, lock="").but(waits=False)] if statements else []
    steps += [case.alter(f"grant {_said(later)} on {target} to {to}", lock="")] if later else []
    undo = "; ".join(given(case.found)) if case.found and closes else ""
    hazards = (*(("closes",) if closes else ()), *(("opens",) if _without(wanted, found) else ()))
    return Mend(tuple(steps), hazards, undo=undo)


def reader(table: str, role: str) -> Thing:
    """What a role named as a reader has: SELECT, and no more."""
    return Thing(Key("grant", table, role), {"rights": ["SELECT"], "grantable": [], "grantors": None}, {}, ())


def _owner(declared: Census, key: Key) -> str:
    if key.table:
        return str(declared.things[Key("owner", key.table, "")].facts["role"])
    return str(declared.things[Key("function", "", key.name.rpartition(" to ")[0])].facts["owner"])


def _target(key: Key) -> tuple[str, str]:
    """The object as GRANT names it, and the role."""
    if key.table:
        return f"table {ident('public', key.table)}", key.name
    function, _, role = key.name.rpartition(" to ")
    return f"function {function}", role


def _role(name: str) -> str:
    return "public" if name == PUBLIC else ident(name)


def _rights(said: object) -> Rights:
    """Each verb with its columns; "" stands for the table as a whole."""
    found: Rights = {}
    for right in said:  # type: ignore[attr-defined]
        parts = _RIGHT.match(right)
        assert parts is not None, right
        found.setdefault(parts["verb"], set()).update(parts["columns"].split(", ") if parts["columns"] else [""])
    return found


def _without(some: Rights, others: Rights) -> Rights:
    left = {verb: columns - others.get(verb, set()) for verb, columns in some.items()}
    return {verb: columns for verb, columns in left.items() if columns}


def _said(rights: Rights) -> str:
    parts = []
    for verb, columns in sorted(rights.items()):
        if "" in columns:
            parts.append(verb.lower())
        if named := sorted(columns - {""}):
            parts.append(f"{verb.lower()} ({', '.join(ident(one) for one in named)})")
    return ", ".join(parts)
