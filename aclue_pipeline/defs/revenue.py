"""Revenue: what clicks brought, by click day, by conversion day and by month. Each table is one file in sql/revenue; closing a month
is a job, since it changes what the months are made of."""

import dagster as dg

from aclue_pipeline.catalog import Catalog
from aclue_pipeline.defs.checks import Built
from aclue_pipeline.defs.resources import DatabaseResource
from aclue_pipeline.defs.steps import ONCE, once, step
from aclue_pipeline.defs.tables import build_room
from aclue_pipeline.defs.timetable import CLOSE


def build(catalog: Catalog) -> Built:
    return build_room(catalog, "revenue")


def close_month(catalog: Catalog) -> dg.JobDefinition:
    @dg.op(name="close", description=CLOSE.does, tags={"kind": "postgres"}, **step("revenue"))
    @once
    def close(context: dg.OpExecutionContext, database: DatabaseResource) -> None:
        from aclue_pipeline.revenue import closing

        month = closing.next_to_close(database, catalog)
        if month is None:
            context.log.info("no open month is over")
            return
        done = closing.close(database, catalog, month, f"run {context.run_id}")
        context.log.info(f"{month:%Y-%m} is closed: {len(done.amounts)} currencies and networks")

    @dg.job(name=CLOSE.job, description=CLOSE.does, tags=ONCE)
    def job() -> None:
        close()

    return job
