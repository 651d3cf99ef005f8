"""Health: what slows the database down, or will stop it, as findings with evidence and a remedy. Each is one file in sql/health, all of
them with the same columns. `examine` returns all that is found, `summed` puts what one of them found together, `measure` remembers how
large the tables are, so that growth can be told. When that happens, and whom a finding alarms, belongs to Dagster, alerts and the
command line."""

from aclue_pipeline.health.findings import examine, keep, looks, severity, summed
from aclue_pipeline.health.sizes import measure

__all__ = ["examine", "keep", "looks", "measure", "severity", "summed"]
