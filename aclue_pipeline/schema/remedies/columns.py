"""Columns: added, altered, and dropped where a person allows the loss of what they hold."""

import re

from aclue_pipeline.schema.census import Key, Thing
from aclue_pipeline.schema.change import NO_WRITES, Case, How, Mend, Step, ident, quoted
from aclue_pipeline.schema.remedies import policies, triggers

_VOLATILE = re.compile(r"random|uuid|nextval|clock_timestamp|timeofday", re.IGNORECASE)
_ANY_TEXT = re.compile(r"text|character varying")
_INTEGERS = ("smallint", "integer", "bigint", "numeric")
#: A CHECK of this name proves that a column holds no NULL, while NOT NULL is on its way.
PROVES = "aclue_not_null_"


def defined(thing: Thing) -> str:
    """As it stands within CREATE TABLE and after ADD COLUMN."""
    facts = thing.facts
    parts = [ident(thing.key.name), str(facts["type"])]
    if facts["collation"]:
        parts.append(f"collate {facts['collation']}")
    if facts["generated"]:
        parts.append(f"generated always as ({facts['default']}) {facts['generated']}")
    elif facts["default"] is not None:
        parts.append(f"default {facts['default']}")
    if facts["identity"]:
        parts.append(f"generated {facts['identity']} as identity")
    return " ".join([*parts, *(["not null"] if facts["not_null"] else [])])


def column(case: Case) -> Mend:
    if case.wanted is None:
        drop = case.alter(f"alter table {case.table} drop column {ident(case.key.name)}")
        return Mend((drop,), ("loses-data",), ("loses-data",))
    if case.found is None:
        return _added(case, case.wanted)
    return _altered(case, case.wanted)


def _added(case: Case, wanted: Thing) -> Mend:
    facts, guard = wanted.facts, ""
    asks: tuple[str, ...] = ()
    fills = facts["default"] is not None or facts["identity"]
    if facts["not_null"] and not fills:
        if case.rows:
            return Mend(
                impossible="the table has rows, and nothing says what it should hold in them; add and fill it by hand"
            )
        guard = case.empty
    if facts["generated"] or facts["identity"] or (fills and _VOLATILE.search(str(facts["default"]))):
        guard, asks = ("", ("rewrites",)) if case.rows else (case.empty, ())
    add = f"alter table {case.table} add column {defined(wanted)}"
    if case.rows and _derived(wanted):
        name = ident(case.key.name)
        steps = (
            case.alter(add.removesuffix(" not null")),
            *_not_null(case, f"alter table {case.table} alter column {name}"),
        )
        return Mend((*steps, *_tuned(case)), after=_derives(case))
    return Mend((case.alter(add, guard=guard), *_tuned(case)), asks, asks)


def _altered(case: Case, wanted: Thing) -> Mend:
    name, facts = ident(case.key.name), wanted.facts
    alter = f"alter table {case.table} alter column {name}"
    steps: list[Step] = []
    hazards: list[str] = []
    before, found = case.fact("type")
    if case.differs("generated", "identity"):
        if facts["generated"] or facts["identity"]:
            return Mend(impossible="an existing column cannot become generated; make it anew by hand")
        steps.append(case.alter(f"{alter} drop {'expression' if case.fact('generated')[1] else 'identity'} if exists"))
        hazards.append("drops")
    if case.differs("type", "collation"):
        kept = only_catalogue(str(found), str(before)) and not case.differs("collation")
        hazards += [] if kept or not case.rows else ["rewrites"]
        hazards += ["loses-data"] if case.rows and not lossless(str(found), str(before)) else []
        steps.append(_retyped(case, alter, facts, "" if kept or case.rows else case.empty))
    elif case.differs("default") and not facts["generated"]:
        if facts["default"] is None:
            hazards.append("drops")
        set_ = f"set default {facts['default']}" if facts["default"] is not None else "drop default"
        steps.append(case.alter(f"{alter} {set_}"))
    if case.differs("not_null"):
        steps += _not_null(case, alter) if facts["not_null"] else [case.alter(f"{alter} drop not null")]
    steps += _tuned(case)
    after = _derives(case) if _derived(wanted) and case.differs("not_null") else ()
    return Mend(tuple(steps), tuple(hazards), tuple(hazards), after=after)


def _derived(wanted: Thing) -> bool:
    """Whether a trigger fills it in: it must hold a value, and its default is none."""
    return bool(wanted.facts["not_null"]) and str(wanted.facts["default"]).startswith("NULLIF(")


