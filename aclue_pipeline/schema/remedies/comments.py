"""Comments: what the files say is what a person reads in the database."""

from aclue_pipeline.schema.census import Key, Thing
from aclue_pipeline.schema.change import Case, How, Mend, ident, quoted

_ON_TABLE = ("constraint", "policy", "trigger")


def said(thing: Thing, text: str | None = None) -> str:
    text = quoted(str(thing.facts["text"])) if text is None else text
    kind, _, name = thing.key.name.partition(" ")
    table = ident("public", thing.key.table) if thing.key.table else ""
    if kind == "function":
        target = f"function {name}"
    elif kind == "table":
        target = f"table {table}"
    elif kind == "column":
        target = f"column {table}.{ident(name)}"
    elif kind in _ON_TABLE:
        target = f"{kind} {ident(name)} on {table}"
    else:
        target = f"{kind} {ident('public', name)}"
    return f"comment on {target} is {text}"


def on(key: Key) -> Key:
    """Of what a comment speaks."""
    kind, _, name = key.name.partition(" ")
    return Key(kind, key.table, name)


def about(key: Key) -> Key:
    """The comment that speaks of it."""
    return Key("comment", key.table, f"{key.kind} {key.name}".strip())


def comment(case: Case) -> Mend:
    if case.wanted is None:
        assert case.found is not None
        return Mend((case.alter(said(case.found, "null"), lock=""),), ("drops",), ("drops",))
    return Mend((case.alter(said(case.wanted), lock="", how=How.ALTER),), after=(on(case.key),))
