"""The functions that our triggers and policies call, compared to the letter. Replacing one locks no table."""

from aclue_pipeline.schema.change import Case, How, Mend, Step, ident, quoted
from aclue_pipeline.schema.remedies import comments, grants

#: Functions of ours live in a schema that no API shows; calling one asks for EXECUTE, not for USAGE.
HOME = "do $$ begin if to_regnamespace('pipeline') is null then create schema pipeline; end if; end $$"


def function(case: Case) -> Mend:
    name = case.key.name
    if case.wanted is None:
        return Mend((Step(How.LAST, (f"drop function if exists {name}",)),), free=True)
    statements = []
    if case.differs("definition"):
        # The server reads the body as a query of this role's, which policies may bind.
        statements += ["set local row_security = on", str(case.wanted.facts["definition"])]
    if case.found is None:
        statements = [HOME, *statements, grants.revoked(f"function {name}", "pg_proc", f"{quoted(name)}::regprocedure")]
        of = f"{name} to "
        for thing in case.declared.of("grant", table=""):
            statements += grants.given(thing) if thing.key.name.startswith(of) else []
        spoken = case.declared.things.get(comments.about(case.key))
        statements += [comments.said(spoken)] if spoken else []
    elif case.differs("owner"):
        statements.append(f"alter function {name} owner to {ident(str(case.wanted.facts['owner']))}")
    return Mend((Step(How.MAKE, tuple(statements)),))
