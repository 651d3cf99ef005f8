"""Constraints. On a table that exists one is added NOT VALID, which asks for a brief lock, and validated afterwards, which stops
nobody; a primary key or uniqueness takes over an index that was built beside readers and writers. A CHECK that rows break does
not stay: it would refuse their conversion and the deletion of their users."""

import re
from collections.abc import Sequence

from aclue_pipeline.schema.census import Key, Thing
from aclue_pipeline.schema.change import EXCLUSIVE, NO_WRITES, Case, How, Mend, Step, ident
from aclue_pipeline.schema.remedies.columns import PROVES
from aclue_pipeline.schema.remedies.indexes import BUILDING


def constraint(case: Case) -> Mend:
    drop = f"drop constraint if exists {ident(case.key.name)}"
    if case.wanted is None:
        if case.key.name.startswith(PROVES):
            return Mend((case.alter(f"alter table {case.table} {drop}", how=How.LAST),))
        assert case.found is not None
        locks = _locks(case, case.found, EXCLUSIVE)
        return Mend((Step(How.ALTER, (f"alter table {case.table} {drop}",), locks),), ("drops",), ("drops",))
    if case.old:
        renamed = f"alter table {case.table} rename constraint {ident(case.old.name)} to {ident(case.key.name)}"
        return Mend((case.alter(renamed),))
    if case.wanted.notes["contype"] in ("p", "u"):
        return _unique(case, case.wanted)
    return _added(case, case.wanted)


def _added(case: Case, wanted: Thing) -> Mend:
    name, is_key = ident(case.key.name), wanted.notes["contype"] == "f"
    validate = f"alter table {case.table} validate constraint {name}"
    if case.found and not case.differs("definition", "triggers"):  # as declared, but rows from before it are not proved
        off = () if is_key else (f"alter table {case.table} drop constraint if exists {name}",)
        return Mend(
            (
                Step(
                    How.VALIDATE,
                    (validate,),
                    _locks(case, wanted, EXCLUSIVE),
                    broken=_broken(case, wanted),
                    otherwise=off,
                ),
            )
        )
    drop = f"drop constraint {name}, " if case.found else ""
    add = f"alter table {case.table} {drop}add constraint {name} {wanted.facts['definition']} not valid"
    mode = EXCLUSIVE if not is_key or drop else NO_WRITES
    adding = Step(How.KEY if is_key else How.ALTER, (add,), _locks(case, wanted, mode))
    back = f", add constraint {name} {case.found.facts['definition']} not valid" if case.found else ""
    # A key that old rows break stays: it refuses new ones, and lets the old be changed and deleted.
    otherwise = () if is_key else (f"alter table {case.table} drop constraint if exists {name}{back}",)
    proving = Step(How.VALIDATE, (validate,), broken=_broken(case, wanted), otherwise=otherwise)
    return Mend((adding, proving), ("locks",) if is_key else ())


def _broken(case: Case, wanted: Thing) -> str:
    if wanted.notes["contype"] == "c":
        return f"{case.table} where not {wanted.notes['expression']}"
    if wanted.notes["contype"] != "f":
        return ""
    referred = re.search(r" REFERENCES [^(]+\(([^)]*)\)", str(wanted.facts["definition"]))
    columns, others = _names(wanted.notes["columns"]), referred[1].split(", ") if referred else []
    same = " and ".join(f"o.{other} = t.{one}" for one, other in zip(columns, others, strict=True))
    given = " and ".join(f"t.{one} is not null" for one in columns)
    return f"{case.table} t where {given} and not exists (select from {wanted.notes['references']} o where {same})"


def _unique(case: Case, wanted: Thing) -> Mend:
    columns = _names(wanted.notes["columns"])
    name, building = ident(case.key.name), ident(f"{BUILDING}{case.key.name}"[:63])
    kind = "primary key" if wanted.notes["contype"] == "p" else "unique"
    listed = ", ".join(columns)
    twice = (
        f"{case.table} where ({listed}) in (select {listed} from {case.table} group by {listed} having count(*) > 1)"
    )
    build = Step(
        How.BUILD,
        (
            f"drop index concurrently if exists {ident('public', f'{BUILDING}{case.key.name}'[:63])}",
            f"create unique index concurrently {building} on {case.table} ({listed})",
        ),
        broken=twice,
        counts_first=True,
    )
    drop = f"drop constraint {name}, " if case.found else ""
    add = case.alter(f"alter table {case.table} {drop}add constraint {name} {kind} using index {building}")
    add = add.but(otherwise=(f"drop index if exists {ident('public', f'{BUILDING}{case.key.name}'[:63])}",))
    after = [Key("column", case.key.table, column) for column in _plain(wanted.notes["columns"])]
    if kind == "primary key":  # there can be one only
        after += [
            one.key
            for one in case.there.of("constraint", table=case.key.table)
            if one.notes["contype"] == "p" and one.key != case.key
        ]
    return Mend((build, add), ("builds",), after=tuple(after))


def _locks(case: Case, thing: Thing, mode: str) -> tuple[tuple[str, str], ...]:
    other = thing.notes.get("references")
    return ((case.table, mode), *(((str(other), mode),) if other else ()))


def _plain(said: object) -> Sequence[str]:
    return [str(one) for one in said]  # type: ignore[attr-defined]


def _names(said: object) -> list[str]:
    return [ident(one) for one in _plain(said)]
