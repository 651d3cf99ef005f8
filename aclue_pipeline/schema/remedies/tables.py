"""Tables: made whole in one transaction, so that none is ever readable half made; their owner, storage and row level security."""

from aclue_pipeline.schema.census import Census, Key, Thing
from aclue_pipeline.schema.census.thing import OWNER
from aclue_pipeline.schema.change import Case, How, Mend, Step, ident, quoted
from aclue_pipeline.schema.remedies import columns, comments, grants, indexes, policies, triggers


def table(case: Case) -> Mend:
    if case.wanted is None:
        return Mend(impossible="nothing declares it")
    if case.found is not None:
        kinds = {"r": "a table", "p": "partitioned", "v": "a view", "m": "a materialized view", "f": "a foreign table"}
        wanted, found = case.fact("relkind")
        return Mend(impossible=f"it is {kinds.get(str(found), found)} and should be {kinds.get(str(wanted), wanted)}")
    missing = f"to_regclass({quoted(case.table)}) is null"
    return Mend((Step(How.MAKE, tuple(made(case.declared, case.key.table)), guard=missing),), ("opens",))


def made(declared: Census, name: str) -> list[str]:
    """Every statement that makes a table but its foreign keys, which lock tables of the app."""
    target = ident("public", name)

    def each(kind: str) -> list[Key]:
        return [thing.key for thing in declared.of(kind, table=name)]

    things = declared.things
    parts = [
        columns.defined(thing)
        for thing in sorted(declared.of("column", table=name), key=lambda one: int(str(one.notes["position"])))
    ]
    plain = [thing for thing in declared.of("constraint", table=name) if thing.notes["contype"] != "f"]
    parts += [f"constraint {ident(one.key.name)} {one.facts['definition']}" for one in plain]
    storage = next(iter(declared.of("storage", table=name)))
    options = f" with ({', '.join(storage.facts['options'])})" if storage.facts["options"] else ""  # type: ignore[arg-type]
    body = ",\n    ".join(parts)
    statements = [f"create table {target} (\n    {body}\n){options}"]
    security = next(iter(declared.of("row security", table=name)))
    statements += [f"alter table {target} {', '.join(_security(security))}"]
    statements += [grants.revoked(f"table {target}", "pg_class", f"{quoted(target)}::regclass")]
    statements += [one for key in each("grant") for one in grants.given(things[key])]
    statements += [policies.created(things[key]) for key in each("policy")]
    statements += [indexes.created(things[key]) for key in each("index")]
    statements += [triggers.created(things[key]) for key in each("trigger")]
    keys = {f"constraint {one.key.name}" for one in declared.of("constraint", table=name) if one not in plain}
    statements += [comments.said(things[key]) for key in each("comment") if key.name not in keys]
    owner = next(iter(declared.of("owner", table=name))).facts["role"]
    if owner != OWNER:
        other = f"current_user <> {quoted(str(owner))}"
        give = f"alter table {target} owner to {ident(str(owner))}"
        statements.append(f"do $$ begin if {other} then {give}; end if; end $$")
    return statements


def owner(case: Case) -> Mend:
    wanted = str(case.fact("role")[0])
    return Mend((case.alter(f"alter table {case.table} owner to {ident(wanted)}"),))


def row_security(case: Case) -> Mend:
    statement = f"alter table {case.table} {', '.join(_security(case.wanted))}"
    closes = case.differs("enabled")
    undo = f"alter table {case.table} {', '.join(_security(case.found))}"
    how, hazards = (How.CLOSE, ("closes",)) if closes else (How.ALTER, ("opens",))
    return Mend((case.alter(statement, how=how),), hazards, undo=undo if closes else "")


def storage(case: Case) -> Mend:
    assert case.wanted is not None
    assert case.found is not None
    steps: list[Step] = []
    hazards: tuple[str, ...] = ()
    wanted, found = (_options(one.facts["options"]) for one in (case.wanted, case.found))
    if changed := {name: value for name, value in wanted.items() if found.get(name) != value}:
        said = ", ".join(f"{name} = {value}" for name, value in changed.items())
        steps.append(case.alter(f"alter table {case.table} set ({said})"))
    if gone := [name for name in found if name not in wanted]:
        steps.append(case.alter(f"alter table {case.table} reset ({', '.join(gone)})"))
    if case.differs("replica_identity"):
        steps.append(case.alter(f"alter table {case.table} replica identity {case.wanted.facts['replica_identity']}"))
    rewriting = []
    if case.differs("persistence"):
        rewriting.append(f"set {case.wanted.facts['persistence']}")
    if case.differs("access_method"):
        rewriting.append(f"set access method {ident(str(case.wanted.facts['access_method']))}")
    if rewriting:
        hazards = ("rewrites",) if case.rows else ()
        guard = "" if case.rows else case.empty
        steps += [case.alter(f"alter table {case.table} {one}", guard=guard) for one in rewriting]
    return Mend(tuple(steps), hazards, hazards)


def _security(thing: Thing | None) -> list[str]:
    """Both flags, each in words."""
    assert thing is not None
    enabled, forced = (
        "enable" if thing.facts["enabled"] else "disable",
        "force" if thing.facts["forced"] else "no force",
    )
    return [f"{enabled} row level security", f"{forced} row level security"]


def _options(said: object) -> dict[str, str]:
    pairs = (str(one).partition("=") for one in said)  # type: ignore[attr-defined]
    return {name: value for name, _, value in pairs}
