"""Markov chains and Shapley values against their definitions, and the paths that they are computed from against plain Python."""

import json
import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import permutations
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner

from aclue_pipeline import derived
from aclue_pipeline.cli import aclue
from aclue_pipeline.postgres import Database
from aclue_pipeline.revenue.attribution import UNATTRIBUTED, Path, credits, read_paths, removal_effects, shapley
from tests.oracles import attribution
from tests.oracles.facts import Facts
from tests.revenue.test_attribution import days_of, invented, put
from tests.support.catalogs import CATALOG


def some_paths(draw: random.Random) -> list[Path]:
    """Paths of up to five touches among five, in two currencies, some of which led nowhere."""
    paths = []
    for _ in range(draw.randrange(1, 12)):
        touches = tuple(draw.choices("abcde", k=draw.randrange(6)))
        if draw.random() < 0.3 and touches:
            paths.append(Path(touches, None, 0, None, draw.randrange(1, 9)))
        else:
            money = draw.choice([None, Decimal("0"), Decimal("1.99"), Decimal("7.125"), Decimal("-0.03")])
            paths.append(Path(touches, draw.choice(["GBP", "EUR"]), draw.randrange(1, 9), money, 0))
    return paths


WORLDS = [some_paths(random.Random(seed)) for seed in range(300)]


def test_every_currency_is_shared_exactly_whatever_the_order_of_its_paths() -> None:
    for paths in WORLDS:
        for model in ("markov", "shapley"):
            found = credits(paths, model)
            shuffled = random.Random(1).sample(paths, len(paths))
            assert credits(shuffled, model) == found
            for currency in {path.currency for path in paths} - {None}:
                sold = [path for path in paths if path.currency == currency]
                shared = [one for one in found if one.currency == currency]
                assert sum(one.conversions for one in shared) == sum(path.conversions for path in sold)
                assert sum(one.commission or 0 for one in shared) == sum(path.commission or 0 for path in sold)
                untouched = sum(path.conversions for path in sold if not path.touches)
                assert sum(one.conversions for one in shared if one.touch == UNATTRIBUTED) == untouched


def test_a_shapley_value_is_the_average_over_all_orders_of_joining() -> None:
    for paths in WORLDS[:60]:
        worth = [(path.touches, Fraction(path.conversions)) for path in paths if path.touches]
        players = sorted({touch for touches, _ in worth for touch in touches})
        orders = list(permutations(players))
        expected: dict[str, Fraction] = defaultdict(Fraction)
        for order in orders:
            for n, player in enumerate(order):
                before, after = (sum(v for t, v in worth if set(t) <= set(order[:m])) for m in (n, n + 1))
                expected[player] += Fraction(after - before, len(orders))
        assert shapley(worth) == expected


def chance(paths: Sequence[Path], without: str | None = None) -> Fraction:
    """Of the chain, how likely it is to end in a sale when it never gets past a touch: by elimination, in exact fractions."""
    steps: dict[Any, Counter[Any]] = defaultdict(Counter)
    for path in paths:
        chain = [1, *path.touches]
        for one, following in zip(chain, [*chain[1:], 0], strict=True):
            steps[one][following] += path.conversions + path.not_converted
        steps[chain[-1]]["sold"] += path.conversions
        steps[chain[-1]][0] -= path.conversions
    odds = {one: {to: Fraction(n, sum(next_.values())) for to, n in next_.items()} for one, next_ in steps.items()}
    for gone in [touch for touch in odds if touch != 1]:
        onward = odds.pop(gone)
        staying = onward.pop(gone, Fraction(0))
        for next_ in odds.values():
            through = next_.pop(gone, Fraction(0))
            for to, share in onward.items() if gone != without else ():
                next_[to] = next_.get(to, Fraction(0)) + through * share / (1 - staying)
    return odds[1].get("sold", Fraction(0))


def test_a_removal_effect_is_the_share_of_sales_that_the_chain_without_the_touch_does_not_make() -> None:
    for paths in WORLDS:
        led = [path for path in paths if path.touches]
        if not any(path.conversions for path in led):
            continue
        for touch, effect in removal_effects(led).items():
            assert effect == pytest.approx(float(1 - chance(led, touch) / chance(led)), abs=1e-12)


