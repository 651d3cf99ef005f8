"""Reading a folder of somebody's swipes: users, products, swipes and perhaps feedback, each as CSV (also .csv.gz) or Parquet. What
cannot be read is refused with its file and line; ids become numbers in the order of their file, and are found again by them."""

import csv
import gzip
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final, cast

import duckdb
import numpy as np

from aclue_pipeline.errors import DataRefused
from aclue_pipeline.preferences.arrays import Ints
from aclue_pipeline.preferences.splits import Mask

#: It fetches nothing; one thread keeps the order of the file.
_FRUGAL: Final[dict[str, str | bool | int | float | list[str]]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "threads": "1",
    "memory_limit": "512MB",
}
_SET_UP: Final = """
    set enable_progress_bar = false; -- it is drawn on stdout
    set TimeZone = 'UTC'; -- of times that name none
    create macro number_of(said) as case when lower(said) <> 'nan' then try_cast(said as double) end;
    create macro is_no_number(said, low, high) as
        lower(said) <> 'nan' and not coalesce(try_cast(said as double) between low and high, false);
    create macro microseconds(said) as case
        when try_cast(said as double) between -2208988800 and 4102444800 then cast(round(try_cast(said as double) * 1000000) as bigint)
        when regexp_matches(said, '^[0-9]{4}-[0-9]') and year(try_cast(said as timestamptz)) between 1900 and 2099
            then epoch_us(try_cast(said as timestamptz))
    end"""


@dataclass(frozen=True)
class _File:
    """Columns that must be there and that may be; what is wrong with a row `r`, in order: (condition, sentence), both SQL."""

    needs: tuple[str, ...]
    may: tuple[str, ...]
    wrong: tuple[tuple[str, str], ...]
    other: str = ""  # joins


_ID: Final = (
    ("r.id is null", "'there is no id'"),
    ("r.row > min(r.row) over (partition by r.id)", "format('the id {} stands in an earlier line, too', r.id)"),
)
_WHO_AND_WHEN: Final = (
    ("u.number is null", "format('the user {} is not in users', coalesce(r.\"user\", 'empty'))"),
    ("p.number is null", "format('the product {} is not in products', coalesce(r.product, 'empty'))"),
    *(
        (
            f"try_cast(r.at as double) between {10**8 * in_one} and {4102444800 * in_one}",
            f"format('at is {{}}, which is {unit}: divide by {in_one:,} (Unix seconds), or write ISO 8601', r.at)",
        )
        for unit, in_one in (("milliseconds", 1_000), ("microseconds", 1_000_000), ("nanoseconds", 1_000_000_000))
    ),
    (
        "microseconds(r.at) is null",
        "format('at is no time from 1900 to 2099 but {}: write ISO 8601 (2024-05-31T18:30:00Z) or Unix seconds', coalesce(r.at, 'empty'))",
    ),
)
_WHO: Final = 'left join users as u on u.id = r."user" left join products as p on p.id = r.product'


def _number(column: str, low: int, high: int) -> tuple[str, str]:
    return (
        f"is_no_number(r.{column}, {low}, {high})",
        f"format('{column} is no number from {low} to {high} but {{}}', r.{column})",
    )


_FILES: Final = {
    "users": _File(("id",), (), _ID),
    "products": _File(
        ("id",), ("title", "category", "brand", "price", "tags"), (*_ID, _number("price", 0, 99_999_999))
    ),
    "swipes": _File(
        ("user", "product", "direction", "at"),
        ("time_spent", "strength"),
        (
            *_WHO_AND_WHEN,
            (
                "coalesce(r.direction not in ('left', 'right', 'up', 'down'), true)",
                "format('direction is none of left, right, up and down but {}', coalesce(r.direction, 'empty'))",
            ),
            _number("time_spent", 0, 2_147_483_647),
            _number("strength", 0, 1),
        ),
        _WHO,
    ),
    "feedback": _File(
        ("user", "product", "value", "at"),
        ("type", "tags"),
        (
            *_WHO_AND_WHEN,
            ("number_of(r.value) is null", "format('value is no number but {}', coalesce(r.value, 'empty'))"),
            _number("value", -1, 1),
            (
                "r.type not in ('explicit', 'implicit')",
                "format('type is neither explicit nor implicit, nor empty, but {}', r.type)",
            ),
        ),
        _WHO,
    ),
}
#: What of each file is kept, by the names of the app's columns.
_KEPT: Final = {
    "users": "r.id",
    "products": """r.id, coalesce(replace(r.title, chr(0), ''), '') as title, replace(r.category, chr(0), '') as category,
        replace(r.brand, chr(0), '') as brand, number_of(r.price) as price, replace(r.tags, chr(0), '') as tags""",
    "swipes": """u.number as "user", p.number as product, microseconds(r.at) as "at", r.at as said_at, r.direction,
        cast(if(number_of(r.time_spent) > 86400, 86400, round(number_of(r.time_spent))) as integer) as time_spent,
        number_of(r.strength) as strength""",
    "feedback": """u.number as "user", p.number as product, microseconds(r.at) as "at", r.type, number_of(r.value) as value,
        array_to_string(list_transform(string_split(replace(r.tags, chr(0), ''), '|')[:100], lambda tag: tag[:100]), '|') as tags""",
}


