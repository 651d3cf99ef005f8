import numpy as np
import pytest
from scipy import sparse

from aclue_pipeline.preferences.ridge import ridge


@pytest.mark.parametrize("codes", [20, 300])
def test_it_finds_what_scikit_learn_finds_with_more_products_than_codes_and_with_fewer(codes: int) -> None:
    from sklearn.linear_model import Ridge

    random = np.random.default_rng(1)
    content = sparse.random(200, codes, 0.1, "csr", random_state=1)
    target, weight = random.normal(size=200), random.uniform(size=200) * (random.uniform(size=200) > 0.2)
    known = weight > 0
    told = Ridge(3.0, solver="sparse_cg", tol=1e-8).fit(content[known], target[known], weight[known])
    coefficients, intercept = ridge(content, target, weight, 3.0)
    np.testing.assert_allclose(coefficients, told.coef_, rtol=0, atol=1e-9)
    assert intercept == pytest.approx(told.intercept_, abs=1e-9)


def test_of_products_that_nobody_judged_it_says_nothing() -> None:
    coefficients, intercept = ridge(sparse.csr_matrix(np.eye(3)), np.ones(3), np.zeros(3), 3.0)
    assert (coefficients.tolist(), intercept) == ([0.0, 0.0, 0.0], 0.0)
