"""Dagster's beta calls: all of them, each here once, with the reason. They may change in a minor release; then this is where.
Their warnings end here, since whoever runs us cannot do anything about them. A test compares the list with what is really used."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import dagster as dg

from aclue_pipeline.defs import repository
from aclue_pipeline.settings import get_settings

#: Every beta API in use, and why there is no other way.
APIS = {
    "multi_observable_source_asset": "the living form of a source, and a view's: observed, ordered within a run, owned, described",
    "CodeReferencesMetadataValue": "links from an asset to its SQL file",
    "LocalFileCodeReference": "the same",
    "with_source_code_references": "links from an asset to its Python",
    "link_code_references_to_git": "both lead to the repository where a server has no editor",
    "UrlCodeReference": "the same",
    "FilePathMapping": "the same: sql/ is elsewhere in an installed package",
}


@contextmanager
def quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        yield


def observable(specs: Sequence[dg.AssetSpec], name: str) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Decorator: sources that one op observes, together or singly."""

    def decorated(function: Callable[..., Any]) -> dg.AssetsDefinition:
        with quiet():
            return dg.multi_observable_source_asset(specs=specs, name=name, can_subset=True)(function)

    return decorated


def file_references(files: Sequence[tuple[str, Path]]) -> dg.CodeReferencesMetadataValue:
    """Links to files: label and path of each."""
    with quiet():
        return dg.CodeReferencesMetadataValue(
            code_references=[
                dg.LocalFileCodeReference(file_path=str(path), line_number=1, label=label) for label, path in files
            ]
        )


class _InRepository(dg.FilePathMapping):
    def convert_to_source_control_path(self, local_path: Path) -> str:
        return repository.path_of(Path(local_path))


def with_python_references(assets: Sequence[dg.AssetsDefinition]) -> Sequence[Any]:
    """The same assets, each also linked to the Python that makes it; where the repository is named, all links lead there."""
    url = get_settings().git_url
    with quiet():
        local = dg.with_source_code_references(assets)
        if not url:
            return local
        platform: Literal["github", "gitlab"] = "gitlab" if "gitlab" in url else "github"
        return dg.link_code_references_to_git(local, url, repository.commit(), _InRepository(), platform)
