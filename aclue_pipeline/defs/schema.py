"""The schema that we deploy: the source asset `schema`, whose timeline is the history of deployments, the job that deploys, the
four event tables that the app fills, and the success criteria of a deployment as checks. The fifth table, user_preferences, is written
by us and stands in preferences.py."""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

from aclue_pipeline.catalog import Catalog, Table, atlas
from aclue_pipeline.checks import Check, Judgement, Outcome
from aclue_pipeline.defs import beta, describe
from aclue_pipeline.defs.checks import Built, asset_checks, result
from aclue_pipeline.defs.metadata import Markdown, metadata, tabular
from aclue_pipeline.defs.observed import look_at_table, observe
from aclue_pipeline.defs.resources import DatabaseResource
from aclue_pipeline.defs.steps import clearly, step
from aclue_pipeline.defs.timetable import SCHEMA, sentence
from aclue_pipeline.errors import (
    DeploymentIncomplete,
    Impossible,
    NotAllowed,
    NotJudged,
    NotOurs,
    SettingsError,
    VerificationFailed,
)
from aclue_pipeline.postgres import driver
from aclue_pipeline.schema import history
from aclue_pipeline.schema.declared import table_names
from aclue_pipeline.schema.signoff import signoff
from aclue_pipeline.schema.verify import checks, verify
from aclue_pipeline.settings import get_settings
from aclue_pipeline.sources import contract, freshness

if TYPE_CHECKING:
    import sqlalchemy as sa

    from aclue_pipeline.postgres import Database

GROUP = "schema"

#: Clock of each event table, and how old its newest row may be before somebody should ask the app's people.
FRESH = [
    freshness("public.affiliate_clicks", "click_timestamp", timedelta(days=3)),
    freshness("public.product_views", "view_timestamp", timedelta(days=3)),
    freshness("public.session_analytics", "started_at", timedelta(days=3)),
    freshness("public.recommendation_feedback", "created_at", timedelta(days=7)),
]


def _schema_spec(catalog: Catalog) -> dg.AssetSpec:
    return dg.AssetSpec(
        SCHEMA,
        description=(
            "What is deployed of our five tables: columns, keys, indexes, policies, triggers, grants and comments, as the database"
            " has them.\n\nIts data version is a fingerprint of all that, so a change by hand shows as a new version."
            f" Deployed by the job `deploy_schema`, whose observation has each step.\n\n**When:** {sentence(GROUP)}\n\n**Owner:** data."
        ),
        group_name=GROUP,
        owners=["team:data"],
        kinds={"postgres", "ddl"},
        tags={"aclue/room": GROUP},
        metadata={
            "dagster/code_references": beta.file_references(
                [(table.name, table.path) for table in catalog.room(GROUP)]
            ),
            "source": "sql/schema",
        },
    )


# --- looking ----------------------------------------------------------------------------------------------------------


def look_at_schema(connection: "sa.Connection", _key: dg.AssetKey = SCHEMA) -> tuple[str, Mapping[str, Any]]:
    """The fingerprint, how much of what is there, what is not as declared, and the last deployment."""
    from aclue_pipeline.schema.look import look

    pg = driver(connection)
    try:
        todo = look(pg)
    except NotOurs as error:
        return "somebody else's", {"database": str(connection.engine.url.database), "differs": [str(error)]}
    kinds = {
        "columns": "column",
        "indexes": "index",
        "policies": "policy",
        "triggers": "trigger",
        "constraints": "constraint",
    }
    deployed = [
        {
            "table": table,
            "has": ", ".join(
                f"{name} {sum(1 for _ in todo.there.of(kind, table=table))}" for name, kind in kinds.items()
            ),
        }
        for table in todo.there.tables
    ]
    return todo.fingerprint, {
        "differs from what is declared": "\n".join(line for line, _ in todo.lines()) or "nothing",
        **_last(next(iter(history.deployments(pg)), None)),
        "database": str(connection.engine.url.database),
        "server": ".".join(map(str, connection.dialect.server_version_info or ())),
        "tables": len(deployed),
        "deployed": tabular(deployed) if deployed else "nothing: run the job deploy_schema",
    }


