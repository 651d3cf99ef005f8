"""What Dagster's chart (1.13) makes of our values: the commands that it hard-codes, and its part of dagster.yaml. Facts of its
templates (_helpers.tpl, deployment-user.yaml, _postgresql.tpl in Dagster's repository), in our words."""

from pathlib import Path
from typing import Any

import yaml

VALUES = Path(__file__).resolve().parents[2] / "deploy" / "helm" / "values.yaml"
WORKSPACE = "/dagster-workspace/workspace.yaml"


def values() -> dict[str, Any]:
    return yaml.safe_load(VALUES.read_text())


def webserver(chart: dict[str, Any], read_only: bool = False) -> str:
    """For `bash -c`."""
    web = chart["dagsterWebserver"]
    words = ["dagster-webserver", "-h", "0.0.0.0", "-p", str(web["service"]["port"]), "-w", WORKSPACE]
    for value, option in (
        ("dbStatementTimeout", "--db-statement-timeout"),
        ("dbPoolRecycle", "--db-pool-recycle"),
        ("pathPrefix", "--path-prefix"),
        ("logLevel", "--log-level"),
    ):
        words += [option, str(web[value])] if web.get(value) else []
    return " ".join([*words, *(["--read-only"] if read_only else [])])


def daemon() -> str:
    """For `bash -c`."""
    return f"dagster-daemon run -w {WORKSPACE}"


def code(chart: dict[str, Any]) -> list[str]:
    """Of the one deployment of user code."""
    [one] = chart["dagster-user-deployments"]["deployments"]
    return ["dagster", "code-server", "start", "-h", "0.0.0.0", "-p", str(one["port"]), *one["codeServerArgs"]]


def workspace(chart: dict[str, Any]) -> dict[str, Any]:
    """As mounted at WORKSPACE."""
    servers = chart["dagsterWebserver"]["workspace"]["servers"]
    return {
        "load_from": [
            {"grpc_server": {"host": one["host"], "port": one["port"], "location_name": one["name"]}} for one in servers
        ]
    }


def instance(chart: dict[str, Any]) -> dict[str, Any]:
    """dagster.yaml as mounted in `dagsterHome`, without the launcher, which needs a cluster."""
    told = chart["postgresql"]
    config = {
        "postgres_db": {
            "username": told["postgresqlUsername"],
            "password": {"env": "DAGSTER_PG_PASSWORD"},
            "hostname": told["postgresqlHost"],
            "db_name": told["postgresqlDatabase"],
            "port": told["service"]["port"],
            "params": told["postgresqlParams"],
            "scheme": told["postgresqlScheme"],
        }
    }
    storages = {
        "schedule_storage": ("schedule_storage", "PostgresScheduleStorage"),
        "run_storage": ("run_storage", "PostgresRunStorage"),
        "event_log_storage": ("event_log", "PostgresEventLogStorage"),
    }
    return {
        "scheduler": {"module": "dagster._core.scheduler", "class": "DagsterDaemonScheduler"},
        "run_coordinator": {"module": "dagster.core.run_coordinator", "class": "QueuedRunCoordinator"},
        **{
            name: {"module": f"dagster_postgres.{module}", "class": kind, "config": config}
            for name, (module, kind) in storages.items()
        },
        "telemetry": chart["telemetry"],
        **chart["additionalInstanceConfig"],
    }


def launcher(chart: dict[str, Any]) -> dict[str, Any]:
    """Its `run_launcher`, which each pod loads, too (_run-launcher.tpl)."""
    told = chart["runLauncher"]["config"]["k8sRunLauncher"]
    return {
        "module": "dagster_k8s",
        "class": chart["runLauncher"]["type"],
        "config": {
            "load_incluster_config": True,
            "job_namespace": "pipeline",
            "image_pull_policy": told["imagePullPolicy"],
            "service_account_name": "aclue-dagster",
            "dagster_home": chart["global"]["dagsterHome"],
            "instance_config_map": "aclue-dagster-instance",
            "postgres_password_secret": chart["global"]["postgresqlSecretName"],
            "env_config_maps": ["aclue-dagster-pipeline-env"],
            "env_secrets": [one["name"] for one in told["envSecrets"]],
            "volumes": told["volumes"],
            "volume_mounts": told["volumeMounts"],
            "run_k8s_config": {
                "pod_spec_config": told["runK8sConfig"]["podSpecConfig"],
                "container_config": told["runK8sConfig"]["containerConfig"],
            },
        },
    }


def context(chart: dict[str, Any]) -> dict[str, Any]:
    """What the code server says of the pods of its runs (_deployment-user.tpl), beside the image that it runs in."""
    [one] = chart["dagster-user-deployments"]["deployments"]
    return {
        "k8s": {
            "image_pull_policy": one["image"]["pullPolicy"],
            "env": one["env"],
            "env_secrets": [secret["name"] for secret in one["envSecrets"]],
            "volumes": one["volumes"],
            "volume_mounts": one["volumeMounts"],
            "resources": one["resources"],
            "namespace": "pipeline",
            "service_account_name": "aclue-dagster-user-deployments",
        }
    }
