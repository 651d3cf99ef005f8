"""What an asset says about itself, taken from the catalog: key, owner, kinds, tags, columns with their links, lineage, sources.
Nothing is typed twice; nothing here runs."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import dagster as dg

from aclue_pipeline.catalog import Column, Source, Table, sql_root, tables
from aclue_pipeline.defs import beta
from aclue_pipeline.defs.metadata import Markdown, value_of

_LINKS = 4  # more of them and the sentence before them is lost

_KINDS = {"view": "view", "daily": "table", "table": "table", "python": "python", "deployed": "table", "app": "table"}


def key_of(table: str) -> dg.AssetKey:
    """ "analytics.revenue_daily" → the asset key of it: database schema / table."""
    return dg.AssetKey(table.split("."))


def op_name(table: Table) -> str:
    """The step's name in logs: analytics__revenue_daily."""
    return table.key.replace(".", "__")


def spec(
    table: Table,
    group: str,
    *,
    deps: Iterable[str | dg.AssetKey] = (),
    says: str = "",
    code: bool = True,
    kinds: Iterable[str] = (),
    metadata: Mapping[str, Any] | None = None,
) -> dg.AssetSpec:
    """The asset of a table. `says` is added to its description (who schedules it); `deps` to what its SELECT reads."""
    read = {*table.upstream, *(source.table for column in table.columns for source in column.lineage)} - {table.key}
    upstream = {key_of(key) for key in read if key in tables()}
    upstream |= {dep if isinstance(dep, dg.AssetKey) else key_of(dep) for dep in deps}
    return dg.AssetSpec(
        key=key_of(table.key),
        deps=sorted(upstream),
        description=description(table, says),
        group_name=group,
        owners=[table.owner or "team:data"],
        kinds={"postgres", _KINDS[table.kind], *kinds},
        tags={"aclue/room": group},
        code_version=table.code_version or None if code else None,
        metadata={**table_metadata(table), **(metadata or {})},
    )


def description(table: Table, says: str = "") -> str:
    parts = [table.description]
    if table.clock_says:
        parts.append(f"**Day:** {table.clock_says}.")
    if table.grain:
        parts.append(f"**Grain:** {', '.join(table.grain)}.")
    if says:
        parts.append(says)
    return "\n\n".join(parts)


def table_metadata(table: Table) -> dict[str, Any]:
    """Table name, columns, lineage, and where the SQL stands."""
    told: dict[str, Any] = {
        "dagster/table_name": table.key,
        "dagster/column_schema": column_schema(table),
        "dagster/code_references": beta.file_references([("SQL", table.path)]),
        "source": dg.MetadataValue.text(shown_path(table.path)),
    }
    if any(column.direct for column in table.columns):
        told["dagster/column_lineage"] = column_lineage(table)
        told["lineage"] = value_of(Markdown(lineage_table(table)))
    if table.kind in ("view", "daily", "table"):
        told["sql"] = value_of(Markdown(f"```sql\n{table.sql.strip()}\n```"))
    return told


def shown_path(path: Path) -> str:
    """sql/revenue/revenue_daily.sql, wherever the folder is."""
    return str(Path("sql") / path.relative_to(sql_root())) if path.is_relative_to(sql_root()) else path.name


# --- columns ----------------------------------------------------------------------------------------------------------


def column_schema(table: Table) -> dg.TableSchema:
    """The columns as the UI lists them: what each says, where it comes from and who uses it."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=column.type or "unknown",
                description=_told(table, column),
                constraints=dg.TableColumnConstraints(
                    nullable=column.name not in table.grain, unique=table.grain == (column.name,)
                ),
                tags={"pii": ""} if column.pii else {},
            )
            for column in table.columns
        ],
        constraints=dg.TableConstraints(other=[f"primary key ({', '.join(table.grain)})"]) if table.grain else None,
    )


def _told(table: Table, column: Column) -> str:
    """The description, then "from" and "used by" as links: the open-source UI draws no column lineage, but renders these."""
    text = column.description
    if column.direct:
        text += f" ⟵ from {_links(column.direct)}"
    users = _users().get((table.key, column.name), ())
    if users:
        text += f" ⟶ used by {_links(users)}"
    return text


def _links(sources: Iterable[Source]) -> str:
    found = list(sources)
    text = ", ".join(link(source) for source in found[:_LINKS])
    return text + (f" and {len(found) - _LINKS} more" if len(found) > _LINKS else "")


def link(source: Source) -> str:
    """A column as a link to its table's columns in the UI."""
    return f"[{source.table.split('.')[-1]}.{source.column}](/assets/{source.table.replace('.', '/')}?view=overview)"


@lru_cache(maxsize=1)
def _users_of(_root: Path) -> dict[tuple[str, str], tuple[Source, ...]]:
    users: dict[tuple[str, str], list[Source]] = defaultdict(list)
    for table in tables().values():
        for column in table.columns:
            for source in column.direct:
                users[source.table, source.column].append(Source(table.key, column.name))
    return {of: tuple(found) for of, found in users.items()}


def _users() -> dict[tuple[str, str], tuple[Source, ...]]:
    return _users_of(sql_root())


def column_lineage(table: Table) -> dg.TableColumnLineage:
    """Direct and indirect sources alike, as Dagster's own field has no word for the difference."""
    return dg.TableColumnLineage(
        deps_by_column={
            column.name: [
                dg.TableColumnDep(asset_key=key_of(source.table), column_name=source.column)
                for source in dict.fromkeys(Source(s.table, s.column) for s in column.lineage)
            ]
            for column in table.columns
            if column.lineage
        }
    )


def lineage_table(table: Table) -> str:
    """| column | comes from | decided by |: the values that enter, and the columns of filters and joins that decide which rows."""
    shared = _shared_indirect(table)
    lines = ["| column | comes from | and is decided by |", "| --- | --- | --- |"]
    for column in table.columns:
        if column.lineage:
            own = [source for source in column.indirect if source not in shared]
            lines.append(f"| {column.name} | {', '.join(map(link, column.direct))} | {', '.join(map(link, own))} |")
    if shared:
        lines += ["", f"Every column is also decided by: {', '.join(map(link, shared))}."]
    return "\n".join(lines)


def _shared_indirect(table: Table) -> list[Source]:
    """Indirect sources of every column that has any: said once, below the table."""
    sets = [set(column.indirect) for column in table.columns if column.lineage]
    return sorted(set.intersection(*sets), key=str) if len(sets) > 1 else []
