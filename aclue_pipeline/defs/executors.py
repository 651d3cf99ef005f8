"""Where the steps of a run are computed: in the run's own process, or where ACLUE_EXECUTOR says. Steps hand each other nothing but what
stands in the database, so that all of them compute the same rows."""

import dagster as dg

from aclue_pipeline.errors import SettingsError
from aclue_pipeline.settings import get_settings

#: Of one run on Kubernetes, where Dagster knows no limit: each is a pod with connections of its own.
_PODS = 4


def broker() -> str:
    """Raises SettingsError where it is not named: Celery would take amqp://localhost then."""
    url = get_settings().broker_url
    if url is None:
        raise SettingsError("ACLUE_EXECUTOR=celery: name its broker in ACLUE_BROKER_URL, as redis://broker:6379/0")
    return url.get_secret_value()


def executor() -> dg.ExecutorDefinition:
    """The one that ACLUE_EXECUTOR names. Raises SettingsError where its extra is not installed or Celery's broker not named."""
    settings = get_settings()
    if settings.executor == "multiprocess":
        return dg.multiprocess_executor
    try:
        if settings.executor == "celery":
            broker()
            from aclue_pipeline.defs import celery

            return celery.executor
        if settings.executor == "kubernetes":
            from dagster_k8s import k8s_job_executor

            return k8s_job_executor.configured({"max_concurrent": _PODS})
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"ACLUE_EXECUTOR={settings.executor} needs the extra [{settings.executor}], as in"
            f" pip install '.[{settings.executor}]' ({error.name} is not installed)"
        ) from None
    return dg.in_process_executor
