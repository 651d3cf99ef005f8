"""Network reports, read: bytes in, lines and rejections out. What is particular to a network (headers, dates, words for a status)
stands in its mapping file, sql/revenue/networks/<network>.csv. No database; what becomes of the lines is imports.py's business."""

import csv
import hashlib
import io
import re
import uuid
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from aclue_pipeline.errors import ReportRefused
from aclue_pipeline.revenue.networks import Format, NetworkMapping, key_of

#: A report may begin with lines about itself.
_PREAMBLE = 10

#: What a binary file holds and no table does.
_of_no_text = re.compile("[\0-\x08\x0e-\x1f\ufffd]")


@dataclass(frozen=True)
class Line:
    """One line that is taken. `key`: the same in every report that tells of the same thing. `sold` is aware, or naive in `zone`, or
    a calendar day. `order` and `click` are what it refers to."""

    number: int
    key: bytes
    sold: datetime | date
    zone: str
    status: str
    commission: Decimal
    sale: Decimal | None
    currency: str
    order: str | None
    click: uuid.UUID | None

    @property
    def reported(self) -> Decimal:
        """What it is worth: a declined one nothing, whatever amount it still shows."""
        return Decimal(0) if self.status == "declined" else self.commission


@dataclass(frozen=True)
class Rejected:
    """One line that is not taken, and why. The reason quotes no cell: whatever stands there may be about a person."""

    number: int
    reason: str


@dataclass(frozen=True)
class Report:
    network: str
    lines: tuple[Line, ...]
    rejected: tuple[Rejected, ...]


def read_report(
    data: bytes, mappings: Mapping[str, NetworkMapping], network: str | None = None, currency: str | None = None
) -> Report:
    """The lines of a report, as one of the networks exports it. `currency`: of its amounts, where it names none.

    Raises ReportRefused that says what is wrong with the file as a whole: nothing of it can be taken then.
    """
    if network is not None and network not in mappings:
        raise ReportRefused(f"there is no mapping for {network}; there is one for {', '.join(mappings)}")
    text = _decoded(data)
    rows, delimiter = _rows(text)
    among = [mappings[network]] if network else list(mappings.values())
    mapping, place, columns = _recognised(rows, among)
    if "currency" not in columns and not _currency_of(columns) and currency is None:
        raise ReportRefused(f"the report names no currency ({mapping.network} does not say): add --currency CODE")
    return _lines(mapping, rows[place:], columns, delimiter, currency)


# --- the file -----------------------------------------------------------------------------------------------------------


def _decoded(data: bytes) -> str:
    if data[:2] == b"PK":
        raise ReportRefused("this is a ZIP or a workbook: unpack it, or export as CSV")
    try:
        if data[:2] in (BOM_UTF16_LE, BOM_UTF16_BE):
            return data.decode("utf-16")
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        # What a spreadsheet writes; its bytes that mean nothing cannot be in what we read of a line.
        return data.decode("cp1252", errors="replace")


