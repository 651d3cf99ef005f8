"""SQL as text: its comments, strings and `:parameters` told apart, statements split, values bound. No parser, no database.

Small enough to be sure of, and it reads what a parser cannot (function bodies, policies, grants)."""

import hashlib
import re

_PIECE = re.compile(
    r"""
      (?P<comment>   --[^\n]* | /\*.*?\*/ )
    | (?P<literal>   (?<!\w)[eE]'(?:[^'\\]|''|\\.)*' | '(?:[^']|'')*' | "(?:[^"]|"")*" | (?P<tag>\$\w*\$).*?(?P=tag) )
    | (?P<parameter> (?<![:\w]):(?P<name>[a-z_]\w*) )
    | (?P<end>       ; )
    | (?P<space>     \s+ )
    | (?P<code>      [^\s;:'"$/-]+ | . )
    """,
    re.VERBOSE | re.DOTALL,
)


def without_comments(text: str) -> str:
    """The statement with every comment gone and every stretch of white space one blank: equal texts mean equal SQL."""
    pieces = [""]
    for piece in _PIECE.finditer(text):
        blank = piece.lastgroup in ("comment", "space")
        if not (blank and pieces[-1] == " "):
            pieces.append(" " if blank else piece.group())
    return "".join(pieces).strip()


def digest(*texts: str) -> str:
    """A short hash for code versions and fingerprints."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


def statements(text: str) -> list[str]:
    """The statements of a script, comments kept, without their semicolons; empty ones are dropped."""
    found, begin = [], 0
    for piece in _PIECE.finditer(text):
        if piece.lastgroup == "end":
            found.append(text[begin : piece.start()])
            begin = piece.end()
    return [statement for statement in (*found, text[begin:]) if without_comments(statement)]


def parameters(text: str) -> tuple[str, ...]:
    """Names of the `:parameters`, sorted."""
    return tuple(sorted({piece["name"] for piece in _PIECE.finditer(text) if piece["name"]}))


def bindable(text: str) -> str:
    """The statement as the driver takes it: `:name` becomes `%(name)s`, and a percent sign itself is doubled."""
    return "".join(
        f"%({piece['name']})s" if piece["name"] else piece.group().replace("%", "%%") for piece in _PIECE.finditer(text)
    )
