"""Normal forms: two ways of writing the same SQL become the same text, so that what a file declares can be compared with what
the server says about itself. No database, no knowledge of tables.

Parentheses, casts, the case of words and IN against = ANY are matters of writing here. A hand-made change of nothing but a cast
therefore passes unseen in the comparison; the fingerprint, which is taken over the server's own words, sees it."""

import re
from functools import lru_cache

import sqlglot
from sqlglot import exp

from aclue_pipeline.catalog.sqltext import without_comments

_TYPES = {
    "timestamptz": "timestamp with time zone",
    "float8": "double precision",
    "int": "integer",
    "bool": "boolean",
}
_LITERAL = re.compile(r"('(?:[^']|'')*'|\"(?:[^\"]|\"\")*\")")


@lru_cache(maxsize=1024)
def expression(text: str) -> str:
    """The normal form of one value expression: a default, a CHECK, a predicate, a policy's condition; "" of ""."""
    if not text:
        return ""

    def plain(node: exp.Expression) -> exp.Expression:
        if isinstance(node, exp.Cast) and node.this.is_string and re.fullmatch(r"-\d+(\.\d+)?", node.this.name):
            return exp.Neg(this=exp.Literal.number(node.this.name[1:]))  # the server writes -1 as '-1'::integer
        if isinstance(node, exp.Paren | exp.Cast | exp.Alias):
            return node.this.transform(plain)
        if isinstance(node, exp.EQ) and isinstance(node.expression, exp.Any):
            listed = node.expression.find(exp.Array)
            if listed is not None:
                return exp.In(this=node.this, expressions=listed.expressions).transform(plain)
        return node

    # The tree itself, since SQL made from it would lack the parentheses that say which OR an AND belongs to.
    return repr(sqlglot.parse_one(text, read="postgres").transform(plain))


def words(text: str) -> str:
    """The normal form of what is no expression: outside of quotes lower case, no blanks beside brackets and commas."""
    pieces = _LITERAL.split(without_comments(text))
    return "".join(
        piece if index % 2 else re.sub(r"\s*([(),])\s*", r"\1", piece.lower()) for index, piece in enumerate(pieces)
    ).strip()


def type_name(text: str) -> str:
    """The type as format_type() says it: `timestamptz` becomes `timestamp with time zone`."""
    said = words(text)
    return _TYPES.get(said, said)


def split(text: str) -> list[str]:
    """The parts of a list between its outermost commas."""
    parts, depth, begin = [], 0, 0
    for piece in re.finditer(r"'(?:[^']|'')*'|[(),]", text):
        if piece.group() == "(":
            depth += 1
        elif piece.group() == ")":
            depth -= 1
        elif piece.group() == "," and depth == 0:
            parts.append(text[begin : piece.start()].strip())
            begin = piece.end()
    return [*parts, text[begin:].strip()]
