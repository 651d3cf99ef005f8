"""Whatever SQL, numpy or pandas makes of a value, Dagster must take it: it refuses only after the work is done."""

import base64
import datetime as dt
import re
import uuid
from decimal import Decimal
from pathlib import Path

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from aclue_pipeline.checks import Judgement
from aclue_pipeline.defs import charts, checks, pictures, preferences
from aclue_pipeline.defs.metadata import MOST, Markdown, escaped, fitting, metadata, plain, preview, tabular
from aclue_pipeline.postgres import Database, query

#: One value of every type a result of ours can have.
SQL_VALUES = """
select 1::smallint as small, 2::int as int, 3::bigint as big, 9223372036854775807 as huge, 1.5::real as real, 2.5::float8 as float,
    'NaN'::float8 as nan, 'Infinity'::float8 as infinity, 12.34::numeric(10,2) as money, 'NaN'::numeric as numeric_nan,
    true as bool, 'x'::text as text, 'y'::varchar(3) as varchar, 'z'::char(3) as char, '\\x00ff'::bytea as bytes,
    date '2026-03-29' as date, time '12:30' as time, timestamp '2026-03-29 01:30' as timestamp,
    timestamptz '2026-03-29 01:30+00' as timestamptz, interval '90 minutes' as interval,
    '6b17447d-b576-413d-9cae-1d0c961e11a7'::uuid as uuid, '{"a": [1, null]}'::jsonb as jsonb, '{"b": 1.5}'::json as json,
    array['a', null] as texts, array[1.10::numeric] as amounts, array[]::float8[] as nothing, '::1'::inet as inet,
    int4range(1, 5) as range, null::int as null_int, null::timestamptz as null_time
"""

PYTHON_VALUES = {
    "numpy int": np.int64(3), "numpy float": np.float64(2.5), "numpy bool": np.bool_(True), "numpy str": np.str_("s"),
    "numpy array": np.array([[1.0, np.nan]]), "numpy day": np.datetime64("2026-01-01"), "numpy nat": np.datetime64("NaT"),
    "pandas time": pd.Timestamp("2026-01-01", tz="UTC"), "pandas naive time": pd.Timestamp("2026-01-01"), "pandas NaT": pd.NaT,
    "pandas NA": pd.NA, "pandas interval": pd.Timedelta(hours=1), "frame": pd.DataFrame({"n": [1, None], "d": [Decimal("1.1"), None]}),
    "series item": pd.Series([1], dtype="Int64")[0], "set": {1}, "tuple": (Decimal(1), uuid.UUID(int=1)), "path": Path("sql/x.sql"),
    "nested": {"at": dt.datetime(2026, 1, 1, tzinfo=dt.UTC), 3: [np.float32(1)]}, "already": dg.MetadataValue.text("x"),
    "ours": Markdown("**x**"),
}  # fmt: skip


def materialised(values: dict[str, object]) -> dict[str, dg.MetadataValue]:
    """The metadata as it comes back from an instance's event log."""

    @dg.asset
    def probe() -> dg.MaterializeResult:
        return dg.MaterializeResult(metadata=metadata(values))

    with dg.DagsterInstance.ephemeral() as instance:
        assert dg.materialize([probe], instance=instance).success
        event = instance.get_latest_materialization_event(dg.AssetKey("probe"))
        assert event is not None
        assert event.asset_materialization is not None
        return dict(event.asset_materialization.metadata)


@pytest.mark.database
def test_every_sql_type_reaches_the_event_log(empty_db: Database) -> None:
    with empty_db.begin() as connection:
        row = query(connection, SQL_VALUES.replace("::", "\\:\\:").replace("\\:\\:1'", "::1'"))[0]
    told = materialised(row)
    assert told.keys() == row.keys()
    assert told["money"].value == 12.34
    assert told["timestamptz"].value == dt.datetime(2026, 3, 29, 1, 30, tzinfo=dt.UTC).timestamp()
    assert told["huge"].value == "9223372036854775807"  # a browser would round the number
    assert told["jsonb"].value == {"a": [1, None]}
    assert told["null_time"].value is None


def test_every_python_type_reaches_the_event_log() -> None:
    told = materialised(PYTHON_VALUES)
    assert told.keys() == PYTHON_VALUES.keys()
    assert told["numpy int"].value == 3
    assert told["nested"].value == {"at": "2026-01-01T00:00:00+00:00", "3": [1.0]}


