"""Bulk copy: rows and frames in, columns out, through PostgreSQL's COPY. What the rows mean belongs to the rooms."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import psycopg

_BLOCK_ROWS = 50_000


def _identifier(table: str) -> Any:
    from psycopg import sql

    return sql.Identifier(*table.split("."))


def copy_in(pg: "psycopg.Connection[Any]", table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """Copy Python rows into `schema.table`; the number copied. Values are adapted by the driver."""
    from psycopg import sql

    statement = sql.SQL("copy {} ({}) from stdin").format(
        _identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    count = 0
    with pg.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)
            count += 1
    return count


def copy_frame(pg: "psycopg.Connection[Any]", table: str, frame: "pd.DataFrame") -> int:
    """Copy a frame's columns into the table's columns of the same names; the number of rows.

    Written by pandas in blocks, in COPY's text format: missing values (NaN, NaT, None, NA) become NULL, an empty string
    stays one. Columns of lists or dicts must be rendered to PostgreSQL's text form (array literal, JSON) first.
    """
    import csv

    from psycopg import sql

    columns = [str(column) for column in frame.columns]
    statement = sql.SQL("copy {} ({}) from stdin").format(
        _identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
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
    import pandas as pd

    if not (pd.api.types.is_object_dtype(column) or pd.api.types.is_string_dtype(column)):
        return column
    return column.astype(object).map(
        lambda value: value.translate(_ESCAPES) if isinstance(value, str) else value, na_action="ignore"
    )


def copy_out(
    pg: "psycopg.Connection[Any]", select: str, parameters: Mapping[str, Any], types: Mapping[str, str]
) -> "dict[str, np.ndarray]":
    """The columns of a SELECT (`%(name)s` parameters) as numpy arrays, through binary COPY.

    `types`: for each column in order one of int2, int4, int8, float4, float8 (NOT NULL all): fixed-width fields, so that
    the stream is read as one structured array and no Python object is made per row.
    Raises ValueError where a row has a NULL or a field of another width.
    """
    import numpy as np
    from psycopg import sql

    width = {"int2": ">i2", "int4": ">i4", "int8": ">i8", "float4": ">f4", "float8": ">f8"}
    fields: list[tuple[str, str]] = [("count", ">i2")]
    for name, kind in types.items():
        fields += [(f"{name} length", ">i4"), (name, width[kind])]
    row = np.dtype(fields)
    statement = sql.SQL("copy ({}) to stdout with (format binary)").format(_bound(pg, select, parameters))
    with pg.cursor() as cursor, cursor.copy(statement) as copy:
        data = b"".join(bytes(block) for block in copy)
    header = 19 + int.from_bytes(data[15:19], "big")
    body = memoryview(data)[header:-2]
    if len(body) % row.itemsize:
        raise ValueError("copy_out: a NULL, or a field of another width than its type says")
    rows = np.frombuffer(body, dtype=row)
    if len(rows) and not (
        (rows["count"] == len(types)).all() and all((rows[f"{n} length"] == row[n].itemsize).all() for n in types)
    ):
        raise ValueError("copy_out: a NULL, or a field of another width than its type says")
    return {name: rows[name].astype(row[name].newbyteorder("=")) for name in types}


def _bound(pg: "psycopg.Connection[Any]", select: str, parameters: Mapping[str, Any]) -> Any:
    """COPY takes no server-side parameters, so the driver quotes the values into the SELECT."""
    from psycopg import ClientCursor, sql

    return sql.SQL(ClientCursor(pg).mogrify(select, parameters) if parameters else select)
