"""How a line of access.csv is tried: the statements, as whom, on which row. Running them belongs to probes.py."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from psycopg import sql

from aclue_pipeline.postgres import claims
from aclue_pipeline.schema.access import Line, lines
from aclue_pipeline.schema.verify.shape import PRODUCTS, USERS, Shape, some_value

_AT = {"25 hours old": "now() - interval '25 hours'", "6 minutes ahead": "now() + interval '6 minutes'"}

#: How a refusal must read, in a server that speaks English: what else refuses, proves nothing about what is tried.
DENIED = r"permission denied for (table|relation|view) |must be owner of "
POLICY = r"new row violates row-level security policy"
HIDDEN = ""  # no error, and no row


@dataclass(frozen=True)
class Cast:
    """Who and what plays: two users (of whom one came by an anonymous sign-in), and what our tables refer to, by table and
    whose it is ("": nobody's), with a product more; `rows`: the key of the row that each user (None: nobody) has in a table
    under trial. All are ids."""

    user: str
    guest: str
    made: Mapping[tuple[str, str], str]
    another: str
    rows: Mapping[str | None, str] = field(default_factory=dict)

    @property
    def product(self) -> str:
        return self.made[PRODUCTS, ""]

    @property
    def recommended(self) -> dict[str, str]:
        """The recommendation made to each user."""
        return {one: self.made["public.recommendations", one] for one in (self.user, self.guest)}

    def id(self, target: str, owner: str | None) -> str | None:
        """The row of `target` that a row of this owner refers to; nobody's refer to the user's where only users have any."""
        if target == USERS:
            return owner
        return self.made.get((target, "")) or self.made[target, owner or self.user]


@dataclass(frozen=True)
class Trial:
    """One statement as one identity. `before` is run first, by whoever verifies; `right` is what the role must not even hold
    where no line allows it, as a question to PostgreSQL."""

    line: Line
    actor: str
    column: str
    identity: claims.Identity
    before: sql.Composed | None
    statement: sql.Composed | None
    right: sql.Composed | None

    def __str__(self) -> str:
        return f"{self.actor}{f', {self.column}' if self.column else ''}"

    @property
    def refusal(self) -> str:
        """By what it is refused: the grants, what a policy says of a new row, or that no policy shows the row."""
        if self.right is not None:
            return DENIED
        return POLICY if self.line.verb == "insert" or self.line.condition == "moved to another" else HIDDEN


@dataclass(frozen=True)
class _Actor:
    name: str
    identity: claims.Identity
    id: str | None
    other: str


def _actors(line: Line, cast: Cast) -> list[_Actor]:
    if line.role == "authenticated":
        return [
            _Actor("user", claims.user(cast.user), cast.user, cast.guest),
            _Actor("anonymous sign-in", claims.user(cast.guest, anonymous_sign_in=True), cast.guest, cast.user),
        ]
    if line.role == "service_role":
        return [_Actor("service_role", claims.service_role(), None, cast.user)]
    claimed = cast.user if line.owner == "claimed" else None
    return [_Actor("anon", claims.anon(claimed), claimed, cast.user)]


def trials(line: Line, cast: Cast, shape: Shape, thorough: bool) -> Iterator[Trial]:
    """The trials of a line.

    `thorough` also runs the statements that could lock a whole table (truncate, references, …) where the role might: for a
    database of one's own. Else only the right to them is asked for.
    """
    # Allowed is allowed together; refused is refused each.
    together = line.allowed or not line.columns
    times = _times(line, shape)
    for actor in _actors(line, cast):
        owner = {"own": actor.id, "claimed": actor.id, "other": actor.other}.get(line.owner)
        for columns in [line.columns] if together else [(column,) for column in line.columns]:
            for time in times:
                attempt = _Attempt(line, cast, shape, owner, columns, time, actor.id)
                asked_only = line.verb in _WHOLE_TABLE and not thorough
                yield Trial(
                    line,
                    actor.name,
                    time if len(times) > 1 else "" if together else columns[0],
                    actor.identity,
                    attempt.before(),
                    None if asked_only else _STATEMENTS[line.verb](attempt),
                    None if line.allowed else _right(line, columns, shape),
                )


def _times(line: Line, shape: Shape) -> list[str]:
    """The columns that a condition about time speaks of: when it happened, and of what is ahead every time that the role may say."""
    if line.condition not in _AT:
        return [""]
    said = {column for one in _allowed(line) for column in one.columns}
    ahead = line.condition == "6 minutes ahead"
    return [name for name in shape.times if name == shape.time or (ahead and name in said)]


@dataclass(frozen=True)
class _Attempt:
    """One row that somebody tries to read, write or change; `time` is the column that `line.condition` speaks of. All but what is
    refused is as a policy may ask for: another's row refers to what is the actor's."""

    line: Line
    cast: Cast
    shape: Shape
    owner: str | None
    columns: tuple[str, ...]
    time: str = ""
    actor: str | None = None

    @property
    def table(self) -> sql.Composable:
        return sql.Identifier("public", self.shape.table)

    @property
    def here(self) -> sql.Composed:
        return here(self.shape, self.owner, self.cast)

    def value(self, column: str) -> sql.Composable:
        """A value of the right kind, written as SQL. A column that is refused is refused whatever it is given."""
        if column == self.time:
            return sql.SQL(_AT[self.line.condition])
        if column in self.shape.references:
            return sql.Literal(self._referred(self.shape.references[column]))
        if self.line.columns and not self.line.allowed and not self.shape.columns[column]["not_null"]:
            return sql.NULL
        return sql.SQL(self.shape.value(column))

    def _referred(self, target: str) -> str | None:
        if target == PRODUCTS and self.line.condition == "about another product":
            return self.cast.another
        if target != USERS and self.line.condition == "on another's recommendation":
            return self.cast.id(target, self._somebody_else())
        return self.cast.id(target, self.owner if target == USERS else self.actor or self.owner)

    def _somebody_else(self) -> str:
        return self.cast.guest if self.owner == self.cast.user else self.cast.user

    def before(self) -> sql.Composed | None:
        if self.shape.key == self.shape.owner:  # one row per user: make room
            if self.line.verb == "insert":
                return self.delete()
            if self.line.condition == "moved to another":
                return replace(self, owner=self._somebody_else()).delete()
        if self.line.verb == "references":
            return sql.SQL("create schema aclue_probe; grant all on schema aclue_probe to {}").format(
                sql.Identifier(self.line.role)
            )
        return None

    def select(self) -> sql.Composed:
        columns = sql.SQL(", ").join(map(sql.Identifier, self.columns)) if self.columns else sql.SQL("*")
        return sql.SQL("select {} from {} where {}").format(columns, self.table, self.here)

    def insert(self) -> sql.Composed:
        # The server gives what a trigger would, for which reason no trigger of ours is relied on here.
        least = self.shape.needed if self.line.role == "service_role" else self.shape.least
        columns = dict.fromkeys([*least, *self.columns, *filter(None, [self.time])])  # in order, each once
        if self.owner is not None:
            columns[self.shape.owner] = None
        return insertion(self.table, {column: self.value(column) for column in columns})

    def update(self) -> sql.Composed:
        columns = self.columns or self.shape.least or (self.shape.owner,)
        values: dict[str, sql.Composable] = {column: self.value(column) for column in columns}
        if self.line.condition == "moved to another":
            values[self.shape.owner] = sql.Literal(self._somebody_else())
        assignments = [sql.SQL("{} = {}").format(sql.Identifier(name), value) for name, value in values.items()]
        return sql.SQL("update {} set {} where {}").format(self.table, sql.SQL(", ").join(assignments), self.here)

    def delete(self) -> sql.Composed:
        return sql.SQL("delete from {} where {}").format(self.table, self.here)

    def truncate(self) -> sql.Composed:
        return sql.SQL("truncate {}").format(self.table)

    def references(self) -> sql.Composed:
        return sql.SQL("create table aclue_probe.referrer (key uuid references {})").format(self.table)

    def trigger(self) -> sql.Composed:
        return sql.SQL(
            "create trigger aclue_probe before update on {} for each row execute function suppress_redundant_updates_trigger()"
        ).format(self.table)

    def maintain(self) -> sql.Composed:
        return sql.SQL("reindex table {}").format(self.table)

    def lock(self) -> sql.Composed:
        return sql.SQL("lock table {} in row exclusive mode").format(self.table)


_STATEMENTS: dict[str, Callable[[_Attempt], sql.Composed]] = {
    "select": _Attempt.select,
    "insert": _Attempt.insert,
    "update": _Attempt.update,
    "delete": _Attempt.delete,
    "truncate": _Attempt.truncate,
    "references": _Attempt.references,
    "trigger": _Attempt.trigger,
    "maintain": _Attempt.maintain,
    "lock": _Attempt.lock,
}
# Verbs that take no row, with the rights that would allow them.
_WHOLE_TABLE = {
    "truncate": "truncate",
    "references": "references",
    "trigger": "trigger",
    "maintain": "maintain",
    "lock": "insert, update, delete, truncate",
}


def anything(kind: str, is_enum: bool) -> sql.Composed:
    """Some value of a type as PostgreSQL writes it; text is never twice the same."""
    return sql.Composed([sql.SQL(some_value(kind, is_enum))])


def insertion(table: sql.Composable, values: Mapping[str, sql.Composable]) -> sql.Composed:
    return sql.SQL("insert into {} ({}) values ({})").format(
        table,
        sql.SQL(", ").join(map(sql.Identifier, values)),
        sql.SQL(", ").join(values.values()),
    )


def here(shape: Shape, owner: str | None, cast: Cast) -> sql.Composed:
    """The condition that finds the owner's row."""
    key = owner if shape.key == shape.owner else cast.rows[owner]
    return sql.SQL("{} = {}").format(sql.Identifier(shape.key), sql.Literal(key))


def seed(
    shape: Shape,
    owner: str | None,
    cast: Cast,
    given: Mapping[str, sql.Composable] | None = None,
    least: Sequence[str] | None = None,
) -> sql.Composed:
    """An insertion of the row that `owner` (None: nobody) has in the table: of what is `given`, of `least` (else of all that no
    default gives), and of whose it is."""
    line = Line(shape.table, "service_role", "insert", "other", "", (), True, "")
    attempt = _Attempt(line, cast, shape, owner, ())
    needed = shape.needed if least is None else least
    values = {column: attempt.value(column) for column in (shape.owner, *needed)}
    if shape.key != shape.owner:
        values[shape.key] = sql.Literal(cast.rows[owner])
    return insertion(attempt.table, values | dict(given or {}))


def _right(line: Line, columns: tuple[str, ...], shape: Shape) -> sql.Composed | None:
    """A question to be answered no: does the role hold a right that no line gives it? None where a line allows the same on
    other rows, so that refusing it on these is the work of row level security alone."""
    for one in _allowed(line):
        # A whole row to insert is the least row.
        if not columns or columns[0] in (one.columns or (shape.owner, *shape.least)):
            return None
    role, table = sql.Literal(line.role), sql.Literal(f"public.{line.table}")
    if columns:
        return sql.SQL("has_column_privilege({}, {}, {}, {})").format(role, table, columns[0], line.verb)
    if line.verb in ("select", "insert", "update", "references"):
        return sql.SQL("has_any_column_privilege({}, {}, {})").format(role, table, line.verb)
    asked = sql.SQL("has_table_privilege({}, {}, {})").format(role, table, _WHOLE_TABLE.get(line.verb, line.verb))
    if line.verb == "maintain":  # a right since PostgreSQL 17
        return sql.SQL("(current_setting('server_version_num')::int >= 170000 and {})").format(asked)
    return asked


def _allowed(line: Line) -> list[Line]:
    """What the line's role may do with the same verb."""
    return [
        one
        for one in lines()
        if (one.table, one.role, one.verb, one.allowed) == (line.table, line.role, line.verb, True)
    ]
