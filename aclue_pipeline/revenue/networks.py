"""What is particular to the reports of each network: its headers, how it writes dates, its words for a status, as the files of
sql/revenue/networks have them."""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

#: What a header or a status is taken for, whatever its case, spaces, underscores and the sign of a currency behind it.
_plain = re.compile(r"[^a-z0-9]")


@dataclass(frozen=True)
class Format:
    """How a network writes a time: as strptime has it; the zone of times that name none, "" where it is a calendar day."""

    text: str
    zone: str


@dataclass(frozen=True)
class NetworkMapping:
    """A mapping file. `headers`: theirs, as key_of has it → (ours, currency or ""), "" for those that are known and not used.
    `written`: the same → theirs, as the file has it."""

    network: str
    formats: tuple[Format, ...]
    headers: Mapping[str, tuple[str, str]]
    written: Mapping[str, str]
    statuses: Mapping[str, str]

    @property
    def needed(self) -> set[str]:
        """Without what a report cannot be this network's."""
        ours = {ours for ours, _ in self.headers.values()}
        return {"sold", "commission"} | ({"line", "status"} & ours)

    def named(self, ours: str) -> str:
        """The headers that stand for it: any of them will do."""
        return " or ".join(self.written[key] for key, (name, _) in self.headers.items() if name == ours)

    @property
    def columns(self) -> str:
        """What a report must have, as people read it."""
        return ", ".join(self.named(ours) for ours in ("line", "sold", "commission", "status") if ours in self.needed)


def read_mappings(folder: Path) -> dict[str, NetworkMapping]:
    """Every network's mapping, by its name: the file's."""
    found = {}
    for path in sorted(folder.glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        headers = {
            key_of(row["theirs"]): (row["ours"].partition(" ")[0], row["ours"].partition(" ")[2])
            for row in rows
            if row["kind"] == "header"
        }
        found[path.stem] = NetworkMapping(
            path.stem,
            tuple(Format(row["theirs"], row["ours"]) for row in rows if row["kind"] == "date"),
            headers,
            {key_of(row["theirs"]): row["theirs"] for row in rows if row["kind"] == "header"},
            {key_of(row["theirs"]): row["ours"] for row in rows if row["kind"] == "status"},
        )
    return found


def key_of(text: str) -> str:
    """A header or a status as it is compared."""
    return _plain.sub("", text.lower())
