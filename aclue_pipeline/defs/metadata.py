"""Values as Dagster takes them. Its event log refuses numpy and pandas scalars, Decimals, dates and UUIDs *after* the work is
done, which loses the result; and its UI renders Markdown, which in a stranger's text would send a reader's browser anywhere. So
every metadata value and every check's result of ours passes here. No database, no asset."""

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import dagster as dg

if TYPE_CHECKING:
    import pandas as pd

#: Markdown up to here stands on the asset's page; longer text hides behind a "Show Markdown" button.
INLINE = 1000

#: Bytes of all that one event says, which the event log keeps: what comes first has them first.
MOST = 48_000

_CELL = 400  # characters: a sentence stays whole, what a client wrote does not grow without bounds
_TEXT = 4_000
_DAY = 12  # characters of a heading under which a day is not broken at its hyphens


@dataclass(frozen=True)
class Markdown:
    """Markdown of our own making: links and pictures, of words that stand in this repository. No value of a table belongs in it."""

    source: str


def key_of(table: str) -> dg.AssetKey:
    """ "analytics.revenue_daily" → its asset key, database schema / table; "schema" → the asset of that name."""
    return dg.AssetKey(table.split("."))


def metadata(values: Mapping[str, Any]) -> dict[str, dg.MetadataValue[Any]]:
    """Every value as a MetadataValue, whatever SQL, numpy or pandas made of it, and all of them within bounds."""
    made: dict[str, dg.MetadataValue[Any]] = {}
    left = MOST - sum(_OF_AN_ENTRY + len(name) for name in values)
    for name, value in values.items():
        made[name] = _within(value_of(value), left)
        left -= _size(made[name])
    return made


_OF_AN_ENTRY = 200  # bytes for the name, and for what is said where a value was too long


def _size(value: dg.MetadataValue[Any]) -> int:
    return len(dg.serialize_value(value).encode())  # type: ignore[arg-type]


def _within(value: dg.MetadataValue[Any], most: int) -> dg.MetadataValue[Any]:
    """The value, or as much of it as there is room for."""
    size = _size(value)
    if size <= max(most, _OF_AN_ENTRY):
        return value
    if isinstance(value, dg.TableMetadataValue) and len(value.records) > 2:
        first = next(iter(value.records[0].data))
        more = dg.TableRecord({**dict.fromkeys(value.records[0].data), first: "… and more"})
        kept = list(value.records)[: (len(value.records) - 1) // 2]
        return _within(dg.MetadataValue.table([*kept, more], value.schema), most)
    return dg.MetadataValue.text(f"left out: an event says at most {MOST:,} bytes, and others come first")


def value_of(value: Any) -> dg.MetadataValue[Any]:
    """One value: numbers stay numbers (a Decimal as float: the UI plots it, the table holds it exactly), aware times become
    time stamps, frames tables, collections JSON; whatever is left becomes its text, which is never Markdown."""
    if isinstance(value, dg.MetadataValue):
        return value
    if isinstance(value, Markdown):
        return dg.MetadataValue.md(value.source)
    if isinstance(value, Path):
        return dg.MetadataValue.path(value)
    if type(value).__name__ == "DataFrame":
        return tabular(records(value), list(map(str, value.columns)))
    if isinstance(value, datetime) and value.tzinfo is not None and not _missing(value):
        return dg.MetadataValue.timestamp(value.timestamp())
    match plain(value):
        case None:
            return dg.MetadataValue.null()
        case bool(truth):
            return dg.MetadataValue.bool(truth)
        case int(number):
            # Larger ones are no numbers to the browser, which rounds them.
            return dg.MetadataValue.int(number) if abs(number) < 2**53 else dg.MetadataValue.text(str(number))
        case float(number):
            return dg.MetadataValue.float(number)
        case str(text):
            return dg.MetadataValue.text(_cut(text, _TEXT))
        case collection:
            return dg.MetadataValue.json(collection)


def records(frame: "pd.DataFrame") -> list[dict[str, Any]]:
    """The rows of a frame, by name of the column."""
    return [{str(name): part for name, part in row.items()} for row in frame.to_dict("records")]


def plain(value: Any) -> Any:
    """The value in JSON's types: None, bool, int, float, str, and lists and dicts of them."""
    if isinstance(value, str):  # numpy's strings are strings
        return str(value)
    if isinstance(value, Mapping):
        return {str(name): plain(part) for name, part in value.items()}
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        return plain(value.tolist())  # arrays and scalars alike
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(part) for part in value]
    if _missing(value):
        return None
    if isinstance(value, (bool, int)):
        return value
    if isinstance(value, Decimal) and value.is_finite() and value.as_tuple().exponent == 0:
        return int(value)  # a sum of whole numbers, which PostgreSQL makes numeric
    if isinstance(value, (float, Decimal)):
        number = float(value)
        return number if math.isfinite(number) else str(value)
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).hex()
    return str(value)