def test_what_is_missing_is_null_everywhere() -> None:
    assert plain([None, float("nan"), Decimal("NaN"), pd.NA, pd.NaT, np.float64("nan")]) == [None] * 6


def test_a_table_holds_every_type_as_text_or_number_and_no_long_text() -> None:
    row = {**PYTHON_VALUES, "huge": 2**63, "long": "word " * 1000, "none": None}
    del row["already"], row["ours"], row["frame"]
    [record] = materialised({"rows": tabular([row, row][:1])})["rows"].value.records
    assert record.data.keys() == row.keys()
    assert record.data["numpy float"] == 2.5
    assert record.data["nested"] == '{"at": "2026-01-01T00:00:00+00:00", "3": [1.0]}'
    assert max(len(str(cell)) for cell in record.data.values()) <= 400
    assert [column.name for column in tabular([], ["a", "b"]).value.schema.columns] == ["a", "b"]


def test_text_never_becomes_markdown() -> None:
    told = materialised({"text": "[x](/y)", "ours": Markdown("[x](/y)")})
    assert type(told["text"]) is dg.TextMetadataValue
    assert type(told["ours"]) is dg.MarkdownMetadataValue


def test_escaped_text_has_no_mark_left() -> None:
    assert escaped("1. [a](b)\n\n# c_d") == r"1\. \[a](b) # c_d"
    assert escaped("1,200 of 3.5 (45%) - see sql/x_y.sql: ok!") == "1,200 of 3.5 (45%) - see sql/x_y.sql: ok!"
    assert not re.search(r"https://|www\.|a@b", escaped("https://x www.x a@b.c"))


def test_no_event_says_more_than_the_event_log_is_meant_to_keep() -> None:
    lines = [{"day": dt.date(2026, 1, 1) + dt.timedelta(days=n), "what": "x" * 300} for n in range(500)]
    values = {"first": Markdown("y" * 30_000), "second": Markdown("z" * 30_000), "lines": tabular(lines)}
    values |= {"text": "t" * 50_000, "many": list(range(50_000))}
    kept = metadata(values)
    assert kept.keys() == values.keys()
    assert len(kept["first"].value) == 30_000, "what comes first is kept"
    assert "left out: " in str(kept["second"].value)
    assert 2 < len(kept["lines"].records) < 500
    *shown, more = (record.data for record in kept["lines"].records)
    assert [*more.values()] == ["… and more", None], "what is not shown is said"
    assert all(line["what"] for line in shown)
    assert len(dg.serialize_value(dict(kept)).encode()) <= MOST


def test_the_evidence_of_a_check_is_read_without_a_click() -> None:
    evidence = {
        "days": [],
        "lines": [{"n": 1}],
        "buckets": {"in days": {"commission": 2}},
        "words": ["a"],
        "rows_in": 3,
    }
    told = checks.result(Judgement("c", "analytics.t", "passed", "warn", "says", evidence, "")).metadata
    assert told["days"].value == "none"
    assert [row.data for row in told["lines"].records] == [{"n": 1}]
    assert [row.data for row in told["buckets"].records] == [{"of": "in days", "commission": "2.00"}]
    assert told["words"].value == ["a"]
    assert told["rows in"].value == 3
    assert "outcome" not in told
    assert told["found"].value == "says"


def test_a_day_is_as_wide_as_its_heading() -> None:
    [row] = tabular([{"day": dt.date(2026, 1, 1), "n": 1}]).records
    assert row.data == {"day".center(12, "\u00a0"): "2026-01-01", "n": 1}


def test_a_preview_says_which_row_it_is_and_has_as_many_numbers_as_a_page_is_wide() -> None:
    apart = {"day": dt.date(2026, 1, 9), "network": "(not set)", "place": 3}
    numbers = {"commission": Decimal("0.2"), "click_rate": 0.125, "a_name_that_leaves_the_page": 1}
    [line] = preview([{**apart, **numbers}], list(apart), list(numbers)).records
    assert line.data == {"row": "9 Jan 2026 · place 3", "commission": "0.20", "click_rate": "12.5%"}


