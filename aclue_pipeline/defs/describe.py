"""What an asset says about itself, taken from the catalog: key, owner, kinds, tags, columns with their links, lineage, sources.
Nothing is typed twice; nothing here runs."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import dagster as dg

from aclue_pipeline.catalog import Catalog, Column, Source, Table, atlas
from aclue_pipeline.catalog.statement import shown
from aclue_pipeline.catalog.table import SELECTED, team
from aclue_pipeline.defs import automation, beta, timetable
from aclue_pipeline.defs.metadata import Markdown, key_of, value_of
from aclue_pipeline.defs.pictures import PICTURES
from aclue_pipeline.settings import get_settings

_LINKS = 4  # more of them and the sentence before them is lost

_OWNER = "team:data"

#: Rooms and tables whose runs draw something; where nothing was drawn, nothing is shown.
_DRAWN = ("revenue", "funnel", "public.user_preferences", "analytics.preference_quality")

_KINDS = {"view": "view", "python": "python"}  # of what is no plain table


def is_asset(catalog: Catalog, key: str) -> bool:
    """All but our bookkeeping, which the steps write that read it: columns name it, and lineage in the UI stops there."""
    return key not in catalog.tables or catalog.tables[key].room != "pipeline"


def op_name(table: Table) -> str:
    """The step's name in logs: analytics__revenue_daily."""
    return table.key.replace(".", "__")


def spec(
    catalog: Catalog,
    table: Table,
    group: str = "",
    *,
    deps: Iterable[str | dg.AssetKey] | None = None,
    kinds: Iterable[str] = (),
) -> dg.AssetSpec:
    """The asset of a table, in the group of its room unless another is said. `deps`: what it waits for, unless that is what is next
    to it."""
    group = group or table.room
    upstream = next_to(catalog, table) if deps is None else deps
    return dg.AssetSpec(
        key=key_of(table.key),
        deps=[dep if isinstance(dep, dg.AssetKey) else key_of(dep) for dep in upstream],
        description=description(table, timetable.sentence(group, table.kind)),
        group_name=group,
        owners=[table.owner or _OWNER],
        kinds={"postgres", _KINDS.get(table.kind, "table"), *kinds},
        tags={"aclue/room": group},
        code_version=None if table.key in catalog.observed else table.code_version,
        freshness_policy=automation.freshness(catalog, table, group),
        automation_condition=automation.condition(catalog, table, group),
        metadata=table_metadata(catalog, table),
    )


def read_by(catalog: Catalog, table: Table) -> set[str]:
    """Keys of the assets that the table's SQL or its lineage names."""
    named = {*table.upstream, *(source.table for column in table.columns for source in column.lineage)} - {table.key}
    return {key for key in named if key in catalog.tables and is_asset(catalog, key)}


def next_to(catalog: Catalog, table: Table) -> list[str]:
    """What it reads, less what is read by something else that it reads: such an edge would order nothing, and each takes a lane of the
    graph for itself. The lineage of columns names all."""
    read = read_by(catalog, table)
    behind: set[str] = set()
    waiting = [*read]
    while waiting:
        further = read_by(catalog, catalog.tables[waiting.pop()]) - behind
        behind |= further
        waiting += further
    return sorted(read - behind)


def description(table: Table, sentence: str) -> str:
    """What a row is, when it is computed, whose it is, where its SQL stands, and how its newest days look."""
    prefix = get_settings().ui_prefix
    owner = team(table.owner or _OWNER)
    grain = f"**Grain:** {', '.join(table.grain)}." if table.grain else ""
    day = f"**Day:** {table.clock_says}." if table.clock_says else ""
    parts = [
        table.description,
        " ".join(filter(None, (grain, day))),
        f"**When:** {sentence}",
        f"**Owner:** {owner}. [SQL, and what each column rests on]({prefix}{atlas.ADDRESS}#{table.key})",
    ]
    if table.room in _DRAWN or table.key in _DRAWN:
        picture = f"{prefix}{PICTURES}/{table.key}"
        parts.append(f"[![How it looks now, drawn by aclue ui]({picture})]({picture}?large)")
    return "\n\n".join(filter(None, parts))


