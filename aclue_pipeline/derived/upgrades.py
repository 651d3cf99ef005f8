"""What becomes of days that a table published under another grain, and other SELECTs that stand in files beside the tables' own."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from psycopg import sql

from aclue_pipeline.catalog import Table
from aclue_pipeline.catalog.header import read_header
from aclue_pipeline.derived.statement import columns_of, execute, filled, listed, one, row
from aclue_pipeline.errors import MissingPrerequisite
from aclue_pipeline.postgres import Pg


def take_over(pg: Pg, table: Table, run_id: str | None, values: Mapping[str, Any]) -> None:
    """Before the first day of a table that another was set aside for: days of which the facts have fewer than that one published
    stay as published, by sql/<room>/upgrades/<name it was set aside under>.sql, and are flagged with how many went."""
    found = row(
        pg,
        """select archived, version from pipeline.publications p where table_name = %s and archived is not null
           and not exists (select from pipeline.days d where d.table_name = p.table_name) order by number desc limit 1""",
        [table.key],
    )
    path = table.path.parent / "upgrades" / f"{found[0].removeprefix('history.')}.sql" if found else None
    if path is None or not path.is_file():
        return
    if one(pg, "select not exists (select from pipeline.syncs)"):
        raise MissingPrerequisite(f"what {found[0]} published is compared with the facts: run `aclue sync` first")
    select = select_of(pg, path, values)
    pg.execute(sql.SQL("create temporary table aclue_taken on commit drop as {}").format(select))
    days, rows = row(pg, "select count(distinct day), count(*) from aclue_taken")
    if not rows:
        return
    number = one(
        pg,
        """insert into pipeline.publications (table_name, at, run_id, version, days, rows)
           values (%s, clock_timestamp(), %s, %s, %s, %s) returning number""",
        [table.key, run_id, found[1], days, rows],
    )
    execute(
        pg, "insert into {table} ({names}, run_id, publication) select {names}, {run_id}, {number} from aclue_taken",
        table, names=listed(name for name in columns_of(pg, "pg_temp.aclue_taken") if name != "lost"),
        run_id=run_id, number=number,
    )  # fmt: skip
    execute(
        pg,
        """insert into pipeline.days (table_name, day, rows, lost, publication)
           select {key}, {clock}, count(*), max(lost), {number} from aclue_taken group by {clock}""",
        table,
        number=number,
    )


def select_of(pg: Pg, path: Path, values: Mapping[str, Any]) -> sql.SQL:
    """The SELECT of a file beside the tables' own, its parameters bound."""
    return filled(pg, read_header(path.read_text(encoding="utf-8"), path, ()).body, values)
