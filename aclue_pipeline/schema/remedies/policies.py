"""Row level security policies. A permissive one that is not declared is dropped: they add up, so it could only open what the
declared ones keep closed."""

from aclue_pipeline.schema.census import Thing
from aclue_pipeline.schema.census.thing import PUBLIC
from aclue_pipeline.schema.change import Case, How, Mend, ident


def created(thing: Thing) -> str:
    facts = thing.facts
    roles = ", ".join("public" if role == PUBLIC else ident(role) for role in facts["roles"])  # type: ignore[union-attr]
    using = f" using ({facts['using']})" if facts["using"] is not None else ""
    check = f" with check ({facts['check']})" if facts["check"] is not None else ""
    mode = "permissive" if facts["permissive"] else "restrictive"
    target = ident("public", thing.key.table)
    return (
        f"create policy {ident(thing.key.name)} on {target} as {mode} for {facts['command']} to {roles}{using}{check}"
    )


def policy(case: Case) -> Mend:
    drop = f"drop policy if exists {ident(case.key.name)} on {case.table}"
    if case.old:
        renamed = f"alter policy {ident(case.old.name)} on {case.table} rename to {ident(case.key.name)}"
        return Mend((case.alter(renamed),))
    undo = created(case.found) if case.found else ""
    if case.wanted is None:
        if case.found and case.found.facts["permissive"]:
            return Mend((case.alter(drop, how=How.CLOSE),), ("closes",), undo=undo)
        return Mend((case.alter(drop),), ("drops", "opens"), ("drops",))
    if case.found is None:
        return Mend((case.alter(created(case.wanted)),), ("opens",))
    both = case.alter(drop, created(case.wanted), how=How.CLOSE)
    alone = case.alter(drop, how=How.CLOSE)
    return Mend((both,), ("closes", "opens"), undo=f"{drop}; {undo}", closing=alone)