def table_metadata(catalog: Catalog, table: Table) -> dict[str, Any]:
    """Table name, columns, lineage, and where the SQL stands."""
    metadata: dict[str, Any] = {
        "dagster/table_name": table.key,
        "dagster/column_schema": column_schema(catalog, table),
        "dagster/code_references": beta.file_references([("SQL", table.path)]),
        "source": dg.MetadataValue.text(shown(table.path)),
    }
    if any(column.direct for column in table.columns):
        metadata["dagster/column_lineage"] = column_lineage(catalog, table)
        metadata["lineage"] = value_of(Markdown(lineage_table(catalog, table)))
    if table.kind in SELECTED:
        metadata["sql"] = value_of(Markdown(f"```sql\n{table.sql.strip()}\n```"))
    return metadata


# --- columns ----------------------------------------------------------------------------------------------------------


def column_schema(catalog: Catalog, table: Table) -> dg.TableSchema:
    """The columns as the UI lists them: what each says, where it comes from and who uses it."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=column.type or "unknown",
                description=_description(catalog, table, column),
                constraints=dg.TableColumnConstraints(
                    nullable=column.name not in table.grain, unique=table.grain == (column.name,)
                ),
                tags={"pii": ""} if column.pii else {},
            )
            for column in table.columns
        ],
        constraints=dg.TableConstraints(other=[f"primary key ({', '.join(table.grain)})"]) if table.grain else None,
    )


def _description(catalog: Catalog, table: Table, column: Column) -> str:
    """The description, then "from" and "used by" as links: the open-source UI draws no column lineage, but renders these."""
    text = column.description
    if column.direct:
        text += f" ⟵ from {_links(catalog, column.direct)}"
    users = [user for user in catalog.users.get((table.key, column.name), ()) if user.kind == "direct"]
    if users:
        text += f" ⟶ used by {_links(catalog, users)}"
    return text


def _links(catalog: Catalog, sources: Iterable[Source]) -> str:
    links = list(sources)
    text = ", ".join(link(catalog, source) for source in links[:_LINKS])
    return text + (f" and {len(links) - _LINKS} more" if len(links) > _LINKS else "")


def link(catalog: Catalog, source: Source) -> str:
    """A column as a link to its table's columns in the UI."""
    name = f"{source.table.split('.')[-1]}.{source.column}"
    if not is_asset(catalog, source.table):
        return name
    return f"[{name}]({get_settings().ui_prefix}/assets/{source.table.replace('.', '/')}?view=overview)"


def column_lineage(catalog: Catalog, table: Table) -> dg.TableColumnLineage:
    """Direct and indirect sources alike, as Dagster's own field has no word for the difference."""
    return dg.TableColumnLineage(
        deps_by_column={
            column.name: [
                dg.TableColumnDep(asset_key=key_of(source.table), column_name=source.column)
                for source in dict.fromkeys(Source(s.table, s.column) for s in column.lineage)
                if is_asset(catalog, source.table)
            ]
            for column in table.columns
            if column.lineage
        }
    )


def lineage_table(catalog: Catalog, table: Table) -> str:
    """What decides about every row, once, then | columns | derived from | filtered by |: the values that enter, and what else decides
    which of them do, if anything does. Columns of which the same is to be said share a line."""

    def linked(sources: Iterable[Source]) -> str:
        return ", ".join(link(catalog, source) for source in sources)

    shared = table.filtered_by
    alike: dict[tuple[str, str], list[str]] = defaultdict(list)
    for column in table.columns:
        if column.lineage:
            own = [source for source in column.indirect if source not in shared]
            alike[linked(column.direct), linked(own)].append(column.name)
    lines = [f"Every row is decided by {linked(shared)}.", ""] if shared else []
    further = any(own for _, own in alike)
    lines += [f"| columns | derived from |{' filtered by |' * further}", f"| --- | --- |{' --- |' * further}"]
    lines += [f"| {', '.join(names)} | {direct} |{f' {own} |' * further}" for (direct, own), names in alike.items()]
    return "\n".join(lines)
