"""The jobs that take the deployed tables back, bring them back, and drop what was taken back: what `aclue rollback`, `restore` and
`purge` do, recorded in the timeline of `schema`."""

import dagster as dg
from pydantic import Field

from aclue_pipeline.defs.resources import DatabaseResource
from aclue_pipeline.defs.schema import Named, observed
from aclue_pipeline.defs.steps import ONCE, once, step


class RollbackConfig(Named):
    tables: list[str] = Field([], description="Tables to retire; all that are deployed where none is named.")
    allow: list[str] = Field(
        [],
        description="What may happen besides, as a refusal names it: drops:notes.of_a_view (a key of another table).",
    )


class RestoreConfig(Named):
    number: int | None = Field(
        None, ge=1, description="The rollback whose tables come back; the last where none is named."
    )
    swap: bool = Field(False, description="Retire what stands in their place, in the same transaction.")


class PurgeConfig(Named):
    number: int | None = Field(
        None, ge=1, description="The rollback whose tables are dropped; every one where none is named."
    )
    discard_data: bool = Field(False, description="Drop tables that hold rows, too; the rows are gone.")


@dg.op(name="rollback", tags={"kind": "postgres"}, **step("schema"))
@once
def rollback_op(context: dg.OpExecutionContext, config: RollbackConfig, database: DatabaseResource) -> None:
    from aclue_pipeline import schema

    patience = config.patience(database)
    for line in schema.retirement(database, config.tables).stops:
        context.log.warning(f"will stop answering: {line}")
    done = schema.rollback(database, config.tables, allow=config.allow, give_up=patience, progress=context.log.info)
    observed(context, database, {"retired": ", ".join(done.tables) or "nothing", "into": done.schema})


@dg.op(name="restore", tags={"kind": "postgres"}, **step("schema"))
@once
def restore_op(context: dg.OpExecutionContext, config: RestoreConfig, database: DatabaseResource) -> None:
    from aclue_pipeline import schema

    patience = config.patience(database)
    back = schema.restore(database, config.number, swap=config.swap, give_up=patience, progress=context.log.info)
    observed(context, database, {"restored": ", ".join(back) or "nothing"})


@dg.op(name="purge", tags={"kind": "postgres"}, **step("schema"))
@once
def purge_op(context: dg.OpExecutionContext, config: PurgeConfig, database: DatabaseResource) -> None:
    from aclue_pipeline import schema

    patience = config.patience(database)
    gone = schema.purge(
        database, config.number, discard_data=config.discard_data, give_up=patience, progress=context.log.info
    )
    observed(context, database, {"dropped": ", ".join(gone) or "nothing"})


@dg.job(
    description="Retire the deployed tables of the named database with their rows; `restore_schema` brings them back.",
    executor_def=dg.in_process_executor,
    tags=ONCE,
)
def rollback_schema() -> None:
    rollback_op()


@dg.job(
    description="Bring back what a rollback retired, in the database that the configuration names.",
    executor_def=dg.in_process_executor,
    tags=ONCE,
)
def restore_schema() -> None:
    restore_op()


@dg.job(
    description="Drop what rollbacks retired in the database that the configuration names; rows only where it says so.",
    executor_def=dg.in_process_executor,
    tags=ONCE,
)
def purge_schema() -> None:
    purge_op()


JOBS = (rollback_schema, restore_schema, purge_schema)
