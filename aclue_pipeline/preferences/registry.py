"""Which versions of the taste model there are, and which one profiles are computed with, where a person decides that: pin, unpin,
roll back. What `current` means is said by pipeline.current_taste_model."""

from typing import Any, Final

from psycopg.rows import dict_row

from aclue_pipeline.errors import MissingPrerequisite, NothingFound
from aclue_pipeline.postgres import Database, Pg
from aclue_pipeline.preferences.model import FORMAT
from aclue_pipeline.preferences.store import current_version

_VERSIONS: Final = """
    select m.version, coalesce(m.status, 'accepted') as status, c.version is not null as is_current, m.pinned_at, m.trained_at,
        m.events, m.users, m.products, m.card
    from pipeline.taste_models m left join pipeline.current_taste_model c using (version)
    order by m.trained_at desc, m.version
"""


def kept_versions(db: Database) -> list[dict[str, Any]]:
    """The versions that are kept, newest first, each with whether profiles are computed with it, and its card."""
    with db.psycopg() as pg:
        return _versions(pg)


def pin(db: Database, version: str) -> str | None:
    """Make a version the current one until it is unpinned, whatever was found of it; the one that was current before.

    Raises NothingFound where no such version is kept, MissingPrerequisite where profiles cannot be computed with it any more."""
    with db.psycopg() as pg:
        _lock(pg)
        _known(pg, version)
        return _pin(pg, version)


def unpin(db: Database) -> str | None:
    """Leave it to judgement again which version is current; which one that is then."""
    with db.psycopg() as pg:
        _lock(pg)
        _pin(pg, None)
        return current_version(pg)


def roll_back(db: Database, version: str | None = None) -> str:
    """Pin the accepted version before the current one, or the older one that is named; its name.

    Raises NothingFound where there is none to go back to."""
    with db.psycopg() as pg:
        _lock(pg)
        found = _versions(pg)
        current = next((place for place, one in enumerate(found) if one["is_current"]), None)
        if current is None:
            raise NothingFound(
                "there is no current version to roll back from; train one with `aclue preferences train`"
            )
        older = [one for one in found[current + 1 :] if one["version"].startswith(FORMAT)]
        if version is None:
            version = next((one["version"] for one in older if one["status"] == "accepted"), None)
            if version is None:
                raise NothingFound(
                    f"no accepted version before {found[current]['version']} is kept; `aclue preferences versions` lists those there are"
                )
        _known(pg, version)
        if version not in [one["version"] for one in older]:
            raise NothingFound(
                f"version {version} is not before the current one, {found[current]['version']};"
                f" `aclue preferences pin {version}` makes it current all the same"
            )
        _pin(pg, version)
    return version


def _lock(pg: Pg) -> None:
    """Two people who decide at once take turns."""
    pg.execute("lock table pipeline.taste_models in share row exclusive mode")


def _versions(pg: Pg) -> list[dict[str, Any]]:
    with pg.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(_VERSIONS).fetchall()


def _known(pg: Pg, version: str) -> None:
    if pg.execute("select from pipeline.taste_models where version = %s", [version]).fetchone() is None:
        raise NothingFound(
            f"there is no version {version} of the taste model; `aclue preferences versions` lists those there are"
        )
    if not version.startswith(FORMAT):
        raise MissingPrerequisite(
            f"version {version} is of an earlier release, with whose arithmetic profiles cannot be computed any more"
        )


def _pin(pg: Pg, version: str | None) -> str | None:
    before = current_version(pg)
    pg.execute(
        """update pipeline.taste_models set pinned_at = case when version = %(version)s then clock_timestamp() end
           where pinned_at is not null or version = %(version)s""",
        {"version": version},
    )
    return before
