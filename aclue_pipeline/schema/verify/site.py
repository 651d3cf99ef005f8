"""The database under judgement: one connection, and the few facts that more than one criterion asks for."""

from functools import cached_property
from typing import Any

import psycopg

from aclue_pipeline.schema.access import lines
from aclue_pipeline.schema.declared import declared, table_names
from aclue_pipeline.schema.verify.probes import Outcome, columns, probe


class Site:
    """Facts are asked once; every criterion judges the same moment as nearly as makes no difference."""

    def __init__(self, pg: psycopg.Connection[Any]) -> None:
        self.pg = pg

    @cached_property
    def tables(self) -> dict[str, bool]:
        """Of the five tables those that are there, each with whether row level security is on."""
        rows = self.pg.execute(
            """select relname, relrowsecurity from pg_class
               where relnamespace = to_regnamespace('public') and relkind in ('r', 'p') and relname = any(%s)""",
            [list(table_names())],
        ).fetchall()
        there = dict(rows)
        return {table: there[table] for table in table_names() if table in there}

    @cached_property
    def lacking(self) -> dict[str, list[str]]:
        """The declared columns that a table lacks, for each of the tables that is there."""
        return {
            table: [one.key.name for one in declared().of("column", table=table) if one.key.name not in there]
            for table in self.tables
            for there in [columns(self.pg, table)]
        }

    @property
    def whole(self) -> list[str]:
        """The tables that can be tried: one that lacks a column would fail for that one reason, which is a finding of its own."""
        return [table for table, lacks in self.lacking.items() if not lacks]

    @property
    def guarded(self) -> list[str]:
        """Of these the ones whose rights can be judged: likewise for row level security that is off."""
        return [table for table in self.whole if self.tables[table]]

    @cached_property
    def outcomes(self) -> list[Outcome]:
        """Every line of access.csv, tried. Raises CannotTry."""
        return probe(self.pg, [line for line in lines() if line.table in self.guarded])