def test_a_preview_is_as_wide_as_the_page_also_beside_a_long_word() -> None:
    for campaign, shown in (
        ("commission_junction", "commission junction"),
        ("gifts-for-everyone",) * 2,
        ("giftsforeveryone's",) * 2,
    ):
        row = {"campaign": campaign, "actual_commission": Decimal("0.2"), "clicks": 1}
        [line] = preview([row], ["campaign"], ["actual_commission", "clicks"]).records
        assert line.data == {"row": shown, "actual_commission": "0.20"} | ({"clicks": 1} if "'" not in shown else {})


def test_of_many_columns_those_are_shown_that_fit_also_where_the_first_row_lacks_one() -> None:
    day = {"day": dt.date(2026, 1, 9), "clicks": 1, "written": "no"}
    earned = {
        "day": dt.date(2026, 1, 8),
        "commission, GBP": 0.2,
        "clicks": 2,
        "a_name_that_leaves_the_page": 1,
        "written": "yes",
    }
    assert [list(row.values())[1:] for row in fitting([day, earned])] == [[None, 1, "no"], [0.2, 2, "yes"]]
    abroad = {"day": dt.date(2026, 1, 7), "commission, EUR": 0.3}
    assert fitting([abroad, {"day": day["day"], "commission, GBP": 0.2}])[1]["commission, GBP"] == 0.2


CHART = base64.b64encode(b'<svg width="800" height="400" viewBox="0 0 800 400">').decode()


@pytest.mark.parametrize(
    ("told", "drawn"),
    [
        ({"line": charts.sparkline([1, 2], "sales", "2 < 3 \\[GBP]")}, "sales, 2 &lt; 3 [GBP]"),
        ({"chart": Markdown(f"![c](data:image/svg+xml;base64,{CHART})")}, '<svg width="200" height="100" viewBox'),
        ({"words of a client": f"![c](data:image/svg+xml;base64,{CHART})"}, "width='1' height='1'"),
        ({}, "width='1' height='1'"),
    ],
    ids=["sparklines", "a chart", "text", "nothing"],
)
def test_the_newest_event_that_drew_something_is_the_picture_of_an_asset(told: dict, drawn: str) -> None:
    @dg.asset(key=["analytics", "probe"])
    def probe(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        return dg.MaterializeResult(metadata=metadata(told if context.run.tags.get("draws") else {"n": 1}))

    with dg.DagsterInstance.ephemeral() as instance:
        dg.materialize([probe], instance=instance, tags={"draws": "yes"})
        dg.materialize([probe], instance=instance)
        picture = pictures.newest(instance, "analytics.probe")
        assert drawn in picture
        instance.report_runless_asset_event(dg.AssetObservation("view", metadata=metadata(told)))
        assert drawn in pictures.newest(instance, "view")


def test_of_a_sentence_that_is_wider_than_the_picture_nothing_is_cut() -> None:
    for positions, is_narrower in ((3, False), (12, True)):
        rows = [{"position": n, "click_rate": 0.313} for n in range(1, positions)]
        [drawn] = charts._by_group(rows, "position", "click_rate").values()
        sparkline = pictures._SPARKLINE.match(str(drawn.source))
        assert sparkline is not None
        line = pictures._line(sparkline, 0)
        assert f"{positions - 1}: 31.3%</text>" in line
        assert ("textLength='700'" in line) is is_narrower


def test_a_month_that_is_not_over_is_pale_and_no_slump() -> None:
    rows = [{"currency": "GBP", "month": dt.date(2026, month, 1), "commission": 10} for month in (9, 10)]
    for today, is_open in ((dt.date(2026, 10, 9), True), (dt.date(2026, 11, 1), False)):
        [drawn] = charts._by_period(rows, "month", "commission", today).values()
        assert ("opacity" in drawn.source, "pale: not over" in " ".join(drawn.source.split())) == (is_open, is_open)


def test_where_no_judgement_could_be_held_out_there_is_no_score_to_round() -> None:
    nothing = {"log_loss": None, "auc": None, "reliability": None, "intercepts": None, "users_group": "all"}
    rows = [{**nothing, "predictor": one, "model_version": "v"} for one in ("profile", "user_rate")]
    said = preferences._scores(rows)
    assert said.keys() == {"scores are of version", "scores"}
