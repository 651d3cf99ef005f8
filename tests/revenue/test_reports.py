"""Network reports as files: what each network's sample says, and files in every encoding, spelling and kind of disorder."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from aclue_pipeline.cli import aclue
from aclue_pipeline.errors import AclueError, ReportRefused
from aclue_pipeline.revenue.networks import read_mappings
from aclue_pipeline.revenue.reports import Report, amount_of, decimal_mark, read_report
from tests.support.catalogs import CATALOG

SAMPLES = Path(__file__).parent / "reports"
MAPPINGS = read_mappings(CATALOG.root / "revenue" / "networks")
HEADERS = "id;date;commission;commission_status"


def read(text: str | bytes, currency: str | None = "GBP", network: str | None = None) -> Report:
    return read_report(text if isinstance(text, bytes) else text.encode(), MAPPINGS, network, currency)


def sample(network: str, currency: str | None = "GBP") -> Report:
    return read((SAMPLES / f"{network}.csv").read_bytes(), currency)


@pytest.mark.parametrize("network", sorted(MAPPINGS))
def test_every_network_has_a_sample_that_is_known_by_its_headers_and_a_source(network: str) -> None:
    report = sample(network)
    assert report.network == network
    assert report.lines
    assert report.rejected
    assert "source," in (CATALOG.root / "revenue" / "networks" / f"{network}.csv").read_text()


def test_a_declined_transaction_is_worth_nothing_whatever_amount_it_shows() -> None:
    lines = sample("awin").lines
    assert [(line.status, str(line.commission), str(line.reported)) for line in lines] == [
        ("open", "5.59", "5.59"),
        ("approved", "2.00", "2.00"),
        ("declined", "1.25", "0"),
        ("approved", "10.00", "10.00"),
    ]
    assert [line.order for line in lines] == ["A-1001", "A-1002", "A-1003", None]
    assert [line.click is not None for line in lines] == [True, False, False, False]
    assert (lines[0].sold, lines[0].zone, lines[0].sale) == (
        datetime(2026, 3, 1, 14, 5),  # noqa: DTZ001 - in the zone beside it
        "Europe/London",
        Decimal("1055.96"),
    )


def test_a_correction_is_a_line_of_its_own_with_a_negative_amount() -> None:
    lines = sample("commission_junction", None).lines
    assert [(line.order, line.commission, line.currency) for line in lines][1:] == [
        ("C-2002", Decimal("2.00"), "USD"),
        ("C-2002", Decimal("-0.50"), "USD"),
    ]
    assert lines[1].sold == datetime(2026, 3, 4, 7, 30, tzinfo=UTC)
    assert len({line.key for line in lines}) == 3


def test_two_lines_that_say_the_same_are_two_shipments_and_known_again_in_another_report() -> None:
    lines = sample("amazon").lines
    assert [(line.sold, line.reported) for line in lines] == [
        (date(2026, 3, 4), Decimal("0.58")),
        (date(2026, 3, 4), Decimal("0.58")),
        (date(2026, 3, 9), Decimal("-0.90")),
    ]
    assert len({line.key for line in lines}) == 3
    shorter = b"\n".join((SAMPLES / "amazon.csv").read_bytes().splitlines()[1:4])
    assert [line.key for line in read(shorter).lines] == [line.key for line in lines[:2]]


@pytest.mark.parametrize(
    "data",
    [
        f"\ufeff{HEADERS}\n1;2026-03-01 10:00:00;1,50;0\n".encode(),
        f"{HEADERS}\n1;2026-03-01 10:00:00;1,50;0\n".encode("utf-16"),
        f"{HEADERS};site_name\r\n1;2026-03-01 10:00:00;1,50;0;Café".encode("cp1252"),
        b"ID,Date,Commission,Commission Status\r1,2026-03-01 10:00:00,1.50,Pending\r\r",
        b'"id"\t"date"\t"commission"\t"commission_status"\n"1"\t"2026-03-01 10:00:00"\t" 1,50 "\t"PENDING"\n\t\t\t\n',
        b'id;date;commission;commission_status;products\n1;2026-03-01 10:00:00;1.50;0;"a mug,\nin ""two"" lines"\n',
        b"Transactions of all programmes\n\nid,date,commission,commission_status\n1,01/03/2026 10:00,1.50 GBP,0\n",
    ],
    ids=["BOM", "UTF-16", "a spreadsheet's", "old line ends", "tabs", "a cell of two lines", "a line about itself"],
)
def test_a_report_reads_the_same_however_it_is_written(data: bytes) -> None:
    report = read(data)
    assert [(line.sold, line.commission, line.status) for line in report.lines] == [
        (datetime(2026, 3, 1, 10), Decimal("1.50"), "open")  # noqa: DTZ001 - in the zone beside it
    ]
    assert report.rejected == ()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "the file is empty$"),
        (b"\xef\xbb\xbf\n , \n", "the file is empty$"),
        (b"\0\0\0", "the file is no text: export the report as CSV$"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n\x04\x81", "the file is no text"),
        (
            b"shoe,size\nloafer,42\n",
            "none of the file's first 10 lines names the columns of a report: amazon: .*; awin: .*; commission_junction: ",
        ),
        (b"PK\x03\x04", "unpack it"),
        (b"id,date,commission,commission_status,shoe_size\n", "not known of awin: 'shoe_size'"),
        (b"id,date,commission\n", "no header for commission_status"),
        (b"id,date,commission,commission_status,DATE\n", "'date' is there twice"),
        (b'id,date,commission,commission_status\n1,"2026', "line 2 cannot be read as CSV"),
        (b'id,date,commission,commission_status\n1,"' + b"x" * 200_000 + b'"', "line 2 cannot be read as CSV"),
    ],
)
def test_a_file_that_is_no_report_is_refused_by_what_is_wrong_with_it(data: bytes, says: str) -> None:
    with pytest.raises(ReportRefused, match=says):
        read(data)


def test_help_and_refusal_name_the_columns_of_every_network() -> None:
    told = " ".join(CliRunner().invoke(aclue, ["revenue", "import", "--help"]).output.split())
    with pytest.raises(ReportRefused) as refused:
        read(b"shoe,size\n")
    for mapping in MAPPINGS.values():
        assert f"{mapping.network}: {mapping.columns}" in told
        assert f"{mapping.network}: {mapping.columns}" in str(refused.value)


def test_amounts_of_an_unnamed_currency_are_not_guessed() -> None:
    with pytest.raises(ReportRefused, match="--currency"):
        read(f"{HEADERS}\n1;2026-03-01 10:00:00;1.50;0", currency=None)
    with pytest.raises(ReportRefused, match="no mapping for tradedoubler"):
        read(HEADERS, network="tradedoubler")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("2;2026-03-01 10:00:00;1.50", "it ends before commission_status"),
        ("2;2026-03-01 10:00:00;;0", "commission is empty"),
        ("2;2026-03-01 10:00:00;NaN;0", "commission is no amount"),
        ("2;2026-03-01 10:00:00;1e3;0", "commission is no amount"),
        ("2;2026-03-01 10:00:00;12,34.5;0", "commission is no amount"),
        ("2;2026-03-01 10:00:00;99999999999999999999;0", "commission is no amount"),
        ("2;2026-02-30 10:00:00;1.50;0", "date is no date"),
        ("2;1026-03-01 10:00:00;1.50;0", "date is no date"),
        ("2;2026-03-01 10:00:00;1.50;paid", "commission_status is no status"),
        (";2026-03-01 10:00:00;1.50;0", "id is empty"),
        ("1;2026-03-01 10:00:00;7.50;2", "its id stands on line 2 already"),
        ("2;2026-03-01 10:00:00\0;1.50;0", "it holds a NUL byte"),
    ],
)
def test_a_line_that_cannot_be_read_is_rejected_by_itself_and_quoted_nowhere(line: str, reason: str) -> None:
    report = read(f"{HEADERS}\n1;2026-03-01 10:00:00;1.50;0\n{line}\n3;2026-03-02 10:00:00;2.50;0")
    assert [one.number for one in report.lines] == [2, 4]
    [rejected] = report.rejected
    assert rejected.number == 3
    assert rejected.reason.startswith(reason)


@pytest.mark.parametrize(
    ("said", "mark", "amount"),
    [
        ("1,234.56", ".", "1234.56"), ("1.234,56", ",", "1234.56"), ("1 234,56", ",", "1234.56"), ("1\u00a0234,56", ",", "1234.56"),
        ("1'234.56", ".", "1234.56"), ("$1,234", ".", "1234"), ("1,234", ",", "1.234"), ("($0.50)", ".", "-0.50"), ("-£2", ".", "-2"),
        ("£-2", ".", "-2"), ("\u22122.5 EUR", ".", "-2.5"), ("EUR 2.5", ".", "2.5"), (".5", ".", "0.5"), ("0", ".", "0"), ("-0", ".", "0"),
        ("+1.50", ".", "1.50"), ("1.2.3", ".", None), ("1,23,456", ".", None), ("1,2345.6", ".", None),
        ("--1", ".", None), ("(1", ".", None),
        ("1 2", ".", None), ("", ".", None), (".", ".", None), ("£", ".", None), ("١٢", ".", None),
        ("0x10", ".", None), ("1.2345678", ".", None),
    ],
)  # fmt: skip
def test_an_amount_is_exact_or_none(said: str, mark: str, amount: str | None) -> None:
    assert amount_of(said, mark) == (None if amount is None else Decimal(amount))


@pytest.mark.parametrize(
    ("said", "mark"),
    [
        (["1,234", "5,00"], ","), (["1,234", "5.00"], "."), (["1,234"], "."), (["1.234.567"], ","), (["1,5", "2,5", "3.5"], ","),
        (["", "x"], "."), (["1,234.5"], "."), (["1.234,5"], ","),
    ],
)  # fmt: skip
def test_the_decimal_mark_is_what_most_amounts_of_the_file_have(said: list[str], mark: str) -> None:
    assert decimal_mark(said, ".") == mark


def test_days_before_the_thirteenth_are_read_as_the_others_of_the_file() -> None:
    head = "Date Shipped,Ad Fees\n"
    assert [line.sold for line in read(head + "03/04/2026,1\n03/25/2026,1").lines] == [
        date(2026, 3, 4),
        date(2026, 3, 25),
    ]
    assert [line.sold for line in read(head + "03/04/2026,1\n25/04/2026,1").lines] == [
        date(2026, 4, 3),
        date(2026, 4, 25),
    ]
    assert [line.sold for line in read(head + '"March 4, 2026",1').lines] == [date(2026, 3, 4)]


cells = st.one_of(
    st.text(max_size=12), st.sampled_from(["1", "2026-03-01 10:00:00", "1.50", "0", "declined", '"', "=1+1", "9" * 40])
)


@given(st.lists(st.lists(cells, max_size=6), max_size=6), st.sampled_from([",", ";", "\t"]), st.binary(max_size=30))
def test_whatever_stands_in_a_file_every_line_is_taken_or_rejected_or_the_file_is_refused(
    rows: list[list[str]], delimiter: str, tail: bytes
) -> None:
    head = HEADERS.replace(";", delimiter)
    data = "\n".join([head, *(delimiter.join(row) for row in rows)]).encode(errors="replace") + tail
    report: Any = None
    try:
        report = read(data)
    except AclueError:
        return
    numbers = [one.number for one in (*report.lines, *report.rejected)]
    assert len(set(numbers)) == len(numbers)
    assert all(line.commission.is_finite() and line.status in ("open", "approved", "declined") for line in report.lines)
