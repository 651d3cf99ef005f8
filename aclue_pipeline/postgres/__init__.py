"""PostgreSQL: connections, bulk copy, locks, the embedded server and the stand-in for Supabase on it.
What is *asked* of a database belongs to the rooms."""

from aclue_pipeline.postgres.connection import Database, frame, query, script

__all__ = ["Database", "frame", "query", "script"]