def _rows(text: str) -> tuple[list[tuple[int, list[str]]], str]:
    """Rows that hold anything, each with the number of the line on which it begins, and what parts their cells."""
    start = "\n".join(text[:20_000].splitlines()[:_PREAMBLE])
    delimiter = max(",;\t", key=start.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows, began = [], 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append((began, [cell.strip() for cell in cells]))
            began = reader.line_num + 1
    except csv.Error as error:
        raise ReportRefused(f"line {began} cannot be read as CSV ({error})") from None
    return rows, delimiter


Columns = Mapping[str, tuple[int, str, str]]  # ours → its place, the header as it is written, its currency


def _recognised(
    rows: Sequence[tuple[int, list[str]]], among: Sequence[NetworkMapping]
) -> tuple[NetworkMapping, int, Columns]:
    """The mapping that knows the headers, the row behind them, and where what we need stands."""
    nearest = (0, _unknown(rows, among))
    for place, (_, cells) in enumerate(rows[:_PREAMBLE]):
        keys = [key_of(cell) for cell in cells]
        fitting = []
        for mapping in among:
            ours = {mapping.headers[key][0] for key in keys if key in mapping.headers}
            known = sum(key in mapping.headers for key in keys)
            unknown = [cell for cell, key in zip(cells, keys, strict=True) if cell and key not in mapping.headers]
            lacks = sorted(mapping.needed - ours)
            if not unknown and not lacks:
                fitting.append(mapping)
            elif known > nearest[0]:
                nearest = (known, _differs(mapping, unknown, lacks))
        if len(fitting) == 1:
            return fitting[0], place + 1, _columns(fitting[0], cells)
        if fitting:
            raise ReportRefused(f"the file's headers fit {', '.join(m.network for m in fitting)}: say --network NAME")
    raise ReportRefused(nearest[1])


def _unknown(rows: Sequence[tuple[int, list[str]]], among: Sequence[NetworkMapping]) -> str:
    if not rows:
        return "the file is empty"
    if any(_of_no_text.search(cell) for _, cells in rows[:_PREAMBLE] for cell in cells):
        return "the file is no text: export the report as CSV"
    expected = "; ".join(f"{mapping.network}: {mapping.columns}" for mapping in among)
    return f"none of the file's first {_PREAMBLE} lines names the columns of a report: {expected}"


def _differs(mapping: NetworkMapping, unknown: Sequence[str], lacks: Iterable[str]) -> str:
    shown = ", ".join(repr(name[:60]) for name in unknown[:10])
    parts = [f"headers that are not known of {mapping.network}: {shown}"] if unknown else []
    missing = ", ".join(map(mapping.named, lacks))
    parts += [f"no header for {missing}"] if missing else []
    return f"{'; '.join(parts)} (networks/{mapping.network}.csv lists those that are)"


def _columns(mapping: NetworkMapping, cells: Sequence[str]) -> Columns:
    """Of several headers that say the same, the first in the mapping file is taken; a sale only in the commission's currency."""
    keys = [key_of(cell) for cell in cells]
    twice = [name for name, times in Counter(keys).items() if name and times > 1]
    if twice:
        raise ReportRefused(f"the header {twice[0]!r} is there twice")
    found: dict[str, tuple[int, str, str]] = {}
    for key, (ours, currency) in mapping.headers.items():
        if ours and key in keys:
            place = keys.index(key)
            name = f"content {key}" if ours == "content" else ours
            if ours != "sale" or currency == _currency_of(found):
                found.setdefault(name, (place, cells[place], currency))
    return found


def _currency_of(columns: Columns) -> str:
    """The currency that the header of the amounts stands for."""
    return columns["commission"][2]


# --- its lines ----------------------------------------------------------------------------------------------------------


def _lines(
    mapping: NetworkMapping,
    rows: Sequence[tuple[int, list[str]]],
    columns: Columns,
    delimiter: str,
    currency: str | None,
) -> Report:
    width = max(place for place, _, _ in columns.values()) + 1
    reader = _Reader(mapping, columns, rows, delimiter, currency)
    lines: dict[bytes, Line] = {}
    rejected: list[Rejected] = []
    again: Counter[str] = Counter()
    for number, cells in rows:
        try:
            if len(cells) < width:
                raise _NotTaken(f"it ends before {reader.last}")
            if any("\0" in cell for cell in cells):
                raise _NotTaken("it holds a NUL byte")
            line = reader.line(number, cells, again)
            if line.key in lines:
                raise _NotTaken(f"its {columns['line'][1]} stands on line {lines[line.key].number} already")
            lines[line.key] = line
        except _NotTaken as why:
            rejected.append(Rejected(number, str(why)))
    return Report(mapping.network, tuple(lines.values()), tuple(rejected))


class _NotTaken(Exception):
    """A line that is rejected: why."""


class _Reader:
    """What cells of one file mean: its decimal mark and the format of its dates are the same in every line."""

    def __init__(
        self,
        mapping: NetworkMapping,
        columns: Columns,
        rows: Sequence[tuple[int, list[str]]],
        delimiter: str,
        currency: str | None,
    ) -> None:
        self._mapping, self._columns = mapping, columns
        self._currency = _currency_of(columns) or currency or ""
        self.last = max(columns.values())[1]

        def cells_of(ours: str) -> list[str]:
            place = columns[ours][0] if ours in columns else len(rows)
            return [cells[place] for _, cells in rows if place < len(cells)]

        self._mark = decimal_mark([*cells_of("commission"), *cells_of("sale")], "," if delimiter == ";" else ".")
        self._format = format_of(cells_of("sold"), mapping.formats)

    def line(self, number: int, cells: Sequence[str], again: "Counter[str]") -> Line:
        status = self._status(self._cell(cells, "status"))
        sold = self._sold(cells)
        commission = self._amount(cells, "commission")
        sale = self._amount(cells, "sale") if self._cell(cells, "sale") else None
        currency = (self._cell(cells, "currency") or self._currency).upper()
        if not re.fullmatch("[A-Z]{3}", currency):
            raise _NotTaken("its currency is no ISO 4217 code")
        content = [cells[place] for name, (place, _, _) in self._columns.items() if name.startswith("content ")]
        click = self._cell(cells, "click")
        return Line(
            number,
            self._identity(cells, [str(sold), f"{commission:f}", f"{sale or 0:f}", currency, *content], again),
            sold,
            self._format.zone,
            status,
            commission,
            sale,
            currency,
            self._cell(cells, "order") or None,
            uuid.UUID(click) if _UUID.fullmatch(click) else None,
        )

    def _cell(self, cells: Sequence[str], ours: str) -> str:
        return cells[self._columns[ours][0]] if ours in self._columns else ""

    def _identity(self, cells: Sequence[str], content: Sequence[str], again: "Counter[str]") -> bytes:
        """By the network's own number; else by all that the line says, and how many times the file has said so before."""
        if "line" in self._columns:
            said = self._cell(cells, "line")
            if not said:
                raise _NotTaken(f"{self._columns['line'][1]} is empty")
        else:
            said = "\x1f".join(content)
            again[said] += 1
            said += f"\x1f{again[said]}"
        return hashlib.sha256(f"{self._mapping.network}\x1f{said}".encode()).digest()

    def _status(self, said: str) -> str:
        try:
            return self._mapping.statuses[key_of(said)]
        except KeyError:
            name = self._columns["status"][1]
            raise _NotTaken(f"{name} is no status that is known of {self._mapping.network}") from None

    def _sold(self, cells: Sequence[str]) -> datetime | date:
        said, name = self._cell(cells, "sold"), self._columns["sold"][1]
        at = _time(said, self._format)
        if at is None or not 2000 <= at.year < 2100:
            raise _NotTaken(f"{name} is {'empty' if not said else f'no date as most are here ({self._format.text})'}")
        return at if at.tzinfo or self._format.zone else at.date()

    def _amount(self, cells: Sequence[str], ours: str) -> Decimal:
        said = self._cell(cells, ours)
        found = amount_of(said, self._mark)
        if found is None:
            name = self._columns[ours][1]
            raise _NotTaken(f"{name} is {'empty' if not said else f'no amount with decimal mark {self._mark}'}")
        return found


_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def _time(said: str, form: Format) -> datetime | None:
    try:
        return datetime.strptime(said, form.text)  # noqa: DTZ007 - its zone is applied where the server's zone data are
    except ValueError:
        return None


def format_of(said: Sequence[str], formats: Sequence[Format]) -> Format:
    """The format that reads most of them; of several that do the first. A day before the thirteenth could be a month."""
    best, most = formats[0], -1
    for form in formats:
        fits = sum(_time(cell, form) is not None for cell in said)
        if fits > most:
            best, most = form, fits
        if most == len(said):
            break
    return best


#: Brackets or a minus make it negative; a currency's code or sign may stand on either side.
_AMOUNT = re.compile(
    r"(?P<open>\()?\s*(?P<sign>[-+\u2212])?\s*(?:[A-Za-z]{3}|[$£€¥])?\s*(?P<after>[-+\u2212])?\s*(?P<digits>[0-9.,'\s]{1,30}?)"
    r"\s*(?:[A-Za-z]{3}|[$£€¥])?\s*(?P<close>\))?"
)


def decimal_mark(said: Iterable[str], otherwise: str) -> str:
    """The decimal mark of a file's amounts: what most of those that can be read in one way only have. 1,234 can be read in two."""
    marks: Counter[str] = Counter()
    for cell in said:
        match = _AMOUNT.fullmatch(cell)
        digits = match["digits"] if match else ""
        last = max(digits.rfind("."), digits.rfind(","))
        if last < 0:
            continue
        mark = digits[last]
        other = "," if mark == "." else "."
        if digits.count(mark) > 1:
            marks[other] += 1
        elif other in digits or len(digits) - last != 4:
            marks[mark] += 1
    return marks.most_common(1)[0][0] if marks else otherwise


def amount_of(said: str, mark: str) -> Decimal | None:
    """An amount, exactly; None where it is none that can be meant: other signs, groups that are not of three, too many digits."""
    match = _AMOUNT.fullmatch(said)
    if match is None or bool(match["open"]) != bool(match["close"]) or (match["sign"] and match["after"]):
        return None
    digits = match["digits"]
    parts = digits.split(mark)
    group = re.sub(r"\s", " ", parts[0])
    whole = re.sub(r"[.,' ]", "", group)
    grouped = re.fullmatch(r"[0-9]*|[0-9]{1,3}([.,' ])[0-9]{3}(\1[0-9]{3})*", group)
    decimals = parts[1] if len(parts) == 2 else ""
    if len(parts) > 2 or not grouped or not re.fullmatch("[0-9]{0,6}", decimals) or not 0 < len(whole + decimals) <= 18:
        return None
    amount = Decimal(f"{whole or '0'}.{decimals or '0'}")
    negative = match["open"] or "-" in (sign := match["sign"] or match["after"] or "") or "\u2212" in sign
    return amount.copy_negate() if negative and amount else amount
