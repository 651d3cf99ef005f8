"""Reading a folder: the same from every format, and what cannot be read is named with its file and line."""

import gzip
from pathlib import Path

import duckdb
import numpy as np
import pytest

from aclue_pipeline.errors import DataRefused
from aclue_pipeline.evaluation.folder import Data
from tests.evaluation.worlds import PRODUCTS, SWIPES, USERS, write


def read(folder: Path, tmp_path: Path) -> Data:
    scratch = tmp_path / f"scratch {len(list(tmp_path.iterdir()))}"
    scratch.mkdir()
    return Data(folder, scratch)


def content(data: Data) -> list[object]:
    return [data.duck.sql(f"from {name} order by number").fetchall() for name in ("users", "products", "swipes")]


def test_rows_are_what_the_files_say(tmp_path: Path) -> None:
    data = read(write(tmp_path / "in"), tmp_path)
    users, products, swipes = content(data)
    assert users == [(0, "ann"), (1, "bob")]
    assert products == [
        (0, "mug", "Mug, blue", "kitchen", "Acme", 4.5, "blue|ceramic"),
        (1, "pen", "", None, None, None, None),
    ]
    second = 1_000_000
    assert swipes == [
        (0, 0, 0, 1_700_000_000 * second, "1700000000", "right", 5, 0.9),
        (1, 0, 1, 1_700_006_400 * second, "2023-11-15T00:00:00Z", "left", None, None),
    ]
    assert data.swipes.like.tolist() == [True, False]
    assert len(data.feedback) == 0


def test_csv_compressed_csv_and_parquet_say_the_same(tmp_path: Path) -> None:
    texts = {"users": USERS, "products": PRODUCTS, "swipes": SWIPES}
    plain, packed, columns = write(tmp_path / "plain"), tmp_path / "packed", tmp_path / "columns"
    packed.mkdir()
    columns.mkdir()
    for name, text in texts.items():
        (packed / f"{name}.csv.gz").write_bytes(gzip.compress(text.encode()))
        duckdb.read_csv(str(plain / f"{name}.csv"), all_varchar=name == "swipes").write_parquet(
            str(columns / f"{name}.parquet")
        )
    expected = content(read(plain, tmp_path))
    assert content(read(packed, tmp_path)) == expected
    assert content(read(columns, tmp_path)) == expected


