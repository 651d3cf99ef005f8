"""PostgreSQL: connections, bulk copy, locks, the embedded server and the stand-in for Supabase on it.
What is *asked* of a database belongs to the rooms."""

import os

# libpq fills what a URL leaves open from PG* variables, and PGHOSTADDR even leads to another server than the URL's host. Every
# process that connects comes through here first, and its children inherit: the named database is the database.
for _name in [name for name in os.environ if name.startswith("PG")]:
    del os.environ[_name]

from aclue_pipeline.postgres.connection import SIGNATURE, Database, Pg, driver, identifier, is_transient, query, script  # noqa: E402

__all__ = ["SIGNATURE", "Database", "Pg", "driver", "identifier", "is_transient", "query", "script"]
