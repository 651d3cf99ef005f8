"""Health: what slows the database down, as findings with evidence and what mends them. Each is one SELECT in sql/health, all
yielding the columns of `Finding`; here they are run, and one that cannot look says so. When they run and whom they alarm
belongs to Dagster and the command line."""

from aclue_pipeline.health.findings import SEVERITIES, Finding, Look, examine, looks

__all__ = ["SEVERITIES", "Finding", "Look", "examine", "looks"]