def _derives(case: Case) -> tuple[Key, ...]:
    """What must be there for a trigger to fill it in: the triggers, and the columns that they read."""
    given = (one for one in case.declared.of("column", "trigger", table=case.key.table) if case.key not in one.needs)
    return tuple(one.key for one in given if one.key.kind == "trigger" or not _derived(one))


def _retyped(case: Case, alter: str, facts: object, guard: str) -> Step:
    """What names the column in a condition must be taken off for it, and is made again in the same transaction."""
    to = str(facts["type"]) + (f" collate {facts['collation']}" if facts["collation"] else "")  # type: ignore[index]
    default = facts["default"]  # type: ignore[index]
    users = [one for one in case.there.of("policy", "trigger", table=case.key.table) if case.key in one.needs]
    off = [f"drop {one.key.kind} {ident(one.key.name)} on {case.table}" for one in users]
    again = [(policies if one.key.kind == "policy" else triggers).created(one) for one in users]
    return case.alter(
        *off,
        f"{alter} drop default",
        f"{alter} type {to} using ({ident(case.key.name)}::{facts['type']})",  # type: ignore[index]
        *([f"{alter} set default {default}"] if default is not None else []),
        *again,
        guard=guard,
    )


def _not_null(case: Case, alter: str) -> list[Step]:
    """Under its lock nothing is looked through: a CHECK that is proved beforehand says that there is no NULL."""
    name = ident(f"{PROVES}{case.key.name}"[:63])
    null = f"{ident(case.key.name)} is null"
    off = f"alter table {case.table} drop constraint if exists {name}"
    add = f"{off}, add constraint {name} check ({ident(case.key.name)} is not null) not valid"
    fill = f"update {case.table} set {ident(case.key.name)} = null where {null}"
    return [
        case.alter(add),
        *([Step(How.VALIDATE, (fill,), otherwise=(off,))] if case.wanted and _derived(case.wanted) else []),
        Step(
            How.VALIDATE,
            (f"alter table {case.table} validate constraint {name}",),
            broken=f"{case.table} where {null}",
            otherwise=(off,),
        ),
        case.alter(f"{alter} set not null", off),
    ]


def _tuned(case: Case) -> list[Step]:
    """Statistics target and storage, where they are not the type's."""
    assert case.wanted is not None
    alter = f"alter table {case.table} alter column {ident(case.key.name)}"
    words = []
    if case.fact("statistics")[0] != case.fact("statistics")[1]:
        target = case.wanted.facts["statistics"]
        words.append(f"{alter} set statistics {-1 if target is None else target}")
    if case.fact("storage")[0] != case.fact("storage")[1]:
        said = case.wanted.facts["storage"]
        words.append(f"{alter} set storage {said}" if said else _typical_storage(alter, str(case.wanted.facts["type"])))
    return [case.alter(*words, lock=NO_WRITES)] if words else []


def _typical_storage(alter: str, type_: str) -> str:
    letter = f"(select typstorage from pg_type where oid = {quoted(type_)}::regtype)"
    word = f"case {letter} when 'p' then 'plain' when 'e' then 'external' when 'x' then 'extended' else 'main' end"
    return f"do $$ begin execute {quoted(f'{alter} set storage ')} || {word}; end $$"


def only_catalogue(found: str, wanted: str) -> bool:
    """Whether the server changes nothing but its catalogues: no row is written anew."""
    if _ANY_TEXT.match(found) and wanted in ("text", "character varying"):
        return True
    numbers = [re.fullmatch(r"(\D+?)(?:\((\d+)(?:,(\d+))?\))?( .*)?", one) for one in (found, wanted)]
    old, new = numbers
    if old is None or new is None or old[1] != new[1] or old[4] != new[4]:
        return False
    if new[2] is None:
        return old[1] in ("numeric", "character varying")
    return old[2] is not None and int(new[2]) >= int(old[2]) and old[3] == new[3] and old[1] != "character"


def lossless(found: str, wanted: str) -> bool:
    both = [one.split("(")[0] for one in (found, wanted)]
    return (
        only_catalogue(found, wanted)
        or wanted == "text"
        or (wanted in _INTEGERS and both[0] in _INTEGERS[:3] and _INTEGERS.index(wanted) > _INTEGERS.index(both[0]))
        or (found, wanted) in (("real", "double precision"), ("date", "timestamp without time zone"))
    )
