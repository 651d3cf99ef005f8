"""Values as Dagster takes them. Its event log refuses numpy and pandas scalars, Decimals, dates and UUIDs *after* the work is
done, which loses the result; so every metadata value of ours passes here. No database, no asset."""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

if TYPE_CHECKING:
    import pandas as pd

#: Markdown up to here stands on the asset's page; longer text hides behind a "Show Markdown" button.
INLINE = 1000

PREVIEW_ROWS = 5
_CELL = 24


def metadata(values: Mapping[str, Any]) -> dict[str, dg.MetadataValue[Any]]:
    """Every value as a MetadataValue, whatever SQL, numpy or pandas made of it."""
    return {name: value_of(value) for name, value in values.items()}


def value_of(value: Any) -> dg.MetadataValue[Any]:
    """One value: numbers stay numbers (a Decimal as float: the UI plots it, the table holds it exactly), aware times become
    time stamps, frames Markdown tables, collections JSON; whatever is left becomes its text."""
    if isinstance(value, dg.MetadataValue):
        return value
    if isinstance(value, Path):
        return dg.MetadataValue.path(value)
    if type(value).__name__ == "DataFrame":
        return dg.MetadataValue.md(markdown_table(records(value), list(map(str, value.columns))))
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
            return dg.MetadataValue.text(text)
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


def markdown_table(rows: Iterable[Mapping[str, Any]], columns: Sequence[str] = ()) -> str:
    """Rows as a Markdown table; cells are cut, so that one long text does not push the others out of sight."""
    rows = list(rows)
    names = list(columns) or (list(rows[0]) if rows else [])
    if not names:
        return "(empty)"
    lines = [" | ".join(names), " | ".join("---" for _ in names)]
    lines += [" | ".join(_cell(row.get(name)) for name in names) for row in rows]
    return "\n".join(f"| {line} |" for line in lines)


def preview(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> dg.MetadataValue[Any]:
    """The first rows and as many columns as stand on the asset's page without a click."""
    shown = list(columns)
    while True:
        text = markdown_table(rows[:PREVIEW_ROWS], shown)
        if len(shown) < len(columns):
            text += f"\n\n… and {len(columns) - len(shown)} more columns"
        if len(text) < INLINE or len(shown) <= 2:
            return dg.MetadataValue.md(text)
        shown.pop()


def _cell(value: Any) -> str:
    match plain(value):
        case None:
            return ""
        case bool(truth):
            return "yes" if truth else "no"
        case float(number):
            text = f"{number:.4f}".rstrip("0").rstrip(".")
        case dict(parts):
            text = ", ".join(f"{name} {_cell(part)}" for name, part in parts.items())
        case list(parts):
            text = ", ".join(map(_cell, parts))
        case other:
            text = str(other)
    if len(text) > _CELL and not text.startswith("["):  # links stay whole
        text = text[: _CELL - 1] + "…"
    return text.replace("|", "\\|").replace("\n", " ")
