"""The report: one page that asks for nothing, runs nothing that strangers wrote, shows what is published, and says what is missing."""

import re
from collections.abc import Iterator
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import altair as alt
import pytest
from click.testing import CliRunner, Result

from aclue_pipeline import derived
from aclue_pipeline.charts import sections, style
from aclue_pipeline.charts.page import report
from aclue_pipeline.cli import aclue
from aclue_pipeline.defs import charts
from aclue_pipeline.defs.metadata import MOST, Markdown
from aclue_pipeline.postgres import Database, query
from aclue_pipeline.postgres.server import EmbeddedServer
from aclue_pipeline.settings import get_settings
from tests.conftest import Databases
from tests.support import published
from tests.support.browser import chromium
from tests.support.catalogs import CATALOG
from tests.support.published import FIRST, YESTERDAY

pytestmark = pytest.mark.database

HOSTILE = '"></td></svg><script>document.title = "taken"</script><img src=//example.com/x onerror=alert(1)>'


@pytest.fixture(scope="module")
def demo(server: EmbeddedServer) -> Iterator[Database]:
    """Only looked at."""
    databases = Databases(server)
    yield databases.copy("published_demo")
    databases.close()


@pytest.fixture(scope="module")
def hostile(server: EmbeddedServer) -> Iterator[str]:
    """The page where every text of every table says what a stranger would like a page to run."""
    databases = Databases(server)
    db = databases.copy("published_demo")
    with db.psycopg() as pg:
        for key in [key for key in dict.fromkeys(one.of for one in sections.SECTIONS) if _is_table(db, key)]:
            texts = pg.execute(
                """select attname from pg_attribute
                   where attrelid = %s::regclass and atttypid = 'text'::regtype and attnum > 0
                       and attname not in ('run_id', 'period', 'dimension', 'model')""",
                [key],
            ).fetchall()
            for (name,) in texts:
                pg.execute(f"update {key} set {name} = %s || {name}", [HOSTILE])
    yield report(db, FIRST, YESTERDAY)
    databases.close()


def _is_table(db: Database, key: str) -> bool:
    with db.begin() as connection:
        text = "select count(*) as n from pg_class where oid = to_regclass(:key) and relkind = 'r'"
        return bool(query(connection, text, key=key)[0]["n"])


