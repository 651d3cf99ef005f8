"""The catalog as it was read last, so that a process need not follow every column again. It lies beside the compiled modules, made by
the same user from files of the same folder, and is trusted and thrown away as they are; where it cannot lie, all is read each time."""

import contextlib
import hashlib
import os
import pickle
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from aclue_pipeline.settings import Settings

FILE = Path(__file__).parent / "__pycache__" / "catalog.pickle"


def kept(root: Path, read: Callable[[Path], Any]) -> Any:
    """What `read` makes of a folder: as kept where nothing that it follows from has changed since, else made and kept."""
    key = _key(root)
    with contextlib.suppress(Exception):  # none is there, or half of one: whatever is wrong, it is made anew
        before, found = pickle.loads(FILE.read_bytes())
        if before == key:
            return found
    made = read(root)
    fresh = FILE.with_suffix(f".{os.getpid()}")
    with contextlib.suppress(OSError):
        FILE.parent.mkdir(exist_ok=True)
        try:
            fresh.write_bytes(pickle.dumps((key, made), pickle.HIGHEST_PROTOCOL))
            fresh.replace(FILE)
        finally:  # where the disk is full, each process would leave one
            fresh.unlink(missing_ok=True)
    return made


def _key(root: Path) -> str:
    """Digest of all that a catalog follows from: its files and where they are, what reads them, the settings that a check may name."""
    digest = hashlib.sha256(repr((root, sys.version, version("sqlglot"), *Settings.model_fields)).encode())
    for path in sorted([*root.rglob("*.sql"), *Path(__file__).parent.glob("*.py")]):
        digest.update(f"\0{path}\0".encode() + path.read_bytes())
    return digest.hexdigest()
