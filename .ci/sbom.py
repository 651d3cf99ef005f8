"""`make sbom`: what an installation of a lock file consists of, as CycloneDX JSON, and what each of it is licensed under, with the texts.
Read from the lock and from the packages' own metadata; what the lock has for other systems than this one is left out."""

import json
import re
import sys
import uuid
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

from aclue_pipeline import __version__

#: What names a licence among a package's classifiers, and files that hold one.
_CLASSIFIER = "License :: OSI Approved :: "
_TEXT = re.compile(r"(?i)(licen[cs]e|copying|notice)[^/]*$")


def packages(lock: Path) -> Iterator[Distribution]:
    """The packages of a lock file that are meant for this system. Raises SystemExit where one of them is not installed as pinned."""
    for line in re.findall(r"^[\w.-]+.*?==[^\\\n]+", lock.read_text(encoding="utf-8"), re.MULTILINE):
        pin = Requirement(line)
        if pin.marker is not None and not pin.marker.evaluate():
            continue
        try:
            found = distribution(pin.name)
        except PackageNotFoundError:
            sys.exit(f"sbom: {pin} is not installed")
        if found.version not in pin.specifier:
            sys.exit(f"sbom: {pin} is pinned, {found.version} is installed")
        yield found


def licence(package: Distribution) -> str:
    """By the package's own word: an SPDX expression, else what its classifiers or its licence field name."""
    said = package.metadata.get("License-Expression")
    named = [one.removeprefix(_CLASSIFIER) for one in package.metadata.get_all("Classifier", []) if _CLASSIFIER in one]
    field = (package.metadata.get("License") or "").strip().splitlines()
    return said or ", ".join(named) or (field[0] if field else "not said")


def bill(found: list[Distribution]) -> dict[str, object]:
    """The bill of materials, CycloneDX 1.6."""
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": uuid.uuid4().urn,
        "version": 1,
        "metadata": {"component": {"type": "application", "name": "aclue-pipeline", "version": __version__}},
        "components": [
            {
                "type": "library",
                "name": package.name,
                "version": package.version,
                "purl": (purl := f"pkg:pypi/{re.sub('[-_.]+', '-', package.name).lower()}@{package.version}"),
                "bom-ref": purl,
                "licenses": [
                    {"expression": licence(package)}
                    if package.metadata.get("License-Expression")
                    else {"license": {"name": licence(package)}}
                ],
            }
            for package in found
        ],
    }


def licences(found: list[Distribution]) -> str:
    """A line for each package, then the texts that they bring."""
    lines = [f"{package.name} {package.version}: {licence(package)}" for package in found]
    for package in found:
        for file in package.files or ():
            if _TEXT.search(str(file)) and ".dist-info/" in str(file):
                text = Path(str(file.locate())).read_text(encoding="utf-8", errors="replace")
                lines += ["", f"=== {package.name} {package.version}: {file.name}", "", text.strip()]
    return "\n".join(lines) + "\n"


def write(lock: Path, folder: Path) -> tuple[Path, Path]:
    found = sorted(packages(lock), key=lambda package: package.name.lower())
    folder.mkdir(parents=True, exist_ok=True)
    sbom, texts = folder / f"{lock.stem}.cdx.json", folder / f"{lock.stem}.licences.txt"
    sbom.write_text(json.dumps(bill(found), indent=2) + "\n", encoding="utf-8")
    texts.write_text(licences(found), encoding="utf-8")
    return sbom, texts


if __name__ == "__main__":
    for written in write(Path(sys.argv[1]), Path(sys.argv[2])):
        print(written)
