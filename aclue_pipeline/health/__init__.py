"""Health: what slows the database down, as findings with evidence and a remedy. Each is one view in sql/health, all of them with
the same columns. `examine` asks them, `summed` puts what a view found together, `measure` remembers how large the tables are, so
that growth can be told. When that happens, and whom a finding alarms, belongs to Dagster and the command line."""

from aclue_pipeline.health.findings import examine, looks, summed
from aclue_pipeline.health.sizes import measure

__all__ = ["examine", "looks", "measure", "summed"]