class Reader(HTMLParser):
    """Elements, their attributes, and the text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: set[tuple[str, str]] = set()
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes |= {(name, value or "") for name, value in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.slow
def test_what_strangers_wrote_is_text(hostile: str) -> None:
    read = Reader(hostile)
    assert HOSTILE in read.text
    assert not {"script", "img", "iframe", "object", "link", "image", "use", "foreignobject"} & read.elements
    assert not [name for name, _ in read.attributes if name.startswith("on")]
    links = {value for name, value in read.attributes if name in ("href", "src", "xlink:href")}
    assert all(link.startswith("#") for link in links)


@pytest.mark.browser
def test_the_page_asks_for_nothing(hostile: str, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(hostile)
    asked: list[str] = []
    said: list[str] = []
    wide = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
    with chromium() as browser:
        page = browser.new_context(offline=True).new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.goto(path.as_uri())
        title = page.title()
        sticks_out = {}
        for width in (1440, 800, 390):
            page.set_viewport_size({"width": width, "height": 900})
            sticks_out[width] = page.evaluate(wide)
    assert asked == [path.as_uri()]
    assert said == []
    assert title.startswith("Revenue and funnel, ")
    assert sticks_out == {1440: 0, 800: 0, 390: 0}


@pytest.mark.parametrize("section", sections.SECTIONS, ids=lambda section: section.title)
def test_each_section_shows_the_demo_and_hangs_at_its_asset(demo: Database, section: sections.Section) -> None:
    with demo.begin() as connection:
        assert sections.is_there(connection, section)
        moved = section.of == "analytics.restatements"  # nothing did, since it was published
        assert moved or section.read(connection, FIRST, YESTERDAY), "the demo has something to show"
        if section.draw is None:
            return
        table = CATALOG.table(section.asset or section.of)
        hung = (
            charts.of_daily(connection, CATALOG, table) if table.kind == "daily" else charts.sections(connection, table)
        )
    picture = hung[section.title]
    assert isinstance(picture, Markdown), picture
    assert len(picture.source) < MOST
    if section.line:
        [line] = [value for name, value in hung.items() if name.startswith(f"{section.line[1].replace('_', ' ')} ")]
        assert "svg+xml," in line.source, "what it shows is seen without a click"


def test_first_published_and_what_moved_since_are_told_apart(databases: Databases) -> None:
    demo = databases.copy("published_demo")
    section, why = (
        next(one for one in sections.SECTIONS if one.of == key)
        for key in ("analytics.revenue_daily", "analytics.restatements")
    )
    with demo.begin() as connection:
        before = {(row["day"], row["currency"]): row for row in section.read(connection, FIRST, YESTERDAY)}
        query(
            connection,
            """update public.affiliate_clicks set actual_commission = actual_commission + 1
               where id in (select id from public.affiliate_clicks where actual_commission > 0 order by click_timestamp limit 9)""",
        )
    with published.only_these_days():
        derived.sync(demo, CATALOG)
        derived.rebuild(demo, CATALOG, [CATALOG.table("revenue_daily")])
    with demo.begin() as connection:
        after = {(row["day"], row["currency"]): row for row in section.read(connection, FIRST, YESTERDAY)}
        [cause] = why.read(connection, FIRST, YESTERDAY)
    assert (cause["cause"], cause["taken_back"]) == ("amount", 0)
    assert cause["added"] == sum(row["restated"] for row in after.values()) > 0
    assert after.keys() == before.keys()
    moved = [key for key in after if after[key]["restated"] != before[key]["restated"]]
    assert len(moved) > 3
    for key, row in after.items():
        assert row["first_published"] == before[key]["first_published"]
        assert row["first_published"] + row["restated"] == row["commission"]
        assert row["commission"] - before[key]["commission"] == row["restated"] - before[key]["restated"] >= 0


def test_what_is_not_there_is_said(databases: Databases) -> None:
    demo = databases.copy("published_demo")
    with demo.psycopg() as pg:
        pg.execute("drop table analytics.revenue_daily cascade")
    page = report(demo, FIRST, YESTERDAY)
    assert "analytics.revenue_daily is not in this database yet." in page
    later = YESTERDAY + timedelta(days=400)
    assert "Nothing in these days." in report(demo, later, later)


def test_a_drawing_says_numbers_as_they_are() -> None:
    chart = alt.Chart(alt.Data(values=[{"n": 1.23456}])).mark_text().encode(text="n:Q", x=alt.value(1.23456))
    drawing = style.svg(chart, page=True)
    assert ">1.23456<" in drawing
    assert drawing.count("1.23456") == 1, "where it stands is rounded"


def test_an_empty_installation_has_a_page(deployed_db: Database) -> None:
    assert re.search(r"<h1>.*Nothing in these days\.", report(deployed_db, FIRST, YESTERDAY), re.DOTALL)


def test_the_command_writes_the_page_or_says_in_one_line_why_not(
    deployed_db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACLUE_DATABASE_URL", deployed_db.url)
    get_settings.cache_clear()
    out = tmp_path / "march.html"

    def run(first: str, last: str, to: Path) -> Result:
        words = ["--from", first] if first else []
        return CliRunner().invoke(aclue, ["report", *words, "--to", last, "--out", str(to)])

    assert run("2026-03-01", "2026-03-31", out).exit_code == 0
    assert "1 Mar 2026 to 31 Mar 2026" in out.read_text()
    assert run("", "0001-01-02", out).exit_code == 0
    turned, nowhere = run("2026-03-31", "2026-03-01", out), run("2026-03-01", "2026-03-31", tmp_path / "no" / "x.html")
    assert (turned.exit_code, type(nowhere.exception)) == (2, FileNotFoundError)  # one line by `main`
    assert "--from 2026-03-31 is after the last day, 2026-03-01" in turned.output
