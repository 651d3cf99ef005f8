"""What assets are given to work with: the named database. Importing names none; a run that needs one and finds none says so."""

from collections.abc import Iterator
from typing import TypeAlias

import dagster as dg

from aclue_pipeline.errors import DatabaseNotNamed
from aclue_pipeline.postgres import Database

#: The parameter type by which an asset asks for the database.
DatabaseResource: TypeAlias = dg.ResourceParam[Database]


@dg.resource(description="The app's database, as ACLUE_DATABASE_URL names it.")
def database(_context: dg.InitResourceContext) -> Iterator[Database]:
    """Raises DatabaseNotNamed where the setting is missing."""
    from aclue_pipeline.settings import get_settings

    url = get_settings().database_url
    if url is None:
        raise DatabaseNotNamed(
            "no database is named: set ACLUE_DATABASE_URL, or start the demo's UI by `aclue --demo ui`"
        )
    opened = Database(url.get_secret_value())
    try:
        yield opened
    finally:
        opened.close()
