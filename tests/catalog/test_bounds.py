"""Bounds as the server computes them against those of the library that statisticians use, and Student's t against SciPy's."""

import pytest
from scipy.stats import t
from statsmodels.stats.proportion import proportion_confint

from aclue_pipeline.postgres import Database

pytestmark = pytest.mark.database

WHOLES = [1, 2, 3, 7, 10, 97, 1_000, 123_457, 10_000_000, 3_000_000_000]


def test_wilsons_bounds_are_statsmodels_to_the_ten_millionth(deployed_db: Database) -> None:
    pairs = [(part, d) for d in WHOLES for part in sorted({0, 1, d // 97, d // 3, d // 2, d - 1, d})]
    # Effective numbers are seldom whole.
    pairs += [(n / effect, d / effect) for n, d in pairs for effect in (1.37, 12.25, 1_000.0)]
    asked = "select analytics.wilson_low(n, d), analytics.wilson_high(n, d) from unnest(%s::numeric[], %s::numeric[]) as p (n, d)"
    with deployed_db.psycopg() as pg:
        found = pg.execute(asked, [[float(n) for n, _ in pairs], [float(d) for _, d in pairs]]).fetchall()
    for (n, d), bounds in zip(pairs, found, strict=True):
        wanted = proportion_confint(n, d, alpha=0.05, method="wilson")
        assert [float(bound) for bound in bounds] == pytest.approx(wanted, abs=1e-7), (n, d)


def test_students_t_is_scipys_to_four_thousandths(deployed_db: Database) -> None:
    degrees = [*range(1, 60), 100, 1_000, 1_000_000]
    with deployed_db.psycopg() as pg:
        found = pg.execute("select analytics.students_t(n) from unnest(%s::numeric[]) as n", [degrees]).fetchall()
    assert [float(value) for (value,) in found] == pytest.approx([t.ppf(0.975, n) for n in degrees], abs=0.004)
