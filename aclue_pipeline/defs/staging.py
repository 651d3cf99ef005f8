"""Staging: what was really meant. Views, so always current; looking at one brings its definition up to date and counts it. And the
job that clears what is not kept."""

import dagster as dg

from aclue_pipeline.catalog import Catalog
from aclue_pipeline.defs.checks import Built
from aclue_pipeline.defs.resources import DatabaseResource
from aclue_pipeline.defs.steps import clearly, step
from aclue_pipeline.defs.tables import build_room
from aclue_pipeline.defs.timetable import CLEAR


def build(catalog: Catalog) -> Built:
    return build_room(catalog, "staging")


def clear_erased(catalog: Catalog) -> dg.JobDefinition:
    @dg.op(name="clear", description=CLEAR.does, tags={"kind": "postgres"}, **step("staging"))
    @clearly
    def clear(context: dg.OpExecutionContext, database: DatabaseResource) -> None:
        from aclue_pipeline.derived import erasure

        context.log.info(erasure.sentence(erasure.clear(database, catalog)))

    @dg.job(name=CLEAR.job, description=CLEAR.does)
    def job() -> None:
        clear()

    return job
