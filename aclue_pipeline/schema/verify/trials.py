"""How a line of access.csv is tried: the statements, as whom, on which row. Running them belongs to probes.py."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from uuid import uuid4

from psycopg import sql

from aclue_pipeline.postgres import claims
from aclue_pipeline.schema.access import Line, lines

#: The least a writer must give beside whose row it is.
LEAST = {
    "affiliate_clicks": ("product_id", "session_id", "source_page", "affiliate_network", "affiliate_url"),
    "user_preferences": ("liked_brands",),
    "session_analytics": ("session_id", "landing_page"),
    "product_views": ("product_id", "session_id"),
    "recommendation_feedback": ("recommendation_id", "product_id", "feedback_value", "model_version"),
}
#: What the server gives besides, where no trigger of ours may be relied on.
_DERIVED = {"user_preferences": ("total_swipes", "right_swipes", "left_swipes", "engagement_rate")}
#: The time that a condition such as "25 hours old" speaks of.
EVENT_TIME = {
    "affiliate_clicks": "click_timestamp",
    "session_analytics": "started_at",
    "product_views": "view_timestamp",
}

_BY_TYPE = {
    "boolean": "false",
    "date": "now()",
    "double precision[]": "'{0.5}'",
    "inet": "'127.0.0.1'",
    "integer": "1",
    "jsonb": "'{}'",
    "numeric": "0.5",
    "text": "'probe'",
    "text[]": "'{probe}'",
    "timestamp with time zone": "now()",
    "uuid": "gen_random_uuid()",
}
# Where the type's value would break a rule of the table.
_BY_NAME = {
    "device_type": "'mobile'",
    "feedback_action": "'like'",
    "feedback_source": "'in_app'",
    "feedback_type": "'explicit'",
    "interaction_type": "'click'",
    "session_id": "'aclue-probe-' || gen_random_uuid()",
    "view_source": "'search'",
    "total_swipes": "10",
    "right_swipes": "7",
    "left_swipes": "3",
    "engagement_rate": "0.7",
}
_AT = {"25 hours old": "now() - interval '25 hours'", "6 minutes ahead": "now() + interval '6 minutes'"}


@dataclass(frozen=True)
class Cast:
    """Who and what plays: two users (of whom one came by an anonymous sign-in), a product, what was recommended to each,
    and the row each of them (None: nobody) has in the table under trial. All are ids."""

    user: str
    guest: str
    product: str
    recommended: Mapping[str, str]
    rows: Mapping[str | None, str] = field(default_factory=dict)

    @staticmethod
    def new(user: str, guest: str, product: str) -> "Cast":
        recommended = {user: str(uuid4()), guest: str(uuid4())}
        return Cast(user, guest, product, recommended, {user: str(uuid4()), guest: str(uuid4()), None: str(uuid4())})


@dataclass(frozen=True)
class Trial:
    """One statement as one identity. `before` is run first, by the deployer; `right` is what the role must not even hold
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


def trials(line: Line, cast: Cast, types: Mapping[str, str], thorough: bool) -> Iterator[Trial]:
    """The trials of a line; `types` are the table's columns with their types.

    `thorough` also runs the statements that could lock a whole table (truncate, references, …) where the role might: for a
    database of one's own. Else only the right to them is asked for.
    """
    # Allowed is allowed together; refused is refused each.
    together = line.allowed or not line.columns
    for actor in _actors(line, cast):
        owner = {"own": actor.id, "claimed": actor.id, "other": actor.other}.get(line.owner)
        for columns in [line.columns] if together else [(column,) for column in line.columns]:
            attempt = _Attempt(line, cast, types, owner, columns)
            asked_only = line.verb in _WHOLE_TABLE and not thorough
            yield Trial(
                line,
                actor.name,
                "" if together else columns[0],
                actor.identity,
                attempt.before(),
                None if asked_only else _STATEMENTS[line.verb](attempt),
                None if line.allowed else _right(line, columns),
            )


