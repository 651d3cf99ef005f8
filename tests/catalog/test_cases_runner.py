"""The runner of cases itself: what it fills, how it compares, what it says when a case is wrong."""

from pathlib import Path

import pytest

from aclue_pipeline.postgres import Database
from tests.conftest import Databases
from tests.support.cases import check, load, read_cases
from tests.support.shop import Shop

CASE = """
- name: an order counts in its shop
  given:
    public.orders:
      - {id: 1, at: 2026-03-01 10:00+00, shop: Ely, amount: 5.40}
      - {id: 2, at: 2026-03-01 23:59:59+00, shop: Ely, amount: 0.10}
      - {id: 3, at: 2026-03-02 00:00+00, shop: '', amount: 1}
  range: [2026-03-01, 2026-03-02]
  expected:
    - {day: 2026-03-01, shop: Ely, orders: 2, amount: 5.5}
    - {day: 2026-03-02, shop: (not set), orders: 1}
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "sales.yaml"
    path.write_text(text)
    return path


@pytest.mark.database
def test_a_right_case_passes(shop: Shop, shop_db: Database, tmp_path: Path) -> None:
    (case,) = read_cases(write(tmp_path, CASE))
    check(case, shop.catalog, shop_db, shop_db)


@pytest.mark.database
@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ("amount: 5.5}", "amount: 5.51}", "expected, not there: day: 2026-03-01, shop: Ely, orders: 2, amount: 5.51"),
        ("    - {day: 2026-03-02, shop: (not set), orders: 1}\n", "", "there, not expected: day: 2026-03-02"),
        ("orders: 1}", "orders: null}", "expected, not there: day: 2026-03-02"),
    ],
)
def test_a_wrong_case_says_what_differs(
    shop: Shop, shop_db: Database, tmp_path: Path, right: str, wrong: str, told: str
) -> None:
    assert right in CASE
    (case,) = read_cases(write(tmp_path, CASE.replace(right, wrong)))
    with pytest.raises(AssertionError, match="an order counts in its shop") as failure:
        check(case, shop.catalog, shop_db, shop_db)
    assert told in str(failure.value)


@pytest.mark.database
def test_what_is_not_given_is_filled(app_db: Database, databases: Databases) -> None:
    admin = databases.admin(app_db)
    load(
        admin,
        {
            "public.swipe_interactions": [{"product_id": "mug", "user_id": "ann", "session_id": "s"}],
            "public.products": [{"id": "mug", "title": "Mug"}],
        },
    )
    with admin.psycopg() as pg:
        row = pg.execute(
            """select p.title, s.id is not null from swipe_interactions i
               join products p on p.id = i.product_id join swipe_sessions s on s.id = i.session_id"""
        ).fetchone()
    assert row == ("Mug", True)
