"""How a difference of each kind is made good: one function a kind, from the facts of the thing alone. No database."""

from collections.abc import Callable, Mapping

from aclue_pipeline.schema.change import Case, Mend
from aclue_pipeline.schema.remedies import (
    columns,
    comments,
    constraints,
    functions,
    grants,
    indexes,
    others,
    policies,
    tables,
    triggers,
)

REMEDIES: Mapping[str, Callable[[Case], Mend]] = {
    "function": functions.function,
    "table": tables.table,
    "owner": tables.owner,
    "storage": tables.storage,
    "row security": tables.row_security,
    "column": columns.column,
    "constraint": constraints.constraint,
    "index": indexes.index,
    "policy": policies.policy,
    "grant": grants.grant,
    "trigger": triggers.trigger,
    "comment": comments.comment,
    "rule": others.rule,
    "child": others.child,
    "parent": others.parent,
    "reader": others.reader,
    "role": others.role,
}