def _last(deployment: Mapping[str, Any] | None) -> dict[str, Any]:
    """What was done last, and each step of it with the file that declares the table."""
    if deployment is None:
        return {}
    took = "not ended" if deployment["seconds"] is None else f"in {deployment['seconds']:.1f} s"
    by = history.who(deployment["done_by"])
    outcome = deployment["outcome"] or {}
    steps = [
        {"step": _step(step), "outcome": said.removeprefix(f"{step}: ").removeprefix(f"{step} … ")}
        for step, said in sorted(outcome.items(), key=_place)
    ]
    return {
        "last deployment": f"number {deployment['deployment']}, {deployment['action']} by {by}, {took}",
        "last deployment at": deployment["began_at"],
        "steps of the last deployment": tabular(steps) if steps else "none: everything was as declared",
        **({"SQL of the tables": Markdown(links)} if (links := _sql_of({_table(step) for step in outcome})) else {}),
        **({"brings back what it closed": "\n".join(back)} if (back := deployment["brings_back"]) else {}),
    }


def _place(line: tuple[str, str]) -> tuple[Any, ...]:
    """What was not done first; then table by table, the table before its parts, and functions at the end."""
    step, said = line
    return said.endswith("done"), _table(step) or "~", not step.startswith("table "), step


def _table(step: str) -> str:
    """The table of ours that a step is about; none for a function."""
    table = step.partition(" ")[2].partition(".")[0]
    return table if table in table_names() else ""


def _step(step: str) -> str:
    """`constraint visits.visits_page_fkey` as constraint page_fkey of visits."""
    (kind, _, name), table = step.partition(" "), _table(step)
    part = name.partition(".")[2].removeprefix(f"{table}_")
    return f"{kind} {part} of {table}" if table and part else step


def _sql_of(tables: Collection[str]) -> str:
    """Where the SQL of each of these can be read, beside the UI's pages."""
    address = f"{get_settings().ui_prefix}{atlas.ADDRESS}#public."
    return ", ".join(f"[{table}]({address}{table})" for table in sorted(tables) if table)


def judge_drift(database: "Database") -> Judgement:
    """Whether what is deployed is what is declared; what a person accepted is named, and is no difference."""
    from aclue_pipeline.schema import plan

    todo = plan(database)
    accepted = f"; accepted: {', '.join(str(change.key) for change, _ in todo.accepted)}" if todo.accepted else ""
    lines = [line for line, _ in todo.lines()]
    says = f"not as declared: {'; '.join(map(str, todo.changes[:20]))}" if todo.changes else "as declared"
    evidence = {"fingerprint": todo.fingerprint, "plan": todo.hash, "differs": lines}
    outcome: Outcome = "failed" if todo.changes else "passed"
    return Judgement(
        "drift",
        "schema",
        outcome,
        "error",
        says + accepted,
        evidence,
        "aclue deploy # aclue plan says what it would do",
    )


#: Whether somebody changed by hand what is deployed.
drift = asset_checks(
    "drift_of_schema",
    [Check("drift", "schema", "error", "What is deployed is what is declared, or accepted", judge_drift)],
)

#: The success criteria of a deployment, performance targets and security validation, judged on the database.
success_criteria = asset_checks("success_criteria", checks(), together=verify, pool=GROUP)


# --- deploying --------------------------------------------------------------------------------------------------------


class Named(dg.Config):
    """Names the database that is to be changed, so that a run never hits another one by accident."""

    database: str = Field(
        description="Name of the database that ACLUE_DATABASE_URL leads to; the run refuses any other."
    )
    give_up_minutes: float = Field(10, gt=0, description="How long to try for the locks that others hold.")

    def patience(self, database: "Database") -> timedelta:
        """How long to try. Raises SettingsError where another database is meant."""
        if self.database != database.name:
            raise SettingsError(
                f"the configuration names the database {self.database}, ACLUE_DATABASE_URL leads to {database.label}: name the one you mean"
            )
        return timedelta(minutes=self.give_up_minutes)