def _missing(value: Any) -> bool:
    """None, NaN, and pandas' NA and NaT: none of them equals itself."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, (float, Decimal)) and math.isnan(value)


def tabular(rows: Iterable[Mapping[str, Any]], columns: Sequence[str] = ()) -> dg.MetadataValue[Any]:
    """Rows as Dagster's own table, whose cells are text to the UI. `columns`: those of the first row, unless named."""
    rows = list(rows)
    names = list(columns) or (list(rows[0]) if rows else [])
    headed = {name: _heading(name, any(type(row.get(name)) is date for row in rows)) for name in names}
    table_rows = [dg.TableRecord({headed[name]: _cell(row.get(name), name) for name in names}) for row in rows]
    return dg.MetadataValue.table(
        table_rows, None if table_rows else dg.TableSchema([dg.TableColumn(name) for name in names])
    )


def _heading(name: str, of_days: bool) -> str:
    """Wide enough for the days below it, which the UI would break in two otherwise."""
    return name.center(_DAY, "\u00a0") if of_days else name


#: Pixels for a table on the page of an asset, where the window is 1440 wide: what is wider is cut, and all else on the page with it.
_WIDE, _OF_A_CELL = 352, 16
_OF_A_HEADING, _OF_A_LETTER = 7.2, 8.45  # pixels for a letter
_AT_LEAST = 1  # column beside the first, even so


def fitting(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows with as many columns as fit beside the first: where something moved (before → after) before the others."""
    # A day without money has no column of it, and each may have another currency's.
    first, *others = dict.fromkeys(name for row in sorted(rows, key=len, reverse=True) for name in row)
    others.sort(key=lambda name: not any(" → " in str(row.get(name)) for row in rows))
    names = [first, *_fitting(others, _WIDE - _DAY * _OF_A_LETTER)]
    return [{name: row.get(name) for name in names} for row in rows]


def _fitting(names: Sequence[str], left: float) -> list[str]:
    kept: list[str] = []
    for name in names:
        if (width := len(name) * _OF_A_HEADING + _OF_A_CELL) <= left or len(kept) < _AT_LEAST:
            kept.append(name)
            left -= width
    return kept


def preview(rows: Sequence[Mapping[str, Any]], apart: Sequence[str], numbers: Sequence[str]) -> dg.MetadataValue[Any]:
    """Rows as what tells each from the others, in words, and as many of its numbers as fit beside that."""
    told = [" · ".join(filter(None, (_told(name, row.get(name)) for name in apart))) or "(not set)" for row in rows]
    # A line breaks at these.
    longest = max((len(word) for words in told for word in re.split("[ -]", words)), default=0)
    kept = _fitting(numbers, _WIDE - longest * _OF_A_LETTER - _OF_A_CELL)
    lines = [{"row": words, **{name: row.get(name) for name in kept}} for words, row in zip(told, rows, strict=True)]
    return tabular(lines, ["row", *kept])


_NAME = re.compile("[a-z]+(_[a-z]+)+")


def _told(name: str, value: Any) -> str:
    """A day or a month in words, a number with its column's name, the beginning of an id, a name without the underscores, at which no
    line is broken; what is not set is left out."""
    if isinstance(value, UUID):
        return f"{name} {str(value)[:8]}…"
    if isinstance(value, date):
        return f"{value:%b %Y}" if name.endswith("month") else f"{value.day} {value:%b %Y}"
    text = "" if value is None or value == "(not set)" else _cut(str(value), _CELL)
    text = text.replace("_", " ") if _NAME.fullmatch(text) else text
    return f"{name} {text}" if text and not isinstance(value, str) else text


#: Of which columns a number is money, or a share.
_MONEY, _SHARE = re.compile("(^|_)commission(_to_date|, .*)?$"), re.compile("(^|_)(share|rate)$")


def written(name: str, value: Any) -> str | None:
    """A number with the places that money and shares have; None of what is neither."""
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)) or not math.isfinite(value):
        return None
    if _MONEY.search(name):
        return f"{value:,.2f}"
    return f"{value:.1%}" if _SHARE.search(name) else None


def _cell(value: Any, name: str = "") -> str | int | float | bool | None:
    if (text := written(name, value)) is not None:
        return text
    match plain(value):
        case float(number):
            return round(number, 4)
        case int(number) if abs(number) < 2**53:  # bool too
            return number
        case None:
            return None
        case str(text):
            pass
        case other:
            text = json.dumps(other, ensure_ascii=False)
    return _cut(text, _CELL)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


#: What begins something in one line of Markdown; a name_with_underscores does not.
_MARK = re.compile(r"[\\`*\[<~]|(?<!\w)_|_(?!\w)|&(?=[#\w])|^[#>+=-]")
_APART = re.compile(r"(?i)(?=://|@)|(?<=\bwww)(?=\.)")


def escaped(text: str) -> str:
    """Text for where Dagster renders Markdown and has no other way, as in what a check says: it is shown as it stands.

    Addresses would become links even so; a word joiner, which nobody sees, keeps them apart.
    """
    apart = _APART.sub("\u2060", " ".join(text.split()))
    return re.sub(r"^(\d+)([.)])(?= |$)", r"\1\\\2", _MARK.sub(r"\\\g<0>", apart))
