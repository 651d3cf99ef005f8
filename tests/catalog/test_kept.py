from collections.abc import Callable
from pathlib import Path

import pytest

from aclue_pipeline.catalog import Catalog, kept
from aclue_pipeline.settings import sql_folder


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """What a folder's files say, and each time after which they had to be read."""
    monkeypatch.setattr(kept, "FILE", tmp_path / "__pycache__" / "catalog.pickle")
    (tmp_path / "sql").mkdir()
    (tmp_path / "sql" / "one.sql").write_text("select 1")
    times = []

    def texts(root: Path) -> str:
        times.append(root)
        return f"{[path.read_text() for path in root.glob('*.sql')]}, reading {len(times)}"

    return lambda: kept.kept(tmp_path / "sql", texts)


def test_what_was_read_is_kept_until_a_file_changes_comes_or_goes(read: Callable[[], str], tmp_path: Path) -> None:
    assert read() == read() == "['select 1'], reading 1"
    (tmp_path / "sql" / "one.sql").write_text("select 2")
    assert read() == read() == "['select 2'], reading 2"
    (tmp_path / "sql" / "one.sql").rename(tmp_path / "sql" / "two.sql")
    assert read() == read() == "['select 2'], reading 3"
    (tmp_path / "sql" / "two.sql").unlink()
    assert read() == read() == "[], reading 4"


@pytest.mark.parametrize("broken", [b"", b"no pickle", b"\x80\x04N."])
def test_half_a_file_is_made_anew(read: Callable[[], str], broken: bytes) -> None:
    read()
    kept.FILE.write_bytes(broken)
    assert read() == read() == "['select 1'], reading 2"


def test_where_it_cannot_lie_all_is_read_each_time(read: Callable[[], str], tmp_path: Path) -> None:
    kept.FILE.parent.write_text("a file where the folder would be")
    assert (read(), read()) == ("['select 1'], reading 1", "['select 1'], reading 2")
    assert [path.name for path in tmp_path.iterdir() if path.name != "sql"] == ["__pycache__"]


def test_the_kept_catalog_is_what_the_files_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "FILE", tmp_path / "catalog.pickle")
    read = Catalog.load(sql_folder())
    kept.kept(sql_folder(), lambda _: read)
    found = kept.kept(sql_folder(), lambda _: pytest.fail("it was not kept"))
    assert found is not read
    assert vars(found) == vars(read)