class DeployConfig(Named):
    dry_run: bool = Field(False, description="Only log what would be done.")
    allow: list[str] = Field(
        [], description="Hazards that are meant, as the plan names them: drops:product_views.old_index."
    )
    adopt: list[str] = Field([], description="Tables to take for ours that do not look like it.")
    plan: str = Field("", description="A file of `aclue plan --out` on the server that runs this: that, or nothing.")


@dg.op(
    name="deploy",
    description="Deploy what is missing, observe `schema`, judge the success criteria.",
    tags={"kind": "postgres"},
    **step(GROUP),
)
@clearly
def deploy_op(context: dg.OpExecutionContext, config: DeployConfig, database: DatabaseResource) -> None:
    from aclue_pipeline import schema

    patience = config.patience(database)
    if config.dry_run:
        for line, _ in schema.plan(database, allow=config.allow, adopt=config.adopt).lines():
            context.log.info(line)
        return
    trouble = None
    try:
        done = schema.deploy(
            database,
            allow=config.allow,
            adopt=config.adopt,
            plan=Path(config.plan) if config.plan else None,
            give_up=patience,
            progress=context.log.info,
        )
    except (DeploymentIncomplete, Impossible, NotAllowed) as error:  # what was done shows in the timeline all the same
        trouble = error
    if trouble is not None:
        observed(context, database, {})
        raise trouble
    context.log.info(f"{database.label}: {done.sentence}")
    text, judgements = signoff(database)
    observed(context, database, {"sign-off": Markdown(text)})
    context.log.info(f"{sum(one.passed for one in judgements)} of {len(judgements)} success criteria hold")
    judge(context, judgements)


def observed(context: dg.OpExecutionContext, database: "Database", said: Mapping[str, Any]) -> None:
    """Put what is there now into the timeline of `schema`, with what a job says besides."""
    with database.begin() as connection:
        version, census = look_at_schema(connection)
    context.log_event(
        dg.AssetObservation(
            asset_key=SCHEMA, tags={"dagster/data_version": version}, metadata=metadata({**census, **said})
        )
    )


_BLOCKING = {one.name for one in checks() if one.severity == "blocking"}


def judge(context: dg.OpExecutionContext, judgements: Sequence[Judgement]) -> None:
    """Record the success criteria as this run's checks. Raises VerificationFailed where a blocking one failed, NotJudged
    where none did but one could not be judged."""
    for found in map(result, judgements):
        # Recorded like an observation, though the annotation of log_event has not heard of it.
        context.log_event(
            dg.AssetCheckEvaluation(  # type: ignore[arg-type]
                asset_key=SCHEMA,
                check_name=str(found.check_name),
                passed=found.passed,
                severity=found.severity,
                metadata=found.metadata,
                description=found.description,
                blocking=found.check_name in _BLOCKING,
            )
        )
    red = [one for one in judgements if one.check in _BLOCKING and not one.passed]
    if red:
        kind = VerificationFailed if any(one.outcome == "failed" for one in red) else NotJudged
        raise kind("; ".join(f"{one.check}: {one.says} ({one.remedy})" for one in red))


@dg.job(
    description="Deploy the five tables to the database that the configuration names; ends with an observation of `schema` and its checks.",
    executor_def=dg.in_process_executor,
)
def deploy_schema() -> None:
    deploy_op()


def _events(catalog: Catalog) -> list[Table]:
    return [table for table in catalog.room(GROUP) if table.key in catalog.observed]


def contracts(catalog: Catalog) -> list[Check]:
    return [contract(table, {c.name: c.type for c in table.columns}, "aclue deploy") for table in _events(catalog)]


def build(catalog: Catalog) -> Built:
    specs = [describe.spec(catalog, table, deps=[SCHEMA]) for table in _events(catalog)]
    return [
        observe([_schema_spec(catalog)], "observe_schema", look_at_schema),
        observe(specs, "observe_events", look_at_table),
    ], [
        success_criteria,
        drift,
        asset_checks("events_contract", contracts(catalog)),
        asset_checks("events_freshness", FRESH),
    ]