def test_parquet_columns_of_any_type_are_read(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", products="", swipes="")
    duckdb.sql(
        """select 'mug' as id, ['blue', 'red'] as tags, 'nan'::double as price
           union all select 'pen', null, 2.5"""
    ).write_parquet(str(folder / "products.parquet"))
    duckdb.sql(
        """select 'ann' as "user", 'pen' as product, 'up' as direction, timestamp '2023-11-15 00:00:00' as "at", 'nan'::double as time_spent
           union all select 'bob', 'mug', 'down', timestamp '2023-11-16 00:00:00', 2.6"""
    ).write_parquet(str(folder / "swipes.parquet"))
    _, products, swipes = content(read(folder, tmp_path))
    assert [(row[1], row[5], row[6]) for row in products] == [("mug", None, "blue|red"), ("pen", 2.5, None)]
    assert [(row[3], row[6]) for row in swipes] == [(1_700_006_400_000_000, None), (1_700_092_800_000_000, 3)]


def test_what_spreadsheets_write_is_read(tmp_path: Path) -> None:
    """A byte order mark, Windows line ends, upper case in the header, empty lines, more columns than are known, some without a name."""
    header = '\ufeff,User,Product, Direction,At,"no ""te""",'
    swipes = f"{header}\r\n0,ann,mug,right,1700000000,x,\r\n\r\n1,bob,mug,left,1700000000.5,,\r\n"
    data = read(write(tmp_path / "in", users="id\nann\n\nbob\n\n", swipes=swipes), tmp_path)
    assert data.users == 2
    assert np.diff(data.swipes.at).tolist() == [500_000]


HEADER = "user,product,direction,at,time_spent,strength\n"
GOOD = "ann,mug,right,1700000000,5,0.9\n"


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"users": "id\nann\nann\n"}, r"users\.csv, line 3: the id ann stands in an earlier line"),
        ({"products": 'id,title\npen,"two\nlines"\n,x\n'}, r"products\.csv, line 4: there is no id"),
        ({"users": "name\nann\n"}, r"users\.csv: the header names no column id but name"),
        ({"users": b""}, r"holds no users\.csv, users\.csv\.gz or users\.parquet"),
        ({"users": "id\n"}, r"users\.csv holds no rows"),
        ({"users": "id,id\n1,2\n"}, r"users\.csv: the header names id twice"),
        ({"products": "id,price\nmug,£5\n"}, r"products\.csv, line 2: price is no number from 0 .* but £5"),
        ({"products": "id,price\nmug,1\npen,inf\n"}, r"products\.csv, line 3: price .* inf"),
        ({"swipes": f"{HEADER}{GOOD}\n\nzoe,mug,left,1700000000,,\n"}, r"swipes\.csv, line 5: the user zoe is not in users"),
        ({"swipes": f"{HEADER}{GOOD}ann,cup,left,1700000000,,\n"}, r"swipes\.csv, line 3: the product cup is not in products"),
        ({"swipes": f"{HEADER}{GOOD}ann,mug,like,1700000000,,\n"}, r"line 3: direction is none of left, right, up and down but like"),
        ({"swipes": f"{HEADER}{GOOD}ann,mug,left,1700000000000,,\n"}, r"line 3: at is .*, which is milliseconds: divide by 1,000 \("),
        ({"swipes": f"{HEADER}{GOOD}ann,mug,left,1700000000123456,,\n"}, r"line 3: .*, which is microseconds: divide by 1,000,000 "),
        ({"swipes": f"{HEADER}{GOOD}ann,mug,left,17000000000000000,,\n"}, r"line 3: at is no time .* but 17000000000000000: "),
        ({"swipes": (HEADER + GOOD).replace(",", ";")}, r"swipes\.csv, line 1: .*separated by semicolons: write commas"),
        ({"swipes": (HEADER + GOOD).replace(",", "\t")}, r"swipes\.csv, line 1: .*separated by tabs: write commas"),
        ({"swipes": b"\n\n"}, r"swipes\.csv is empty: its first line names the columns user, product, direction, at"),
        ({"swipes": (HEADER + GOOD).encode("utf-16")}, r"swipes\.csv is not UTF-8 text: save it as UTF-8"),
        ({"products": 'id,title\nmug,"two\r\nlines"\npen,x\r\nnib,y\n'}, r"line 4: it ends by CRLF, those before by LF: write one kind"),
        ({"swipes": f"{HEADER}{GOOD}{GOOD}".replace("\n", "\r\n") + GOOD}, r"swipes\.csv, line 4: it ends by LF, .* by CRLF: write one"),
        ({"swipes": f"{HEADER}{GOOD}ann,mug,left,,,\n"}, r"line 3: at is no time .* but empty"),
        ({"swipes": f"{HEADER}{GOOD}ann,mug,left,infinity,,\n"}, r"line 3: at is no time .* but infinity"),
        ({"swipes": f"{HEADER}{GOOD}ann,mug,left,1700000000,-3,\n"}, r"line 3: time_spent is no number from 0 .* but -3"),
        ({"swipes": f"{HEADER}{GOOD}ann,mug,left,1700000000,,1.5\n"}, r"line 3: strength is no number from 0 to 1 but 1.5"),
        ({"swipes": f"{HEADER}{GOOD}ann,mug,left,1700000000\n"}, r"swipes\.csv, line 3: 4 values under a header of 6"),
        ({"swipes": f'{HEADER}{GOOD}"ann,mug,left,1700000000,,\n'}, r"swipes\.csv, line 3: .*quote"),
        ({"swipes": HEADER.encode() + b"ann,m\xff,left,1700000000,,\n"}, r"swipes\.csv, line 2: it is not UTF-8: save the file as UTF-8"),
        ({"feedback": "user,product,type,value,tags,at\nann,mug,loud,1,,1700000000\n"}, r"feedback\.csv, line 2: type .* loud"),
        ({"feedback": "user,product,type,value,tags,at\nann,mug,,3,,1700000000\n"}, r"feedback\.csv, line 2: value .* but 3"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named_with_its_line(tmp_path: Path, files: dict[str, "str | bytes"], says: str) -> None:
    with pytest.raises(DataRefused, match=says) as refused:
        read(write(tmp_path / "in", **files), tmp_path)
    assert "\n" not in str(refused.value)


def test_a_long_field_hides_no_refused_row(tmp_path: Path) -> None:
    products = f"id,title\nmug,{'x' * 200_000}\nmug,\n"
    with pytest.raises(DataRefused, match=r"products\.csv, line 3: the id mug"):
        read(write(tmp_path / "in", products=products), tmp_path)


def test_files_that_are_not_what_their_name_says_are_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", users="")
    for name in ("users.csv.gz", "users.parquet"):
        (folder / name).write_bytes(b"id\nann\n")
        with pytest.raises(DataRefused, match=name):
            read(folder, tmp_path)
        (folder / name).unlink()
    (folder / "users.csv.gz").write_bytes(gzip.compress(b"id\n" + b"ann\n" * 9_999)[:-40])
    with pytest.raises(DataRefused, match=r"users\.csv\.gz"):
        read(folder, tmp_path)
    (folder / "users.csv").write_text(USERS)
    with pytest.raises(DataRefused, match=r"users\.csv and users\.csv\.gz: leave one"):
        read(folder, tmp_path)
    with pytest.raises(DataRefused, match="is no folder"):
        read(tmp_path / "elsewhere", tmp_path)