def test_of_more_values_than_a_chain_holds_the_rarest_are_one() -> None:
    paths = [Path((f"c{n}", "c0"), "GBP", 1, Decimal("0.01"), 0) for n in range(700)]
    found = credits(paths, "markov")
    assert len(found) == 501
    assert sum(one.conversions for one in found) == 700
    assert len(credits(paths, "shapley")) == 700


# --- the paths of a database ----------------------------------------------------------------------------------------------


@pytest.fixture
def half_sold(world_db: Database) -> Facts:
    """Facts of people of whom some bought nothing."""
    judged = invented(400)
    for n, click in enumerate(judged.clicks):
        if n % 3:
            click |= {"counted_converted_at": None, "counted": None}
    put(world_db, judged)
    return judged


@pytest.mark.database
@pytest.mark.parametrize("dimension", [*attribution.CLICK, *attribution.CAMPAIGN])
def test_paths_are_what_people_met_before_they_bought_or_bought_nothing(
    world_db: Database, half_sold: Facts, dimension: str
) -> None:
    days, first, last = days_of(world_db, half_sold)
    first = last if dimension == "utm_medium" else first
    lives = attribution.lives(half_sold)
    expected: dict[Any, list[Any]] = defaultdict(lambda: [0, Decimal(0), 0])
    for sale in half_sold.clicks:
        if sale["counted_converted_at"] and days[sale["counted_converted_at"]] >= first:
            path = tuple(value for _, value in attribution.touches(lives[sale["person"]], sale, dimension))
            cell = expected[path, sale["currency"]]
            cell[0] += 1
            cell[1] += sale["counted"] or 0
    with world_db.psycopg() as pg:
        [bounds] = pg.execute(
            "select analytics.day_start(%s, 'Europe/London'), analytics.day_start(%s + 1, 'Europe/London')",
            [first, last],
        ).fetchall()
    for path in attribution.went(half_sold, lives, dimension, *bounds):
        expected[path, None][2] += 1
    found = read_paths(world_db, CATALOG, first, last, dimension)
    told = {
        (path.touches, path.currency): [path.conversions, path.commission or 0, path.not_converted] for path in found
    }
    assert told == expected
    assert len(told) == len(found)
    assert any(path.not_converted for path in found)


@pytest.mark.database
def test_the_command_says_who_is_credited_with_each_currency(
    world_db: Database, half_sold: Facts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aclue_pipeline.cli.context.Context.database", lambda _: Database(world_db.url))
    monkeypatch.setattr("aclue_pipeline.cli.context.Context.catalog", CATALOG)
    _, first, last = days_of(world_db, half_sold)
    asked = ["revenue", "attribution", "--model", "shapley", "--from", str(first), "--to", str(last)]
    done = CliRunner().invoke(aclue, [*asked, "--dimension", "utm_source", "--json"], catch_exceptions=False)
    rows = json.loads(done.stdout)
    sold = [click for click in half_sold.clicks if click["counted_converted_at"]]
    assert sum(Decimal(row["conversions"]) for row in rows) == len(sold)
    assert sum(Decimal(row["commission"] or 0) for row in rows) == sum(click["counted"] or 0 for click in sold)
    assert {row["touch"] for row in rows} >= {"google", "(not set)", UNATTRIBUTED}
    assert "conversions" in CliRunner().invoke(aclue, asked, catch_exceptions=False).stdout
    none = CliRunner().invoke(aclue, [*asked[:4], "--from", "2020-01-01", "--to", "2020-01-02"], catch_exceptions=False)
    assert none.stdout == "no sale from 2020-01-01 to 2020-01-02\n"


@pytest.mark.database
def test_another_dimension_and_a_range_that_ends_before_it_begins_are_refused_by_name(world_db: Database) -> None:
    derived.ensure_tables(world_db, CATALOG)
    for arguments, says in [
        (("2026-01-01", "2026-01-02", "user_id"), "analytics.attribution_paths has no dimension user_id"),
        (("2026-01-02", "2026-01-01", "utm_source"), "no range of days begins on 2026-01-02"),
    ]:
        with world_db.psycopg() as pg, pytest.raises(psycopg.errors.InvalidParameterValue, match=says):
            pg.execute("select from analytics.attribution_paths(%s, %s, %s)", arguments)
