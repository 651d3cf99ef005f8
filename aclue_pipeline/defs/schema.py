"""The schema that we deploy: the source asset `schema`, whose timeline is the history of deployments, the job that deploys, the
four event tables that the app fills, and the guide's success criteria as checks. The fifth table, user_preferences, is written
by us and stands in preferences.py."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

from aclue_pipeline.catalog import Catalog, Table
from aclue_pipeline.defs import beta, describe
from aclue_pipeline.defs.checks import Built
from aclue_pipeline.defs.metadata import check_result, escaped, metadata, tabular
from aclue_pipeline.defs.observed import Contract, Fresh, contract_checks, freshness_checks, look_at_table, observe
from aclue_pipeline.defs.resources import DatabaseResource
from aclue_pipeline.errors import NotJudged, SettingsError, VerificationFailed
from aclue_pipeline.schema.criteria import CRITERIA

if TYPE_CHECKING:
    import sqlalchemy as sa

    from aclue_pipeline.postgres import Database
    from aclue_pipeline.schema.finding import Finding

GROUP = "schema"
KEY = dg.AssetKey("schema")

_SCHEDULED = "Looked at by the schedule `observe_sources`."

#: Clock of each event table, and how old its newest row may be before somebody should ask the app's people.
_FRESH = [
    Fresh("public.affiliate_clicks", "click_timestamp", timedelta(days=3)),
    Fresh("public.product_views", "view_timestamp", timedelta(days=3)),
    Fresh("public.session_analytics", "started_at", timedelta(days=3)),
    Fresh("public.recommendation_feedback", "created_at", timedelta(days=7)),
]


def _schema_spec(catalog: Catalog) -> dg.AssetSpec:
    return dg.AssetSpec(
        KEY,
        description=(
            "What is deployed of our five tables: columns, keys, indexes, policies, triggers, grants and comments, as the database"
            " has them.\n\nIts data version is a fingerprint of all that, so a change by hand shows as a new version."
            f" Deployed by the job `deploy_schema`. {_SCHEDULED}"
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


def event_tables(catalog: Catalog) -> list[Table]:
    """The deployed tables that the app fills: all but the one that we write."""
    return [table for table in catalog.room(GROUP) if table.name != "user_preferences"]


# --- looking ----------------------------------------------------------------------------------------------------------


def look_at_schema(connection: "sa.Connection", _key: dg.AssetKey = KEY) -> tuple[str, Mapping[str, Any]]:
    """The fingerprint, and how much of what is there."""
    from aclue_pipeline.postgres import query
    from aclue_pipeline.schema import fingerprint
    from aclue_pipeline.schema.scripts import table_names

    rows = query(
        connection,
        """select c.relname as table,
                  (select count(*) from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns,
                  (select count(*) from pg_index i where i.indrelid = c.oid) as indexes,
                  (select count(*) from pg_constraint k where k.conrelid = c.oid and k.contype = 'f') as foreign_keys,
                  (select count(*) from pg_policy p where p.polrelid = c.oid) as policies,
                  (select count(*) from pg_trigger t where t.tgrelid = c.oid and not t.tgisinternal) as triggers,
                  c.relrowsecurity as row_level_security
           from pg_class c where c.oid in (select to_regclass(name) from unnest(cast(:names as text[])) as name) order by 1""",
        names=[f"public.{table}" for table in table_names()],
    )
    told = {
        "database": str(connection.engine.url.database),
        "server": ".".join(map(str, connection.dialect.server_version_info or ())),
        "tables": len(rows),
        "deployed": tabular(rows) if rows else "nothing: run the job deploy_schema",
    }
    return fingerprint(connection), told


# --- checks -----------------------------------------------------------------------------------------------------------


@dg.multi_asset_check(
    name="success_criteria",
    specs=[
        dg.AssetCheckSpec(criterion.name, asset=KEY, blocking=criterion.blocking, description=criterion.says)
        for criterion in CRITERIA
    ],
    can_subset=True,
)
def success_criteria(
    context: dg.AssetCheckExecutionContext, database: DatabaseResource
) -> Iterator[dg.AssetCheckResult]:
    """The deployment guide's success criteria, performance targets and security validation, judged on the database."""
    from aclue_pipeline.schema.verify import verify

    for finding in verify(database):
        if dg.AssetCheckKey(KEY, finding.name) in context.selected_asset_check_keys:
            warns = _severity(finding) == dg.AssetCheckSeverity.WARN
            yield check_result(KEY, finding.name, finding.passed, finding.evidence, _evidence(finding), warns)


def _severity(finding: "Finding") -> dg.AssetCheckSeverity:
    """What is not judged is a warning where it does not block."""
    return dg.AssetCheckSeverity.ERROR if finding.judged or finding.blocking else dg.AssetCheckSeverity.WARN


def _evidence(finding: "Finding") -> dict[str, Any]:
    told: dict[str, Any] = {"judged": finding.judged, "evidence": finding.evidence}
    return told if finding.passed else {**told, "mend": finding.mend}


# --- deploying --------------------------------------------------------------------------------------------------------


class DeployConfig(dg.Config):
    """Names the database that is to be changed, so that a deployment never hits another one by accident."""

    database: str = Field(
        description="Name of the database that ACLUE_DATABASE_URL leads to; the run refuses any other."
    )
    dry_run: bool = Field(False, description="Only log the statements that are still needed.")
    give_up_minutes: float = Field(10, gt=0, description="How long to try for the locks that the foreign keys need.")


@dg.op(
    name="deploy",
    description="Deploy what is missing, observe `schema`, judge the success criteria.",
    tags={"kind": "postgres"},
)
def deploy_op(context: dg.OpExecutionContext, config: DeployConfig, database: DatabaseResource) -> None:
    from aclue_pipeline.schema import deploy

    if config.database != database.name:
        raise SettingsError(
            f"the configuration names the database {config.database}, ACLUE_DATABASE_URL leads to {database.label}: name the one you mean"
        )
    deployment = deploy(
        database, give_up=timedelta(minutes=config.give_up_minutes), dry_run=config.dry_run, progress=context.log.info
    )
    if config.dry_run:
        return
    with database.begin() as connection:
        version, told = look_at_schema(connection)
    context.log_event(
        dg.AssetObservation(
            asset_key=KEY,
            tags={"dagster/data_version": version},
            metadata=metadata({**told, "deployment": str(deployment)}),
        )
    )
    judge(context, database)


def judge(context: dg.OpExecutionContext, database: "Database") -> None:
    """Record the success criteria as this run's checks. Raises VerificationFailed where a blocking one failed, NotJudged
    where none did but one could not be judged."""
    from aclue_pipeline.schema.verify import verify

    findings = verify(database)
    for finding in findings:
        # Recorded like an observation, though the annotation of log_event has not heard of it.
        context.log_event(
            dg.AssetCheckEvaluation(  # type: ignore[arg-type]
                asset_key=KEY,
                check_name=finding.name,
                passed=finding.passed,
                severity=_severity(finding),
                metadata=metadata(_evidence(finding)),
                description=escaped(finding.evidence),
                blocking=finding.blocking,
            )
        )
    red = [finding for finding in findings if finding.blocking and not finding.passed]
    if red:
        kind = VerificationFailed if any(finding.judged for finding in red) else NotJudged
        raise kind("; ".join(f"{f.name}: {f.evidence} ({f.mend})" for f in red))


@dg.job(
    description="Deploy the five tables to the database that the configuration names; ends with an observation of `schema` and its checks.",
    tags={"aclue/room": "schema"},
    executor_def=dg.in_process_executor,
)
def deploy_schema() -> None:
    deploy_op()


def build(catalog: Catalog) -> Built:
    events = event_tables(catalog)
    specs = [describe.spec(catalog, table, GROUP, deps=[KEY], says=_SCHEDULED, code=False) for table in events]
    contracts = [Contract(table, {c.name: c.type for c in table.columns}, remedy="aclue deploy") for table in events]
    return [
        observe([_schema_spec(catalog)], "observe_schema", look_at_schema),
        observe(specs, "observe_events", look_at_table),
    ], [
        success_criteria,
        contract_checks("events_contract", contracts),
        freshness_checks("events_freshness", _FRESH),
    ]
