"""Bulk copy: what goes in comes out, to the bit."""

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aclue_pipeline.postgres import Database
from aclue_pipeline.postgres.copy import copy_frame

pytestmark = pytest.mark.database


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.none() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20),
            st.none() | st.integers(-(2**60), 2**60),
        )
    )
)
def test_a_frame_arrives_as_it_is(empty_db: Database, rows: list[tuple[str | None, int | None]]) -> None:
    frame = pd.DataFrame(
        {
            "words": pd.Series([w for w, _ in rows], dtype=object),
            "number": pd.array([n for _, n in rows], dtype="Int64"),
        }
    )
    with empty_db.psycopg() as pg:
        pg.execute("create temp table if not exists given (words text, number bigint) on commit drop")
        assert copy_frame(pg, "pg_temp.given", frame) == len(rows)
        arrived = pg.execute("select words, number from given").fetchall()
    assert arrived == rows