@dataclass(frozen=True)
class Rows:
    """Swipes or feedback as columns, in the order of the file."""

    user: Ints
    product: Ints
    at: Ints  # microseconds since 1970
    judged: Mask  # whether it is a swipe that says yes or no
    like: Mask

    def __len__(self) -> int:
        return len(self.user)


class Data:
    """The folder's files, read and found in order, as tables of `duck`: users, products, swipes, feedback, each with a `number` from 0
    in the order of the file."""

    def __init__(self, folder: Path, scratch: Path) -> None:
        """Read everything; `scratch` holds what memory need not. Raises DataRefused."""
        if not folder.is_dir():
            raise DataRefused(f"{folder} is no folder; name the one that holds users.csv, products.csv and swipes.csv")
        self.duck = duckdb.connect(str(scratch / "data.duckdb"), config=_FRUGAL)
        self.duck.execute(_SET_UP)
        for name in _FILES:
            self._read(folder, name)
        self.users, self.products = self._count("users"), self._count("products")
        self.swipes, self.feedback = self._rows("swipes"), self._rows("feedback")

    def first_and_last(self) -> tuple[int, int]:
        """The times of the first and the last event."""
        at = np.concatenate([self.swipes.at, self.feedback.at])
        return int(at.min()), int(at.max())

    def _count(self, table: str) -> int:
        (count,) = self.duck.execute(f"select count(*) from {table}").fetchone() or (0,)  # noqa: S608
        return int(count)

    def _rows(self, table: str) -> Rows:
        direction = "direction" if table == "swipes" else "null"
        found = self.duck.execute(
            f"""select cast("user" as bigint) as "user", cast(product as bigint) as product, "at",
                    coalesce({direction} in ('left', 'right', 'up'), false) as judged,
                    coalesce({direction} in ('right', 'up'), false) as liked
                from {table} order by number"""  # noqa: S608
        ).fetchnumpy()
        return Rows(*(np.asarray(column) for column in found.values()))

    def _read(self, folder: Path, name: str) -> None:
        file = _FILES[name]
        path = _path(folder, name)
        try:
            if path is None:
                self._create_raw(name, self.duck.sql("select 1 where false"), {})
            elif path.suffix == ".parquet":
                table = self.duck.read_parquet(str(path))
                self._create_raw(name, table, _checked(path, table.columns, file))
            else:
                header = _header(path)
                columns = _checked(path, header, file)
                table = self.duck.read_csv(
                    str(path), header=True, columns={f"c{n}": "VARCHAR" for n in range(len(header))}, auto_detect=False, delimiter=",",
                    quotechar='"', escapechar='"', na_values="", compression="gzip" if path.suffix == ".gz" else "none",
                )  # fmt: skip
                self._create_raw(name, table, columns)
        except duckdb.Error as error:
            raise DataRefused(f"{path}{_reason(error, path)}") from None
        self._refuse(name, path)
        self.duck.execute(
            f"""create table {name} as
                select cast(row_number() over (order by r.row) - 1 as integer) as number, {_KEPT[name]} from raw as r {file.other};
                drop table raw"""  # noqa: S608
        )

    def _create_raw(self, name: str, table: duckdb.DuckDBPyRelation, columns: dict[str, int]) -> None:
        """All columns as text, whatever they are; rows of nothing but empty values are none."""
        known = (*_FILES[name].needs, *_FILES[name].may)
        parts = []
        for column in known:
            text = "null"
            if column in columns:
                there = '"{}"'.format(table.columns[columns[column]].replace('"', '""'))
                is_list = str(table.types[columns[column]]).endswith("[]")
                text = f"array_to_string({there}, '|')" if is_list else f"cast({there} as varchar)"
            parts.append(f"nullif({text}, '') as \"{column}\"")
        table.project(f"row_number() over () as row, {', '.join(parts)}").create("raw_rows")
        told = ", ".join(f'"{column}"' for column in known)
        self.duck.execute(
            f"create table raw as select * from raw_rows where coalesce({told}) is not null; drop table raw_rows"  # noqa: S608
        )

    def _refuse(self, name: str, path: Path | None) -> None:
        file = _FILES[name]
        whens = " ".join(f"when {condition} then {sentence}" for condition, sentence in file.wrong)
        wrong = self.duck.execute(
            f"""select row, says from (select r.row, case {whens} end as says from raw as r {file.other})
                where says is not null order by row limit 1"""  # noqa: S608
        ).fetchone()
        if wrong is not None and path is not None:
            raise DataRefused(f"{path}, {_line(path, wrong[0])}: {wrong[1]}")
        if path is not None and name != "feedback" and not self._count("raw"):
            raise DataRefused(f"{path} holds no rows below its header")


