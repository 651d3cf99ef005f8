"""Triggers. A disabled one is enabled; one that nothing declares may be a web hook of the app's: a person says so."""

from aclue_pipeline.schema.census import Thing
from aclue_pipeline.schema.census.thing import NAME
from aclue_pipeline.schema.change import EXCLUSIVE, NO_WRITES, Case, Mend, ident


def created(thing: Thing) -> str:
    return str(thing.facts["definition"]).replace(NAME, ident(thing.key.name), 1)


def trigger(case: Case) -> Mend:
    name = ident(case.key.name)
    if case.old:
        renamed = f"alter trigger {ident(case.old.name)} on {case.table} rename to {name}"
        return Mend((case.alter(renamed),))
    if case.wanted is None:
        return Mend((case.alter(f"drop trigger if exists {name} on {case.table}"),), ("drops",), ("drops",))
    statements = []
    if case.differs("definition"):
        drop = [f"drop trigger {name} on {case.table}"] if case.found else []
        statements += [*drop, created(case.wanted)]
    elif case.differs("enabled"):
        statements.append(f"alter table {case.table} {case.wanted.facts['enabled']} trigger {name}")
    return Mend((case.alter(*statements, lock=EXCLUSIVE if case.found else NO_WRITES),))