@dataclass(frozen=True)
class _Attempt:
    """One row that somebody tries to read, write or change."""

    line: Line
    cast: Cast
    types: Mapping[str, str]
    owner: str | None
    columns: tuple[str, ...]

    @property
    def table(self) -> sql.Composable:
        return sql.Identifier("public", self.line.table)

    @property
    def here(self) -> sql.Composed:
        """The condition that finds the owner's row."""
        if self.line.table == "user_preferences":
            return sql.SQL("user_id = {}").format(sql.Literal(self.owner))
        return sql.SQL("id = {}").format(sql.Literal(self.cast.rows[self.owner]))

    def value(self, column: str) -> sql.Composable:
        """A value of the right kind, written as SQL."""
        given: dict[str, str | None] = {
            "user_id": self.owner,
            "product_id": self.cast.product,
            "recommendation_id": self._recommendation(),
        }
        if column == "product_id" and self.line.condition == "about another product":
            return sql.SQL("gen_random_uuid()")  # the policy is asked before the foreign key
        if column in given:
            return sql.Literal(given[column])
        if column == EVENT_TIME.get(self.line.table) and self.line.condition in _AT:
            return sql.SQL(_AT[self.line.condition])
        kind = self.types[column].partition("(")[0]
        return sql.SQL(_BY_NAME.get(column) or _BY_TYPE[kind])

    def _recommendation(self) -> str:
        misplaced = self.line.condition == "on another's recommendation"
        return self.cast.recommended[self._somebody_else() if misplaced else self.owner or self.cast.user]

    def _somebody_else(self) -> str:
        return self.cast.guest if self.owner == self.cast.user else self.cast.user

    def before(self) -> sql.Composed | None:
        if self.line.verb == "insert" and self.line.table == "user_preferences":  # one row per user: make room
            return self.delete()
        if self.line.verb == "references":
            return sql.SQL("create schema aclue_probe authorization {}").format(sql.Identifier(self.line.role))
        return None

    def select(self) -> sql.Composed:
        columns = sql.SQL(", ").join(map(sql.Identifier, self.columns)) if self.columns else sql.SQL("*")
        return sql.SQL("select {} from {} where {}").format(columns, self.table, self.here)

    def insert(self) -> sql.Composed:
        server = _DERIVED.get(self.line.table, ()) if self.line.role == "service_role" else ()
        columns = dict.fromkeys([*LEAST[self.line.table], *server, *self.columns])  # in order, each once
        if self.owner is not None:
            columns["user_id"] = None
        if self.line.condition in _AT:
            columns[EVENT_TIME[self.line.table]] = None
        return insertion(self.table, {column: self.value(column) for column in columns})

    def update(self) -> sql.Composed:
        values: dict[str, sql.Composable] = {
            column: self.value(column) for column in self.columns or LEAST[self.line.table]
        }
        if self.line.condition == "moved to another":
            values["user_id"] = sql.Literal(self._somebody_else())
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
    if is_enum:
        return sql.SQL("(enum_range(null::{}))[1]").format(sql.SQL(kind))
    words = kind.startswith(("text", "character"))
    value = "gen_random_uuid()::text" if words else _BY_TYPE.get(kind.partition("(")[0], "'0'")
    return sql.SQL("({})::{}").format(sql.SQL(value), sql.SQL(kind))


def insertion(table: sql.Composable, values: Mapping[str, sql.Composable]) -> sql.Composed:
    return sql.SQL("insert into {} ({}) values ({})").format(
        table,
        sql.SQL(", ").join(map(sql.Identifier, values)),
        sql.SQL(", ").join(values.values()),
    )


def seed(
    table: str,
    owner: str | None,
    cast: Cast,
    types: Mapping[str, str],
    given: Mapping[str, sql.Composable] | None = None,
) -> sql.Composed:
    """An insertion of the row that `owner` (None: nobody) has in the table, with values of one's own where `given`."""
    line = Line(table, "service_role", "insert", "other", "", (), True, "")
    attempt = _Attempt(line, cast, types, owner, ())
    values: dict[str, sql.Composable] = {
        column: attempt.value(column) for column in ("user_id", *LEAST[table], *_DERIVED.get(table, ()))
    }
    if table != "user_preferences":
        values["id"] = sql.Literal(cast.rows[owner])
    return insertion(attempt.table, values | dict(given or {}))


def _right(line: Line, columns: tuple[str, ...]) -> sql.Composed | None:
    """A question to be answered no: does the role hold a right that no line gives it? None where a line allows the same on
    other rows, so that refusing it on these is the work of row level security alone."""
    allowed = [
        one
        for one in lines()
        if (one.table, one.role, one.verb, one.allowed) == (line.table, line.role, line.verb, True)
    ]
    if any(not columns or columns[0] in _covered(one) for one in allowed):
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


def _covered(line: Line) -> tuple[str, ...]:
    """The columns of an allowed line that speaks of columns; a whole row to insert is the least row."""
    return line.columns or ("user_id", *LEAST[line.table])
