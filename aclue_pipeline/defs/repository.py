"""Where the source of what runs here can be read by everybody: the commit that is installed, and each file's path in the repository."""

import json
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from aclue_pipeline import __version__
from aclue_pipeline.settings import revision, sql_folder


@cache
def commit() -> str:
    """The checkout's; of an installed package what pip noted when it took it from git; else the tag of the version."""
    return revision() or _noted_by_pip() or f"v{__version__}"


def _noted_by_pip() -> str:
    try:
        noted = json.loads(distribution("aclue-pipeline").read_text("direct_url.json") or "{}")
    except PackageNotFoundError:
        return ""
    return str(noted.get("vcs_info", {}).get("commit_id", ""))


def path_of(file: Path) -> str:
    """Path in the repository, where sql/ is beside the package, which in an installed one it is inside."""
    file, package = file.resolve(), Path(__file__).resolve().parent.parent
    above = sql_folder().parent if file.is_relative_to(sql_folder()) else package.parent
    return file.relative_to(above).as_posix()
