"""What runs are on Kubernetes, as far as it can be seen without one: the jobs that Dagster's launcher, as the chart configures it, sends to
a server in the API server's place."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.instance_for_test import instance_for_test
from dagster._core.launcher.base import LaunchRunContext
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin

from aclue_pipeline.definitions import build_defs
from tests.deploy import chart
from tests.support.catalogs import CATALOG

PYTHON = "/opt/aclue/bin/python"  # of the code server, in the image

Asked = list[tuple[str, str, dict[str, Any]]]


@contextmanager
def api() -> Iterator[tuple[str, Asked]]:
    """Its address, and what it was asked: method, path and body. It takes everything as it comes."""
    asked: Asked = []

    class Answers(BaseHTTPRequestHandler):
        def _take(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            asked.append((self.command, self.path, json.loads(body or "{}")))
            answer = body or b'{"items": []}'
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_POST = do_GET = do_DELETE = _take  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()


def kubeconfig(folder: Path, server: str) -> str:
    """In a pod the service account says this."""
    named = {"cluster": {"server": server}, "context": {"cluster": "here", "user": "here"}, "user": {}}
    config = {f"{kind}s": [{"name": "here", kind: of}] for kind, of in named.items()} | {"current-context": "here"}
    (folder / "kubeconfig").write_text(yaml.safe_dump(config))
    return str(folder / "kubeconfig")


@pytest.mark.slow
def test_each_run_is_one_pod_of_the_images_own_with_its_secrets_and_limits_and_ending_the_run_deletes_it(
    tmp_path: Path,
) -> None:
    pytest.importorskip("dagster_k8s")
    values, image = chart.values(), "registry.example.com/aclue:0.2.0"
    pointer = ModuleCodePointer("aclue_pipeline.definitions", "defs", None)
    repository = RepositoryPythonOrigin(PYTHON, pointer, image, container_context=chart.context(values))
    with api() as (address, asked):
        launcher = chart.launcher(values)
        launcher["config"] |= {"load_incluster_config": False, "kubeconfig_file": kubeconfig(tmp_path, address)}
        with instance_for_test(overrides={"run_launcher": launcher}, temp_dir=str(tmp_path)) as instance:
            run = instance.create_run_for_job(
                build_defs(CATALOG).resolve_job_def("sync_facts"),
                job_code_origin=JobPythonOrigin("sync_facts", repository),
                status=dg.DagsterRunStatus.STARTING,
            )
            instance.run_launcher.launch_run(LaunchRunContext(run, None))
            [(method, path, job)] = asked
            assert (method, path) == ("POST", "/apis/batch/v1/namespaces/pipeline/jobs")
            assert_it_is_the_pod_of(run, job, values, image)
            instance.run_launcher.terminate(run.run_id)
            assert ("DELETE", f"{path}/dagster-run-{run.run_id}") in [one[:2] for one in asked]


def assert_it_is_the_pod_of(run: dg.DagsterRun, job: dict[str, Any], values: dict[str, Any], image: str) -> None:
    assert job["metadata"]["name"] == f"dagster-run-{run.run_id}"
    assert job["spec"]["backoffLimit"] == 0, "Dagster tries a run again, not Kubernetes"
    pod = job["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert (container["image"], container["imagePullPolicy"]) == (image, "IfNotPresent")
    assert container["args"][:5] == [PYTHON, "-m", "dagster", "api", "execute_run"]
    assert run.run_id in container["args"][5]
    told = values["runLauncher"]["config"]["k8sRunLauncher"]["runK8sConfig"]
    [code] = values["dagster-user-deployments"]["deployments"]
    assert container["resources"] == code["resources"], "whatever else the launcher is told"
    assert "resources" not in told["containerConfig"]
    assert container["securityContext"] == told["containerConfig"]["securityContext"]
    assert pod["securityContext"] == told["podSpecConfig"]["securityContext"]
    assert pod["serviceAccountName"] == "aclue-dagster-user-deployments"
    assert pod["restartPolicy"] == "Never"
    secrets = [one["secretRef"]["name"] for one in container["envFrom"] if "secretRef" in one]
    assert secrets == ["aclue"], "ACLUE_DATABASE_URL"
    env = {one["name"]: one for one in container["env"]}
    assert env["DAGSTER_PG_PASSWORD"]["valueFrom"]["secretKeyRef"]["name"] == "aclue-storage"
    assert env["ACLUE_UI_HOSTS"]["value"] == "pipeline.example.com"
    assert env["DAGSTER_HOME"]["value"] == "/var/lib/aclue"
    volumes = [one["name"] for one in pod["volumes"]]
    assert sorted(volumes) == ["home", "tmp"], "a name that comes twice is refused"
    places = [one["mountPath"] for one in container["volumeMounts"]]
    assert sorted(places) == sorted({*places})
