"""The atlas in Chromium, from a file and without a network: questions whose answers the catalogue knows are asked of the page alone."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from aclue_pipeline.catalog import Column, Source, Table, atlas, lineage
from aclue_pipeline.catalog.table import team
from aclue_pipeline.errors import DocsOutdated
from tests.support.browser import chromium
from tests.support.catalogs import CATALOG

MEGABYTES = 2


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("atlas") / "atlas.html"
    atlas.write(CATALOG, path)
    return path.as_uri()


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.set_default_timeout(10_000)
    asked, errors = [], []
    page.on("request", lambda request: asked.append(request.url.partition("#")[0]))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text))
    page.goto(address)
    yield page
    page.close()
    assert set(asked) == {address}, "the page is one file and asks for nothing else"
    assert errors == []


def chosen(number: int) -> list[tuple[Table, Column]]:
    """So many columns that rest on something, spread over the catalogue."""
    every = [(table, column) for table in CATALOG.tables.values() for column in table.columns if column.direct]
    return every[:: len(every) // number][:number]


def asked(number: int, fast: int) -> list[Any]:
    return [
        pytest.param(table, column, id=f"{table.key}.{column.name}", marks=[pytest.mark.slow] if n >= fast else [])
        for n, (table, column) in enumerate(chosen(number))
    ]


def listed(page: Any, title: str) -> set[str]:
    """The links below a heading of the panel, whose title a number follows."""
    heading = page.locator("#about h3").filter(has_text=title)
    found = [h for h in heading.all() if h.inner_text().rpartition(" (")[0] == title]
    if not found:
        return set()
    return set(found[0].locator("xpath=following-sibling::ul[1]").locator("a").all_inner_texts())


def lit(page: Any, kind: str) -> set[str]:
    return set(page.locator(f"li.lit.{kind} button").evaluate_all("buttons => buttons.map((b) => b.dataset.column)"))


def below(node: lineage.Node) -> Iterator[lineage.Node]:
    for child in node.children:
        yield child
        yield from below(child)


def users_of(source: Source) -> tuple[set[str], set[str]]:
    """Columns that its value enters, and columns or whole tables about which it decides."""
    users = CATALOG.users.get((source.table, source.column), ())
    direct = {str(user) for user in users if user.kind == "direct"}
    decides = set()
    for user in users:
        if user.kind == "indirect":
            whole = source.table, source.column
            shared = whole in {(s.table, s.column) for s in CATALOG.tables[user.table].filtered_by}
            decides.add(user.table if shared else str(user))
    return direct, decides


def source(name: str) -> Source:
    return Source(*name.rsplit(".", 1))


def entered_by(name: str) -> set[str]:
    """All columns that the value enters, through others too."""
    found, waiting = {name}, [name]
    while waiting:
        fresh = users_of(source(waiting.pop()))[0] - found
        found |= fresh
        waiting += fresh
    return found - {name}


@pytest.mark.browser
@pytest.mark.parametrize(("table", "column"), asked(20, fast=4))
def test_the_page_answers_as_the_catalogue_does(page, table: Table, column: Column) -> None:
    name = f"{table.key}.{column.name}"
    page.goto(page.url.partition("#")[0] + f"#{name}")
    page.get_by_role("status").filter(has_text=name).wait_for()
    own = {str(s) for s in column.indirect if s not in table.filtered_by}
    assert listed(page, "Derived from") == {str(s) for s in column.direct}
    assert listed(page, "Filtered by") == own
    assert listed(page, "Filtered by, like every column of the table") == {str(s) for s in table.filtered_by}
    direct, decides = users_of(Source(table.key, column.name))
    assert (listed(page, "Used by"), listed(page, "Decides about")) == (direct, decides)
    nodes = list(below(lineage.tree(CATALOG, table.key, column.name)))
    enters = {node.name for node in nodes if node.kind == "direct"}
    carried = entered_by(name)
    assert lit(page, "direct") == (enters | carried) - {name}
    decided = set().union(*(users_of(source(one))[1] for one in (name, *carried)))
    assert lit(page, "decides") | lit(page, "direct") | {name} >= {node.name for node in nodes}
    assert lit(page, "decides") <= {node.name for node in nodes} | decided
    says = page.locator("#about").inner_text()
    assert all(
        words in says for words in (column.description, ", ".join(table.grain), team(table.owner), column.summing)
    )


@pytest.mark.browser
def test_commission_is_followed_to_the_app_s_tables_in_three_clicks(page) -> None:
    page.get_by_title("analytics.commission_daily").click()
    page.locator("[data-column='analytics.commission_daily.actual_commission']").click()
    page.locator("#about").get_by_role("link", name="public.affiliate_clicks.actual_commission").click()
    expect(page.locator("#about h2")).to_have_text("public.affiliate_clicks . actual_commission")
    assert "analytics.commission_daily.actual_commission" in lit(page, "direct")


@pytest.mark.browser
def test_a_trace_shows_what_is_lit_and_the_edges_between_by_kind_and_hides_the_rest(page) -> None:
    page.goto(page.url.partition("#")[0] + "#analytics.commission_daily.actual_commission")
    page.locator("li.chosen").wait_for()
    shown = page.locator(".table:visible").evaluate_all("boxes => boxes.map((b) => b.dataset.table)")
    assert set(shown) == {"public.affiliate_clicks", "staging.clicks", "staging.click_facts",
                          "analytics.commission_daily", "analytics.commission_monthly"}  # fmt: skip
    edge = "path[data-from='staging.click_facts.{}'][data-to='{}']"
    assert (
        page.locator(edge.format("actual_commission", "analytics.commission_daily.actual_commission")).get_attribute(
            "class"
        )
        == "direct"
    )
    assert page.locator(edge.format("is_converted", "analytics.commission_daily")).get_attribute("class") == "decides"
    page.get_by_label("show what decides").uncheck()
    expect(page.locator("path.decides[data-to]")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(page.locator(".table:visible")).to_have_count(len(CATALOG.tables))


@pytest.mark.browser
def test_no_name_of_a_room_is_cut_and_no_rule_broken_where_its_file_broke_the_line(page) -> None:
    page.goto(page.url.partition("#")[0] + "#analytics.revenue_daily")
    page.locator("#about h2").get_by_text("analytics.revenue_daily").wait_for()
    cut = page.locator(".room h2").evaluate_all("all => all.filter((e) => e.scrollWidth > e.clientWidth).length")
    assert cut == 0
    rules = page.locator("#about h3").get_by_text("Rules").locator("xpath=following-sibling::p").all_inner_texts()
    assert rules[0].startswith("Which clock: the click's.")
    assert rules[0].endswith("once its month is closed.")
    assert "`" not in "".join(rules)


@pytest.mark.browser
def test_a_search_finds_words_of_descriptions_and_is_used_by_keyboard_alone(page) -> None:
    page.keyboard.press("/")
    page.keyboard.type("retention_weekly cohort_week")
    page.keyboard.press("Enter")
    expect(page.locator("#about h2")).to_have_text("analytics.retention_weekly . cohort_week")
    assert page.evaluate("document.activeElement.dataset.column") == "analytics.retention_weekly.cohort_week"
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type("clicks whose sale happened on the day")
    page.locator("#results a").first.wait_for()
    assert "analytics.commission_daily.conversions" in page.locator("#results a").all_inner_texts()
    page.get_by_role("searchbox").fill("currency")
    assert page.locator("#results a").first.inner_text().startswith("analytics."), "what is published comes first"
    page.get_by_role("searchbox").fill("finance")
    assert "analytics.commission_daily" in page.locator("#results a").all_inner_texts(), "by its owner"
    page.keyboard.press("Escape")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    second = page.locator(".room").nth(1).locator(".table").nth(1)
    assert page.evaluate("document.activeElement.title") == second.get_attribute("data-table")
    page.keyboard.press("Enter")
    expect(page.locator("#about h2")).to_have_text(second.get_attribute("data-table"))


def test_a_table_stands_right_of_what_it_is_made_of() -> None:
    lane = {table.key: n for n, tables in enumerate(atlas.lanes(CATALOG).values()) for table in tables}
    back = [(key, of) for of in CATALOG.tables for key in CATALOG.tables[of].upstream if lane.get(key, 0) > lane[of]]
    assert not back
    assert [t.name for t in atlas.lanes(CATALOG)["preferences"]].index("user_preferences") > 0


@pytest.mark.browser
def test_every_control_has_a_name_and_the_map_is_told_room_by_room(page) -> None:
    assert page.get_by_role("searchbox", name="Search").count() == 1
    for room, tables in atlas.lanes(CATALOG).items():
        region = page.get_by_role("region", name=f"room {room}")
        assert region.get_by_role("heading", level=3).count() == len(tables)
    nameless = page.locator("button, a, input").evaluate_all(
        "all => all.filter((e) => !(e.textContent.trim() || e.labels?.length)).length"
    )
    assert nameless == 0


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_stand_out_from_their_paper_in_light_and_in_dark(browser, address: str, scheme: str) -> None:
    page = browser.new_page(color_scheme=scheme)
    page.goto(f"{address}#analytics.commission_daily.actual_commission")
    colours = page.evaluate("""() => {
        const style = getComputedStyle(document.documentElement);
        const names = ["paper", "ink", "quiet", "box", "chosen", "direct", "decides"];
        return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
    }""")
    page.close()
    for ink, paper in (("ink", "paper"), ("quiet", "paper"), ("ink", "chosen"), ("direct", "box"), ("decides", "box")):
        assert contrast(colours[ink], colours[paper]) >= 4.5, (ink, paper)


def contrast(one: str, two: str) -> float:
    """WCAG 2.2's contrast ratio."""
    lights = sorted(_luminance(colour) for colour in (one, two))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def _luminance(colour: str) -> float:
    digits = colour.removeprefix("#")
    digits = "".join(d * 2 for d in digits) if len(digits) == 3 else digits
    parts = [int(digits[n : n + 2], 16) / 255 for n in (0, 2, 4)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_the_page_is_small_the_same_every_time_and_nothing_in_it_ends_its_data_early() -> None:
    text = atlas.page(CATALOG)
    assert len(text.encode()) < MEGABYTES * 1_000_000
    assert text == atlas.page(CATALOG)
    data = json.loads(text.partition('id="tables">')[2].partition("</script>")[0])
    assert [table["key"] for table in data] == list(CATALOG.tables)
    columns = {f"{table['key']}.{column['name']}": column for table in data for column in table["columns"]}
    assert columns["analytics.commission_daily.conversions"]["sql"] == "COUNT(*) FILTER(WHERE c.is_converted)"


def test_a_file_that_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "mine.html"
    path.write_text("<!DOCTYPE html>\nmine")
    with pytest.raises(DocsOutdated, match="was not written by `aclue atlas`"):
        atlas.write(CATALOG, path)
    assert path.read_text().endswith("mine")
