"""Dagster's storage on a PostgreSQL database, as in production."""

from contextlib import AbstractContextManager
from pathlib import Path

import dagster as dg
from dagster._core.instance_for_test import instance_for_test


def stored_in(url: str, home: Path) -> AbstractContextManager[dg.DagsterInstance]:
    """An instance that is told its storage by its own file alone. `url` begins with postgresql://."""
    psycopg2 = url.replace("postgresql://", "postgresql+psycopg2://")
    return instance_for_test({"storage": {"postgres": {"postgres_url": psycopg2}}}, temp_dir=str(home))
