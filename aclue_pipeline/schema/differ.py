"""What is declared beside what is there: every difference, with its hazards, the locks it takes and the steps that make it good.
Pure: two censuses in, changes out."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from aclue_pipeline.catalog.sqltext import digest
from aclue_pipeline.schema.census import Census, Key, Thing
from aclue_pipeline.schema.change import Case, Change, How
from aclue_pipeline.schema.remedies import REMEDIES, comments, grants

#: An equal definition under another name is a rename; a column's would not be: what it holds is told by its name.
_RENAMED = ("index", "constraint", "trigger", "policy")
#: Found, noted, and nothing to be mended.
_NOTED = ("publication",)

Gone = Mapping[tuple[str, str], frozenset[str]]


def differ(declared: Census, there: Census, gone: Gone | None = None) -> tuple[Change, ...]:
    """The changes from what is there to what is declared (in which names of roles stand for placeholders), in the order in which
    they begin. `gone`: (kind, label) → digests of what earlier releases declared, dropped without asking where it is unchanged."""
    absent = {key.table for key in declared.things if key.kind == "table" and key not in there.things}
    changes = [_change(case, gone or {}) for case in _cases(declared, there, absent)]
    return tuple(sorted(_spoken(changes, declared), key=lambda one: (one.how, one.key.table != "", one.key)))


def definition(thing: Thing) -> str:
    """A digest of all by which a thing is compared, its owner apart."""
    return digest(*(f"{name}={fact!r}" for name, fact in sorted(thing.facts.items()) if name not in ("owner", "valid")))


def with_readers(declared: Census, readers: Iterable[tuple[str, str]]) -> Census:
    """The declared census with SELECT for roles that are named as readers of a table."""
    more = [grants.reader(table, role) for role, table in readers if table in declared.tables]
    return Census({**declared.things, **{one.key: one for one in more}})


def _cases(declared: Census, there: Census, absent: set[str]) -> Iterator[Case]:
    renamed = dict(_renames(declared, there))
    for key in declared.things.keys() | there.things.keys():
        wanted, found = declared.things.get(key), there.things.get(key)
        if key in renamed.values() or _same(wanted, found) or _unasked(key, wanted, found, declared, there):
            continue
        if key.table in absent and key.kind != "table" and not _is_key(wanted):
            continue  # made with its table
        if found is None and key.kind in ("grant", "comment") and _of_missing_function(key, there, declared):
            continue
        rows = key.table not in absent and _rows(there, key.table)
        yield Case(key, wanted, found, declared, there, rows, renamed.get(key))


def _same(wanted: Thing | None, found: Thing | None) -> bool:
    return wanted is not None and found is not None and dict(wanted.facts) == dict(found.facts)


def _unasked(key: Key, wanted: Thing | None, found: Thing | None, declared: Census, there: Census) -> bool:
    """What is no difference, or goes and comes with something else."""
    if key.kind in _NOTED or (wanted is None and key.table and Key("table", key.table, "") not in there.things):
        return True
    if wanted is not None or found is None:
        return False
    if key.kind == "comment":  # on what is not declared: its author's
        return comments.on(key) not in declared.things
    if key.kind == "grant" and not key.table:  # on a function that is not declared
        return Key("function", "", key.name.rpartition(" to ")[0]) not in declared.things
    if key.kind == "reader":
        return bool(found.facts["security_invoker"])
    return key.kind == "child" and found.facts["bound"] is not None and not found.facts.get("readable_by")


def _is_key(wanted: Thing | None) -> bool:
    return wanted is not None and wanted.key.kind == "constraint" and wanted.notes["contype"] == "f"


def _of_missing_function(key: Key, there: Census, declared: Census) -> bool:
    name = key.name.removeprefix("function ") if key.kind == "comment" else key.name.rpartition(" to ")[0]
    function = Key("function", "", name)
    return not key.table and function in declared.things and function not in there.things


def _rows(there: Census, table: str) -> bool:
    """Whether it may hold a row: where that cannot be told, it may."""
    thing = there.things.get(Key("table", table, ""))
    return thing is None or thing.notes.get("has_rows") is not False


def _renames(declared: Census, there: Census) -> Iterator[tuple[Key, Key]]:
    """(as declared, as found) for things that differ in nothing but their name."""
    spare: dict[object, list[Key]] = {}
    for thing in there.of(*_RENAMED):
        if thing.key not in declared.things and thing.facts.get("valid") is not False:
            spare.setdefault(_nameless(thing), []).append(thing.key)
    for thing in declared.of(*_RENAMED):
        if thing.key not in there.things and (found := spare.get(_nameless(thing))):
            yield thing.key, found.pop()


def _nameless(thing: Thing) -> object:
    return thing.key.kind, thing.key.table, tuple(sorted((name, str(fact)) for name, fact in thing.facts.items()))


def _change(case: Case, gone: Gone) -> Change:
    mend = REMEDIES[case.key.kind](case)
    if (
        case.wanted is None
        and case.found is not None
        and definition(case.found) in gone.get((case.key.kind, case.key.label), ())
    ):
        mend = replace(mend, hazards=(), asks=(), free=True, steps=tuple(one.but(how=How.LAST) for one in mend.steps))
    elif case.wanted is None and case.key.kind == "function":
        mend = replace(mend, hazards=("drops",), asks=("drops",), free=False)
    return Change(case.key, case.why, mend, case.wanted, case.found)


def _spoken(changes: list[Change], declared: Census) -> Iterator[Change]:
    """Comments go where the thing they speak of is made, and are said again where it is made anew."""
    made = {
        comments.about(one.key): one for one in changes if one.wanted and one.key.kind != "comment" and one.mend.steps
    }
    for change in changes:
        if change.key in made:
            continue
        comment, steps = declared.things.get(comments.about(change.key)), list(change.mend.steps)
        places = [n for n, step in enumerate(steps) if step.how != How.VALIDATE]
        if comment and change.wanted and change.key.kind not in ("table", "function") and places:
            place = places[-1]
            steps[place] = steps[place].but(statements=(*steps[place].statements, comments.said(comment)))
            change = replace(change, mend=replace(change.mend, steps=tuple(steps)))
        yield change
