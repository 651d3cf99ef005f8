"""The database under judgement: one connection, and the few facts that more than one criterion asks for."""

from collections.abc import Callable
from functools import cached_property, partial
from typing import Any

from aclue_pipeline.errors import AlreadyRunning
from aclue_pipeline.postgres import Pg
from aclue_pipeline.schema.access import lines
from aclue_pipeline.schema.census import Census, Key, take
from aclue_pipeline.schema.declared import declared
from aclue_pipeline.schema.verify.probes import PATIENCE, CannotTry, Outcome, probe
from aclue_pipeline.schema.verify.shape import Shape, shapes


class Site:
    """Facts are asked once; every criterion judges the same moment as nearly as makes no difference."""

    def __init__(self, pg: Pg) -> None:
        self.pg = pg
        self._known: dict[str, Any] = {}

    def once(self, name: str, ask: Callable[[], Any]) -> Any:
        """What more than one criterion is judged by, asked by the first; who cannot be told is not asked again."""
        if name not in self._known:
            try:
                self._known[name] = ask()
            except CannotTry as error:
                self._known[name] = error
            except AlreadyRunning as error:
                self._known[name] = CannotTry(str(error))
        if isinstance(self._known[name], CannotTry):
            raise self._known[name]
        return self._known[name]

    @cached_property
    def shapes(self) -> dict[str, Shape]:
        """What is declared."""
        return shapes()

    @property
    def census(self) -> Census:
        """What is there."""
        return self.once("census", partial(take, self.pg, declared().tables, declared().functions, patience=PATIENCE))

    @cached_property
    def tables(self) -> list[str]:
        """Of the declared tables those that are there."""
        return [table for table in self.shapes if self.fact("table", table, "relkind") in ("r", "p")]

    def fact(self, kind: str, table: str, fact: str) -> Any:
        """Of what a table has one of; None where it is missing."""
        thing = self.census.things.get(Key(kind, table, ""))
        return thing and thing.facts[fact]

    @cached_property
    def lacking(self) -> dict[str, list[str]]:
        """The declared columns that a table lacks, for each of the tables that is there."""
        there = self.census.things
        return {
            table: [name for name in self.shapes[table].columns if Key("column", table, name) not in there]
            for table in self.tables
        }

    @property
    def whole(self) -> list[str]:
        """The tables that can be tried: one that lacks a column would fail for that one reason, which is a finding of its own."""
        return [table for table, lacks in self.lacking.items() if not lacks]

    @property
    def guarded(self) -> list[str]:
        """Of these the ones whose rights can be judged: likewise for row level security that is off."""
        return [table for table in self.whole if self.fact("row security", table, "enabled")]

    @property
    def outcomes(self) -> list[Outcome]:
        """Every line of access.csv, tried. Raises CannotTry."""
        guarded = self.guarded
        return self.once("outcomes", lambda: probe(self.pg, [line for line in lines() if line.table in guarded]))
