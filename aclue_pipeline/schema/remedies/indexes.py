"""Indexes that no constraint brings along. On a table that exists, empty or not, they are built beside readers and writers; what a
killed build leaves behind is an invalid index, dropped and built again."""

from aclue_pipeline.schema.census import Thing
from aclue_pipeline.schema.census.thing import NAME
from aclue_pipeline.schema.change import EXCLUSIVE, Case, How, Mend, Step, ident

#: An index of such a name is on its way to being taken over by a constraint.
BUILDING = "aclue_new_"


def created(thing: Thing, concurrently: bool = False) -> str:
    definition = str(thing.facts["definition"]).replace(NAME, ident(thing.key.name), 1)
    return definition.replace(" INDEX ", " INDEX CONCURRENTLY ", 1) if concurrently else definition


def index(case: Case) -> Mend:
    name = ident("public", case.key.name)
    if case.old:
        renamed = f"alter index {ident('public', case.old.name)} rename to {ident(case.key.name)}"
        return Mend((Step(How.ALTER, (renamed,), ((case.table, EXCLUSIVE),)),))
    drop = f"drop index concurrently if exists {name}"
    if case.wanted is None:
        if case.key.name.startswith(BUILDING):
            return Mend((Step(How.LAST, (f"drop index if exists {name}",), ((case.table, EXCLUSIVE),)),))
        return Mend((Step(How.BUILD, (drop,)),), ("drops",), ("drops",))
    # Its absence until it is built again slows queries down; it stops none.
    parts = [drop] if case.found else []
    return Mend((Step(How.BUILD, (*parts, created(case.wanted, concurrently=True))),), ("builds",))
