"""What each column of a SELECT rests on: a walk over the parsed query that follows every column through CTEs, subqueries, unions,
laterals and table functions to the tables it reads.

A column rests *directly* on the columns whose values enter its value, *indirectly* on those that decide which rows or which of
several values count: filters, joins, groups, CASE conditions, FILTER, window partitions. Where only conditions speak (a CASE of
constants, row_number()), they are the value. `count(*)` rests on the key of what it counts, `exists` on the key of what it asks
for; `to_jsonb(p) ->> 'x'` is the column p.x. A left join to a key's one row, and an aggregate's one row, neither take nor add rows:
what they are found by decides about their own columns alone. Pure: a tree and the known tables in, sets out."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from sqlglot import exp

from aclue_pipeline.catalog.relation import NOTHING, Basis, Names, Pair, Relation, Unresolved
from aclue_pipeline.catalog.table import Table


def of_query(tree: exp.Expr, tables: Mapping[str, Table]) -> Relation:
    """The relation that a SELECT is. Raises Unresolved naming a column that is nowhere to be found."""
    relation = _Walk(tables).query(tree, Names())
    return replace(relation, rows=relation.rows | relation.split)


class _Walk:
    def __init__(self, tables: Mapping[str, Table]) -> None:
        self._tables = tables

    # --- queries: a relation each ---

    def query(self, node: exp.Expr, names: Names) -> Relation:
        if isinstance(node, exp.Subquery | exp.Paren) and not isinstance(node, exp.Query):
            return self.query(node.this, names)
        names = Names(names)
        self._ctes(node, names)
        if isinstance(node, exp.Subquery):
            return self.query(node.this, names)
        if isinstance(node, exp.SetOperation):
            return self._together(self.query(node.this, names), self.query(node.expression, names))
        if isinstance(node, exp.Values):
            return self._values(node, names)
        assert isinstance(node, exp.Select), f"not a query: {node.sql('postgres')}"
        return self._select(node, names)

    def _ctes(self, node: exp.Expr, names: Names) -> None:
        for cte in node.ctes if isinstance(node, exp.Query) else ():
            columns = cte.alias_column_names
            body = cte.this
            if isinstance(body, exp.SetOperation) and any(
                t.name == cte.alias and not t.db for t in body.find_all(exp.Table)
            ):
                # Recursive: what its start says, then round and round until nothing is added.
                start = Names(names)
                self._ctes(body, start)
                known = self.query(body.this, start).renamed(columns)
                while True:
                    names.ctes[cte.alias] = known
                    again = self._together(known, self.query(body, names).renamed(columns))
                    if again == known:
                        break
                    known = again
            else:
                names.ctes[cte.alias] = self.query(body, names).renamed(columns)

    def _together(self, one: Relation, two: Relation) -> Relation:
        columns = {name: a | b for (name, a), b in zip(one.columns.items(), two.columns.values(), strict=False)}
        return Relation(columns, one.rows | two.rows, one.key | two.key, split=one.split | two.split)

    def _values(self, node: exp.Values, names: Names) -> Relation:
        width = max((len(row.expressions) for row in node.expressions), default=0)
        columns = {
            f"column{n + 1}": self._any((row.expressions[n : n + 1] for row in node.expressions), names)
            for n in range(width)
        }
        return Relation(columns).renamed(node.alias_column_names)

    def _select(self, node: exp.Query, names: Names) -> Relation:
        rows = self._from(node, names)
        names.outputs = {p.alias: p.this for p in node.selects if p.alias and not p.is_star}
        names.windows = {w.this.name: w for w in node.args.get("windows") or ()}
        for clause in ("where", "having", "qualify"):
            rows |= self._basis(node.args.get(clause), names).all
        group = self._by(node.args.get("group"), node, names)
        distinct = node.args.get("distinct")
        on = self._by(distinct.args.get("on"), node, names) if distinct else Basis()
        if node.args.get("limit") or node.args.get("offset") or on.direct:
            rows |= self._by(node.args.get("order"), node, names).all | names.split
        if node.args.get("having"):
            rows |= group.all | names.split
        rows |= on.all
        columns: dict[str, Basis] = {}
        for n, projection in enumerate(node.selects):
            together = self._together_of(projection, n, node, group.all, names)
            columns |= {
                name: Basis(basis.direct, basis.indirect | together)
                for name, basis in self._projection(projection, n, names).items()
            }
        if node.args.get("group"):
            key = group.direct
        elif distinct:
            key = on.direct or self._of_columns(columns.values()).direct
        else:
            key = names.key()
        unique = self._unique(node, names)
        split = group.all if node.args.get("group") else NOTHING if unique == frozenset() else names.split
        if distinct and not on.direct:
            split |= self._of_columns(columns.values()).all
        relation = Relation(columns, rows, key, unique=unique, split=split)
        single = not node.args.get("group") and not any(node.args.get(part) for part in ("having", "limit", "offset"))
        return relation.one_row(NOTHING) if relation.unique == frozenset() and single else relation

    def _unique(self, node: exp.Query, names: Names) -> frozenset[str] | None:
        """Of the columns: what is grouped by or told apart, or what tells the rows of the only relation apart; none of one row."""
        limit, group, distinct = (node.args.get(part) for part in ("limit", "group", "distinct"))
        on = distinct.args.get("on") if distinct is not None else None
        only = names.sources.get(names.only)
        if limit is not None and limit.expression.name == "1":
            return frozenset()
        if group is None and any(self._aggregates(p) for p in node.selects):
            return frozenset()
        if distinct is not None and on is None:
            return frozenset(p.alias_or_name for p in node.selects)
        if (by := group if group is not None else on) is not None:
            wanted = by.expressions
        elif only is not None and only.unique:
            wanted = [exp.column(name, table=names.only) for name in only.unique]
        else:
            return None
        called: dict[Any, str] = {}
        for p in node.selects:
            if p.is_star:
                source = (p.table if isinstance(p, exp.Column) else "") or names.only
                called |= {exp.column(name, table=source): name for name in names.sources[source].columns}
            else:
                called[p.this if isinstance(p, exp.Alias) else p] = p.alias_or_name
        outputs = {name: name for name in called.values()}
        found = [
            node.selects[int(item.name) - 1].alias_or_name
            if isinstance(item, exp.Literal) and item.is_int
            else called.get(item) or ("" if item.text("table") else outputs.get(item.name, ""))
            for item in wanted
        ]
        return frozenset(found) if found and all(found) else None

    def _together_of(
        self, node: exp.Expr, n: int, select: exp.Query, group: frozenset[Pair], names: Names
    ) -> frozenset[Pair]:
        """What decides which rows, and how often, enter a projection: a group's columns, and unless it asks for the least, the
        largest, any or the different ones, what splits the rows."""
        by = select.args.get("group")
        items = by.expressions if by else []
        value = node.this if isinstance(node, exp.Alias) else node
        if any(item == value or item.name in (str(n + 1), node.alias) for item in items):
            return NOTHING
        window = names.split if node.find(exp.Window) else NOTHING
        if not by and not self._aggregates(node):
            return window
        calls = list(value.find_all(exp.AggFunc))
        steady = calls and all(
            isinstance(call, exp.Min | exp.Max | exp.LogicalOr | exp.LogicalAnd) or isinstance(call.this, exp.Distinct)
            for call in calls
        )
        return window | group | (NOTHING if steady else names.split)

    def _aggregates(self, node: exp.Expr) -> bool:
        inside = (exp.Window, exp.Query)
        return any(
            isinstance(part, exp.AggFunc) and part.find_ancestor(*inside, exp.Select) is node.parent_select
            for part in node.find_all(exp.AggFunc)
        )

    def _projection(self, node: exp.Expr, n: int, names: Names) -> dict[str, Basis]:
        if isinstance(node, exp.Star):
            return {name: basis for source in names.sources.values() for name, basis in source.columns.items()}
        if isinstance(node, exp.Column) and node.is_star:
            return dict((names.source(node.table) or Relation({})).columns)
        return {node.alias_or_name or f"column {n}": self._basis(node, names)}

    def _by(self, node: exp.Expr | None, select: exp.Query, names: Names) -> Basis:
        """GROUP BY, ORDER BY, DISTINCT ON: a number is the projection in that place, a name may be an output's."""
        basis = Basis()
        for item in node.expressions if node else ():
            item = item.this if isinstance(item, exp.Ordered) else item
            if isinstance(item, exp.Literal) and item.is_int:
                item = select.selects[int(item.name) - 1]
            basis |= self._basis(item, names)
        return basis

    # --- FROM ---

    def _from(self, node: exp.Expr, names: Names) -> frozenset[Pair]:
        """Make the relations of FROM known; what decides which of their rows there are."""
        joins = list(node.args.get("joins") or ())
        start = [node.args["from_"].this] if node.args.get("from_") else []
        rows = NOTHING
        for item in [*start, *node.args.get("laterals", ())]:
            rows |= self._source(item, names)
            names.split |= names.sources[next(reversed(names.sources))].split
        if len(names.sources) == 1:
            names.only = next(iter(names.sources))
        for join in joins:
            rows |= self._join(join, names)
            for column in join.args.get("using") or ():
                shared = (source.column(column.name) for source in names.sources.values())
                rows |= self._of_columns(basis for basis in shared if basis).all
        return rows

    def _source(self, node: exp.Expr, names: Names) -> frozenset[Pair]:
        relation = self._relation(node, names)
        columns = node.alias_column_names if not hasattr(node.this, "alias_column_names") or node.alias else []
        relation = relation.renamed(columns)
        names.sources[node.alias_or_name or f"source {len(names.sources)}"] = relation
        rows = relation.rows
        # `from (a join b on …) join c`: joins may hang on the first table itself.
        for join in node.args.get("joins") or ():
            rows |= self._join(join, names)
        return rows

    def _join(self, join: exp.Expr, names: Names) -> frozenset[Pair]:
        """Make what is joined known; what the join says of which rows there are."""
        rows = self._source(join.this, names)
        on = self._basis(join.args.get("on"), names).all
        alias = join.this.alias_or_name
        relation = names.sources.get(alias)
        condition = join.args.get("on")
        given = condition.flatten() if isinstance(condition, exp.And) else [condition]
        equal = {
            side.name
            for one in given
            if isinstance(one, exp.EQ | exp.NullSafeEQ)
            for side, other in ((one.this, one.expression), (one.expression, one.this))
            if isinstance(side, exp.Column)
            and side.table == alias
            and not any(
                (c.table or c.name) == alias or not (c.table or c.name in names.sources)
                for c in other.find_all(exp.Column)
            )
        }
        is_one = relation is not None and relation.unique is not None and relation.unique <= equal
        if relation is None or relation.open or join.args.get("side") != "LEFT":
            names.only = ""
            names.split |= relation.split if relation else NOTHING
            return rows | on
        names.sources[alias] = relation.one_row(on)
        if not is_one:
            names.only = ""
            names.split |= on | rows | relation.split
        return NOTHING

    def _relation(self, node: exp.Expr, names: Names) -> Relation:
        if isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier):
            return self._table(node, names)
        if isinstance(node, exp.Lateral) and isinstance(node.this, exp.Query):
            return self.query(node.this, names)
        if isinstance(node, exp.Query | exp.Values):
            return self.query(node, names)
        # A table function: each of its columns, and how many rows it has, follow from its arguments.
        parts = [node.this, *node.expressions] if isinstance(node.this, exp.Expr) else list(node.expressions)
        basis = self._any(([part] for part in parts), names)
        return Relation({}, basis.all, basis.direct, open=lambda _name: basis)

    def _table(self, node: exp.Table, names: Names) -> Relation:
        known = names.cte(node.name) if not node.db else None
        if known is not None:
            return known
        key = f"{node.db or 'public'}.{node.name}"
        table = self._tables.get(key)
        if table is None:
            return Relation({}, open=lambda name: Basis(frozenset({(key, name)})))
        columns = {column.name: Basis(frozenset({(key, column.name)})) for column in table.columns}
        return Relation(
            columns, key=frozenset((key, name) for name in table.grain), unique=frozenset(table.grain) or None
        )

    # --- expressions: a basis each ---

    def _of_columns(self, columns: Iterable[Basis]) -> Basis:
        total = Basis()
        for one in columns:
            total |= one
        return total

    def _any(self, parts: Iterable[Iterable[Any]], names: Names) -> Basis:
        basis = Basis()
        for group in parts:
            for part in group:
                basis |= self._basis(part, names)
        return basis

    def _basis(self, node: Any, names: Names) -> Basis:
        if not isinstance(node, exp.Expr):
            return Basis()
        if isinstance(node, exp.Column):
            return self._column(node, names)
        if isinstance(node, exp.Exists):
            asked = self.query(node.this, names)
            return Basis(asked.key or asked.rows, asked.rows)
        if isinstance(node, exp.Query):
            asked = self.query(node, names)
            return self._of_columns(asked.columns.values()) | Basis(NOTHING, asked.rows | asked.split)
        if (
            isinstance(node, exp.Count)
            and not isinstance(node.this, exp.Column)
            and not list(node.find_all(exp.Column))
        ):
            return Basis(names.key())
        if isinstance(node, exp.Case):
            tests = [node.this, *(branch.this for branch in node.args["ifs"])]
            results = [*(branch.args["true"] for branch in node.args["ifs"]), node.args.get("default")]
            return self._any([results], names).given(self._any([tests], names))
        if isinstance(node, exp.Filter):
            return self._basis(node.this, names).given(self._basis(node.expression.this, names))
        if isinstance(node, exp.Window):
            return self._window(node, names)
        if isinstance(node, exp.Order) and node.this:
            return self._basis(node.this, names).given(self._any([node.expressions], names))
        if isinstance(node, exp.JSONExtract | exp.JSONExtractScalar):
            field_of = self._json_field(node, names)
            if field_of is not None:
                return field_of
        return self._any([node.iter_expressions()], names)

    def _window(self, node: exp.Window, names: Names) -> Basis:
        parts = [
            *(node.args.get("partition_by") or ()),
            *(order.expressions if (order := node.args.get("order")) else ()),
        ]
        named = names.windows.get(node.alias)
        if named is not None:
            parts += [
                *(named.args.get("partition_by") or ()),
                *(order.expressions if (order := named.args.get("order")) else ()),
            ]
        return self._basis(node.this, names).given(self._any([parts], names))

    def _json_field(self, node: exp.Expr, names: Names) -> Basis | None:
        """`to_jsonb(p) ->> 'x'`: the column x of p, nothing where p has none; None where it is not of that form."""
        call = node.this.this if isinstance(node.this, exp.Paren) else node.this
        if not (
            isinstance(call, exp.Anonymous)
            and call.name.lower() in ("to_jsonb", "to_json", "row_to_json")
            and call.expressions
        ):
            return None
        row = call.expressions[0]
        if not isinstance(row, exp.Column):
            return None
        relation = names.source(row.table or row.name)
        keys = [part.this for part in node.expression.find_all(exp.JSONPathKey)]
        if relation is None or (row.table and not row.is_star) or not keys:
            return None
        return relation.column(str(keys[0])) or Basis()

    def _column(self, node: exp.Column, names: Names) -> Basis:
        if node.is_star:
            relation = names.source(node.table)
            return relation.whole if relation else Basis()
        if node.table:
            relation = names.source(node.table)
            found = relation.column(node.name) if relation else None
        else:
            found = names.bare(node.name)
            if found is None and (whole := names.source(node.name)) is not None:
                # The whole row: `p is null`, `count(p)`; or a function that returns one value, named like its table.
                found = whole.column(node.name) or whole.whole
            if found is None and node.name in names.outputs:
                found = self._basis(names.outputs[node.name], names)
        if found is None:
            raise Unresolved(node.sql("postgres"))
        return found
