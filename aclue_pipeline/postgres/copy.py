"""Bulk copy of frames through PostgreSQL's COPY. What the rows mean belongs to the rooms; a stream of millions of fixed-width rows is
read where it is used (preferences/signals.py)."""

import csv
from typing import Any

import pandas as pd
from psycopg import sql

from aclue_pipeline.postgres.connection import Pg, identifier

_BLOCK_ROWS = 50_000


def copy_frame(pg: Pg, table: str, frame: pd.DataFrame) -> int:
    """Copy a frame's columns into the table's columns of the same names; the number of rows.

    Written by pandas in blocks, in COPY's text format: missing values (NaN, NaT, None, NA) become NULL, an empty string
    stays one. Columns of lists or dicts must be rendered to PostgreSQL's text form (array literal, JSON) first.
    """
    columns = [str(column) for column in frame.columns]
    statement = sql.SQL("copy {} ({}) from stdin").format(
        identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with pg.cursor() as cursor, cursor.copy(statement) as copy:
        for start in range(0, len(frame), _BLOCK_ROWS):
            block = frame.iloc[start : start + _BLOCK_ROWS].apply(_escaped)
            # The text is escaped already, and no value of PostgreSQL holds the quote character named here.
            copy.write(
                block.to_csv(index=False, header=False, sep="\t", na_rep="\\N", quoting=csv.QUOTE_NONE, quotechar="\0")
            )
    return len(frame)


_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def _escaped(column: "pd.Series[Any]") -> "pd.Series[Any]":
    if not (pd.api.types.is_object_dtype(column) or pd.api.types.is_string_dtype(column)):
        return column
    return column.astype(object).map(
        lambda value: value.translate(_ESCAPES) if isinstance(value, str) else value, na_action="ignore"
    )
