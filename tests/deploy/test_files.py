"""What deploy/ holds, as far as it can be read without an engine, a cluster or a booted machine; what runs of it is in test_processes."""

import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from aclue_pipeline.settings import unknown
from tests.conventions.test_rules import parse
from tests.deploy.chart import values

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"


def tool(name: str) -> str:
    """Its path; in CI it must be there."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/bin")
    if found is None:
        assert "CI" not in os.environ, f"install {name}"
        pytest.skip(f"{name} is not installed")
    return found


def run(*command: str | Path, cwd: Path | None = None) -> str:
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# --- Kubernetes -------------------------------------------------------------------------------------------------------

#: What the chart (1.13) knows of the values that we give: names, types and whether others beside them are refused; as its models say,
#: helm/dagster/schema in Dagster's repository. `{}`: what Kubernetes says.
TEXT, NUMBER, YES_OR_NO, MAP, ANY = {"type": "string"}, {"type": "integer"}, {"type": "boolean"}, {"type": "object"}, {}


def only(**known: Any) -> dict[str, Any]:
    return {"type": "object", "properties": known, "additionalProperties": False}


def each(of: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": of}


IMAGE = only(repository=TEXT, tag=TEXT, pullPolicy={"enum": ["Always", "IfNotPresent", "Never"]}, digest=TEXT)
POD = dict.fromkeys(
    ("podSecurityContext", "securityContext", "resources", "affinity", "nodeSelector", "tolerations"), ANY
)
POD |= {"envSecrets": each({"type": "object", "required": ["name"]}), "volumes": each(ANY), "volumeMounts": each(ANY)}
POD |= {name: {"type": "object"} for name in ("readinessProbe", "livenessProbe", "startupProbe")} | {"env": each(ANY)}
ON = {"type": "object", "properties": {"enabled": YES_OR_NO}, "required": ["enabled"]}
CHART = only(
    **{"global": {"type": "object", "properties": {"dagsterHome": TEXT, "postgresqlSecretName": TEXT}}},
    generatePostgresqlPasswordSecret=YES_OR_NO,
    postgresql=only(
        enabled=YES_OR_NO, postgresqlHost=TEXT, postgresqlUsername=TEXT, postgresqlPassword=TEXT, postgresqlDatabase=TEXT,
        postgresqlParams={"type": "object"}, postgresqlScheme=TEXT, service=only(port=NUMBER),
    ),
    rabbitmq=ON, redis=ON, telemetry=ON,
    **{
        "dagster-user-deployments": only(
            enabled=YES_OR_NO, enableSubchart=YES_OR_NO,
            deployments=each(only(name=TEXT, image=IMAGE, port=NUMBER, codeServerArgs=each(TEXT), **POD)),
        )
    },
    dagsterWebserver=only(
        image=IMAGE, service=only(type=TEXT, port=NUMBER, annotations=ANY), pathPrefix=TEXT, enableReadOnly=YES_OR_NO,
        workspace=only(enabled=YES_OR_NO, servers=each(only(host=TEXT, port=NUMBER, name=TEXT, ssl=YES_OR_NO)), externalConfigmap=TEXT),
        dbStatementTimeout=NUMBER, dbPoolRecycle=NUMBER, logLevel=TEXT, **POD,
    ),
    dagsterDaemon=only(image=IMAGE, runMonitoring=ON, runRetries=ON, **POD),
    additionalInstanceConfig={"type": "object"},
    runLauncher=only(
        type={"enum": ["K8sRunLauncher", "CeleryK8sRunLauncher", "CustomRunLauncher"]},
        config=only(
            k8sRunLauncher=only(
                imagePullPolicy=TEXT, envSecrets=each(ANY), volumes=each(ANY), volumeMounts=each(ANY), jobNamespace=TEXT,
                runK8sConfig=only(containerConfig=MAP, podSpecConfig=MAP, jobSpecConfig=MAP, jobMetadata=MAP),
            )
        ),
    ),
)  # fmt: skip


def test_the_charts_values_are_such_as_it_knows() -> None:
    jsonschema.validate(values(), CHART)
    with pytest.raises(jsonschema.ValidationError, match="pathprefix"):
        jsonschema.validate(values() | {"dagsterWebserver": values()["dagsterWebserver"] | {"pathprefix": "/x"}}, CHART)


def test_the_charts_instance_is_that_of_dagster_yaml() -> None:
    ours = yaml.safe_load((ROOT / "dagster.yaml").read_text())
    chart = values()
    told = chart["additionalInstanceConfig"] | {"telemetry": chart["telemetry"]}
    # The storage is told by `postgresql`, the queue is the chart's own.
    assert told == {name: one for name, one in ours.items() if name not in ("storage", "run_coordinator")}


def test_code_server_and_webserver_agree_on_names_and_path() -> None:
    """Links in descriptions and metadata are made where the code is."""
    chart = values()
    [code] = chart["dagster-user-deployments"]["deployments"]
    assert code["env"] == chart["dagsterWebserver"]["env"]
    assert "pathPrefix" not in chart["dagsterWebserver"]
    [prefix] = [one["value"] for one in code["env"] if one["name"] == "ACLUE_UI_PREFIX"]
    assert chart["dagsterWebserver"]["readinessProbe"]["httpGet"]["path"] == f"{prefix}/server_info"


def test_pods_have_no_more_rights_than_they_need() -> None:
    chart = values()
    for pod in (*chart["dagster-user-deployments"]["deployments"], chart["dagsterWebserver"], chart["dagsterDaemon"]):
        assert pod["podSecurityContext"]["runAsNonRoot"]
        assert pod["securityContext"]["readOnlyRootFilesystem"]
        assert pod["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert pod["image"] == chart["dagsterWebserver"]["image"]
    for probe in ("readinessProbe", "livenessProbe", "startupProbe"):
        asked = chart["dagsterWebserver"][probe]["httpGet"]
        assert asked["port"] == chart["dagsterWebserver"]["service"]["port"]
        assert asked["httpHeaders"] == [{"name": "Host", "value": "localhost"}]


# --- the image --------------------------------------------------------------------------------------------------------


def test_all_that_the_image_copies_is_let_through_and_there_and_no_data_are() -> None:
    copied = re.findall(r"^COPY (?!--from)(?:--\S+ )?(.*) \S+$", (DEPLOY / "Containerfile").read_text(), re.MULTILINE)
    sources = {name for line in copied for name in line.split()}
    let = set(re.findall(r"^!(.*)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    assert sources == let
    assert all((ROOT / name).exists() for name in sources)
    built = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]["web"]["build"]
    assert (DEPLOY / built["context"] / built["dockerfile"]).resolve() == DEPLOY / "Containerfile"


# --- compose ----------------------------------------------------------------------------------------------------------


def test_compose_reads_its_file_and_publishes_nothing_beyond_this_machine(tmp_path: Path) -> None:
    for file in ("compose.yaml", "workspace.yaml", "aclue.env.example", "storage.env.example"):
        shutil.copyfile(DEPLOY / file, tmp_path / file.removesuffix(".example"))
    said = run(tool("docker-compose"), "-f", "compose.yaml", "config", cwd=tmp_path)
    services = yaml.safe_load(said)["services"]
    assert services.keys() == {"web", "daemon", "code", "storage"}
    ports = [str(port) for one in services.values() for port in one.get("ports", ())]
    assert all(port.startswith("127.0.0.1:") for port in ports), ports
    for name in ("web", "daemon", "code"):
        assert services[name]["read_only"], name
        assert services[name]["cap_drop"] == ["ALL"], name
        assert services[name]["healthcheck"]["test"], name
        assert "POSTGRES_PASSWORD" not in services[name]["environment"], name
    assert "ACLUE_DATABASE_URL" not in services["storage"]["environment"]


def test_every_setting_that_is_proposed_is_one() -> None:
    names = re.findall(r"^(ACLUE_\w+)=", (DEPLOY / "aclue.env.example").read_text(), re.MULTILINE)
    for file in (*DEPLOY.rglob("*.service"), *DEPLOY.rglob("*.conf"), DEPLOY / "helm" / "values.yaml"):
        names += re.findall(r"\b(ACLUE_\w+)\b", file.read_text())
    assert list(unknown(names)) == []
    assert len(set(names)) > 4


def test_every_command_of_ours_that_a_file_calls_is_one() -> None:
    texts = "".join(path.read_text() for path in DEPLOY.rglob("*") if path.is_file())
    called = re.findall(r"^ExecStart=\S+/aclue (.*)$|ACLUE_UI_HOSTS=\S+ aclue (.*)$", texts, re.MULTILINE)
    words = [shlex.split(ours or theirs) for ours, theirs in called]
    words += [json.loads(line)[1:] for line in re.findall(r'CMD (\["aclue".*\])$', texts, re.MULTILINE)]
    assert len(words) == 6
    for one in words:
        parse(one)


# --- systemd ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", sorted(path.name for path in (DEPLOY / "systemd").iterdir()))
def test_systemd_takes_the_unit_and_finds_its_service_shut_in(unit: str, tmp_path: Path) -> None:
    analyze = tool("systemd-analyze")
    for path in (DEPLOY / "systemd").iterdir():
        text = path.read_text()
        assert "Environment=ACLUE_DATABASE_URL" not in text, "passwords stand in the file that root alone reads"
        (tmp_path / path.name).write_text(text.replace("/opt/aclue/bin/aclue", shutil.which("true") or "/bin/true"))
    verified = subprocess.run([analyze, "verify", tmp_path / unit], capture_output=True, text=True)
    assert (verified.returncode, verified.stdout + verified.stderr) == (0, "")
    if unit.endswith(".service"):
        shut = subprocess.run(
            [analyze, "security", "--offline=true", "--threshold=20", tmp_path / unit], capture_output=True, text=True
        )
        assert shut.returncode == 0, shut.stdout[-200:]
