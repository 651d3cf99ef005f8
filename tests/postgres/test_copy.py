"""Bulk copy: what goes in comes out, to the bit."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aclue_pipeline.postgres import Database, query, script
from aclue_pipeline.postgres.copy import copy_frame, copy_in, copy_out

pytestmark = pytest.mark.database


def test_rows_are_adapted_and_counted(empty_db: Database) -> None:
    with empty_db.begin() as connection:
        script(connection, 'create table t (a int, "b c" text[], d jsonb)')
    with empty_db.psycopg() as pg:
        assert copy_in(pg, "public.t", ["a", "b c"], [(1, ["x", None]), (None, [])]) == 2
    with empty_db.begin() as connection:
        rows = query(connection, 'select a, "b c" as b from t order by a')
    assert rows == [{"a": 1, "b": ["x", None]}, {"a": None, "b": []}]


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


def test_columns_come_out_as_arrays_with_every_bit(empty_db: Database) -> None:
    doubles = [0.1, -0.0, 1e308, 5e-324]
    with empty_db.psycopg() as pg:
        out = copy_out(
            pg,
            "select x::float8 as x, i::int4 as i from unnest(%(doubles)s::float8[]) with ordinality as t (x, i)",
            {"doubles": doubles},
            {"x": "float8", "i": "int4"},
        )
    assert out["x"].tobytes() == np.array(doubles).tobytes()
    assert out["i"].tolist() == [1, 2, 3, 4]
    assert out["i"].dtype == np.int32


@pytest.mark.parametrize(
    "select", ["select null::int4 as i", "select 1::int8 as i", "select 1::int4 as i, 2::int4 as j"]
)
def test_a_null_or_another_width_is_refused(empty_db: Database, select: str) -> None:
    with empty_db.psycopg() as pg, pytest.raises(ValueError, match="width"):
        copy_out(pg, select, {}, {"i": "int4"})


def test_no_rows_are_empty_arrays(empty_db: Database) -> None:
    with empty_db.psycopg() as pg:
        assert copy_out(pg, "select 1::int4 where false", {}, {"i": "int4"})["i"].shape == (0,)