def _path(folder: Path, name: str) -> Path | None:
    """The one file of that name; None where there is none and need be none."""
    names = [f"{name}.csv", f"{name}.csv.gz", f"{name}.parquet"]
    found = [folder / one for one in names if (folder / one).is_file()]
    if len(found) > 1:
        raise DataRefused(f"{folder} holds {' and '.join(one.name for one in found)}: leave one of them")
    if not found and name != "feedback":
        raise DataRefused(f"{folder} holds no {', '.join(names[:2])} or {names[2]}")
    return found[0] if found else None


def _text(path: Path) -> IO[str]:
    """Line ends as they are."""
    read = gzip.open if path.suffix == ".gz" else open
    return cast(IO[str], read(path, "rt", encoding="utf-8-sig", errors="replace", newline=""))


def _records(path: Path) -> Iterator[tuple[int, list[str]]]:
    """(line in which it begins, values) of every record."""
    with _text(path) as file:
        before = csv.field_size_limit(2**31 - 1)  # else 131,072 characters; how long a line may be, DuckDB says
        try:
            reader, line = csv.reader(file), 1
            for values in reader:
                yield line, values
                line = reader.line_num + 1
        finally:
            csv.field_size_limit(before)  # which is the process's: a network's report keeps to it


def _header(path: Path) -> list[str]:
    try:
        return next(_records(path), (1, []))[1]
    except (OSError, EOFError, csv.Error) as error:
        raise DataRefused(f"{path} cannot be read: {error}") from None


def _checked(path: Path, header: list[str], file: _File) -> dict[str, int]:
    """The place of each column; names may be written in any case."""
    names = [name.strip().lower() for name in header]
    known = (*file.needs, *file.may)
    if not any(names):
        raise DataRefused(f"{path} is empty: its first line names the columns {', '.join(known)}")
    if "\ufffd" in header[0] or "\0" in header[0]:
        raise DataRefused(f"{path} is not UTF-8 text: save it as UTF-8")
    for separator, called in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
        if len(header) == 1 and separator in header[0]:
            raise DataRefused(f"{path}, line 1: the columns are separated by {called}: write commas (or Parquet)")
    for name in known:
        if names.count(name) > 1:
            raise DataRefused(f"{path}: the header names {name} twice: {', '.join(header)}")
    missing = [name for name in file.needs if name not in names]
    if missing:
        raise DataRefused(
            f"{path}: the header names no column {' and no '.join(missing)} but {', '.join(header) or 'nothing'};"
            f" it may name {', '.join(known)}"
        )
    return {name: names.index(name) for name in known if name in names}


def _line(path: Path, row: int) -> str:
    """Where a row begins, as an editor counts; only its number where that cannot be told."""
    if path.suffix != ".parquet":
        records = _records(path)
        _, header = next(records)
        lines = (line for line, values in records if values or len(header) == 1)
        for line in islice(lines, row - 1, row):
            return f"line {line}"
    return f"row {row}"


def _another_line_end(path: Path) -> str | None:
    """Which line ends otherwise than those before."""
    called = {"\r\n": "CRLF", "\n": "LF", "\r": "CR"}
    is_quoted, before = False, ""
    with _text(path) as file:
        for number, line in enumerate(file, 1):
            is_quoted ^= line.count('"') % 2 == 1
            end = next((one for one in called if line.endswith(one)), "")
            if not is_quoted and end and before and end != before:
                return f", line {number}: it ends by {called[end]}, those before by {called[before]}: write one kind of line end"
            before = before if is_quoted else end
    return None


def _reason(error: Any, path: Path | None) -> str:
    """What is wrong with a file that DuckDB does not read, in one sentence."""
    if path is not None and "invalid state" in str(error) and (found := _another_line_end(path)):
        return found
    said = [line.strip() for line in str(error).splitlines() if line.strip()]
    line = re.search(r"CSV Error on Line: (\d+)", str(error))
    count = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", str(error))
    if count:
        reason = f"{count[2]} values under a header of {count[1]}"
    elif line:
        reason = next((one for one in said if re.match("Invalid unicode|Value with|Maximum line", one)), said[0])
        if reason.startswith("Invalid unicode"):
            reason = "it is not UTF-8: save the file as UTF-8"
    else:
        reason = said[0].split(":", 1)[-1].strip()
    return f"{f', line {line[1]}' if line else ''}: {reason}"
