"""An evaluation: what is asked for is never known, what comes out is what the files say it is, and a refusal leaves nothing behind."""

import csv
import json
import re
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from aclue_pipeline.charts.prediction import report
from aclue_pipeline.cli import aclue
from aclue_pipeline.cli.evaluate import _show
from aclue_pipeline.errors import DataRefused
from aclue_pipeline.evaluation.folder import Data, Rows
from aclue_pipeline.evaluation.run import Evaluation, Split, divided, evaluate
from aclue_pipeline.postgres import query
from aclue_pipeline.preferences.baselines import BASELINES
from tests.conftest import Databases
from tests.evaluation.worlds import swipes_of, write, write_world
from tests.oracles import evaluation as oracle
from tests.oracles import measures

SWIPES = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9), st.booleans()), max_size=40)
FEEDBACK = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), max_size=10)


def rows(columns: "list[tuple[int, ...]]", judged: bool) -> Rows:
    table = np.array(columns, np.int64).reshape(-1, 3 if judged else 2)
    user, at = table[:, 0], table[:, 1]
    said = table[:, 2] > 0 if judged else np.zeros(len(table), bool)
    return Rows(user, user, at, said, said)


@pytest.mark.parametrize("split", ["user", "global"])
@given(SWIPES, FEEDBACK)
def test_what_is_asked_for_and_what_is_known_is_what_the_rule_says(
    split: Split, swipes: "list[tuple[int, ...]]", feedback: "list[tuple[int, ...]]"
) -> None:
    test, known, known_feedback = divided(rows(swipes, True), rows(feedback, False), 4, split)
    events = [oracle.Event(user, at, place, judged) for place, (user, at, judged) in enumerate(swipes)]  # type: ignore[misc]
    events += [oracle.Event(user, at, place, False, True) for place, (user, at) in enumerate(feedback)]  # type: ignore[misc]
    found = (sorted(test.tolist()), np.flatnonzero(known).tolist(), np.flatnonzero(known_feedback).tolist())
    assert found == oracle.divided(events, split)


def run(databases: Databases, folder: Path, split: Split = "user") -> tuple[Evaluation, list[dict[str, str]]]:
    """Evaluated in a copy of the tests' deployed database; with what was predicted, as it was written."""
    scratch = folder.parent / f"scratch of {folder.name}"
    scratch.mkdir()
    database = databases.copy("deployed")
    done = evaluate(Data(folder, scratch), split, scratch, where=nullcontext((database, databases.admin(database))))
    done.write_predictions(scratch / "predictions.csv")
    with (scratch / "predictions.csv").open(newline="") as file:
        return done, list(csv.DictReader(file))


@pytest.mark.database
@pytest.mark.parametrize("split", ["user", "global"])
def test_the_future_moves_no_prediction(databases: Databases, tmp_path: Path, split: Split) -> None:
    """Every test event turned round, the skips after it and feedback on it likewise: the same probabilities to the last digit."""
    swipes = swipes_of()
    user, at = swipes.user.to_numpy(), swipes["at"].to_numpy()
    judged = (swipes.direction != "down").to_numpy()
    numbers = np.unique(user, return_inverse=True)[1]
    told = Rows(numbers, numbers, at, judged, judged)
    test, known, _ = divided(told, rows([], False), len(np.unique(user)), split)
    changed = swipes.copy()
    changed.loc[test, "direction"] = np.where(swipes.direction[test] == "left", "up", "left")
    changed = changed[known | np.isin(np.arange(len(swipes)), test)]  # without what was skipped later
    one = test[0]
    late = {
        "user": user[one],
        "product": swipes["product"][one],
        "type": "explicit",
        "value": 1,
        "tags": "",
        "at": at[one] + 1,
    }
    _, before = run(databases, write_world(tmp_path / "before", swipes), split)
    _, after = run(databases, write_world(tmp_path / "after", changed, [late]), split)
    assert [tuple(row.values()) for row in after] == [tuple(row.values()) for row in before]


@pytest.mark.database
def test_what_is_written_is_what_was_asked_for_in_the_order_of_the_file(databases: Databases, tmp_path: Path) -> None:
    swipes = swipes_of(users=12, n=200)
    early = [{"user": "u 1", "product": "p'1", "type": "", "value": -0.5, "tags": "too_expensive|x", "at": 900_000_000}]
    done, predicted = run(databases, write_world(tmp_path / "in", swipes, early))
    number = {user: place for place, user in enumerate(swipes.user.unique())}
    events = [
        oracle.Event(number[user], at, place, direction != "down")
        for place, (user, at, direction) in enumerate(zip(swipes.user, swipes["at"], swipes.direction, strict=True))
    ]
    asked = swipes.loc[oracle.divided(events, "user")[0]]
    told = [(row["user"], row["product"], int(row["at"])) for row in predicted]
    assert told == list(zip(asked.user, asked["product"], asked["at"], strict=True))
    like = [float(direction != "left") for direction in asked.direction]
    said = [float(row["p"]) for row in predicted]
    metrics = done.metrics
    assert metrics["n"] == len(asked)
    assert metrics["model"]["log_loss"] == pytest.approx(measures.log_loss(like, said))
    assert metrics["model"]["ece"] == pytest.approx(measures.ece(like, said))
    assert metrics["model"]["user_auc"] == pytest.approx(
        measures.user_auc(like, said, [number[one] for one in asked.user])
    )
    assert tuple(metrics["baselines"]) == BASELINES
    assert metrics["data"]["earlier"] <= metrics["data"]["trained_on"] <= len(swipes) - len(asked) + len(early)
    assert (
        sum(metrics["segments"][name]["n"] for name in ("cold", "casual", "heavy")) == metrics["segments"]["all"]["n"]
    )
    assert [row["after"] for row in metrics["cold_curve"]] == [0, 1, 2, 3, 5, 10]
    json.dumps(metrics, allow_nan=False)


@pytest.mark.database
def test_a_user_and_a_product_that_nobody_met_are_predicted_too(databases: Databases, tmp_path: Path) -> None:
    """In a split of time: their first swipes come after it."""
    swipes = swipes_of(n=300)
    late = pd.DataFrame(
        {"user": ["new one"] * 2, "product": ["p'1", "new"], "direction": ["right", "left"], "at": 1_000_000_000}
    )
    done, predicted = run(
        databases, write_world(tmp_path / "in", pd.concat([swipes, late], ignore_index=True)), "global"
    )
    strangers = [float(row["p"]) for row in predicted if row["user"] == "new one"]
    assert len(strangers) == 2
    assert all(0 < p < 1 for p in strangers)
    assert done.metrics["segments"]["cold"]["n"] >= 2


@pytest.mark.database
def test_the_database_holds_what_the_files_say(databases: Databases, tmp_path: Path) -> None:
    seconds = [0, 1, 2, 3]
    swipes = "user,product,direction,at,time_spent,strength\n" + "".join(
        f"ann,{product},{direction},{852_076_800 + at},7.4,0.25\n"
        for product, direction, at in zip(
            ["mug", "pen", "mug", "pen"], ["right", "left", "down", "up"], seconds, strict=True
        )
    )
    feedback = (
        "user,product,type,value,tags,at\nann,pen,explicit,-1,too_expensive|ugly,852076801\nann,mug,,1,,852076803\n"
    )
    folder, scratch = write(tmp_path / "in", swipes=swipes, feedback=feedback), tmp_path / "scratch"
    scratch.mkdir()
    database = databases.copy("deployed")
    evaluate(Data(folder, scratch), "user", scratch, where=nullcontext((database, databases.admin(database))))
    with database.begin() as connection:
        (mug, _) = query(connection, "select * from pipeline.item_features order by product_id")
        signals = query(connection, "select * from pipeline.signals order by at, source")
        (said,) = query(connection, "select * from public.recommendation_feedback")
    assert (mug["category"], mug["brand"], mug["price"], mug["style"]) == ("kitchen", "Acme", 4.5, ["ceramic"])
    assert mug["colour"] == ["blue"]
    assert [row["source"] for row in signals] == ["like", "dislike", "feedback", "seen"]
    assert (signals[1]["at"] - signals[0]["at"]).total_seconds() == 1
    assert signals[0]["at"].isoformat() == "2000-01-01T00:00:00+00:00"
    assert said["feedback_tags"] == ["too_expensive", "ugly"]


@pytest.mark.parametrize(
    ("split", "swipes", "says"),
    [
        ("user", "ann,mug,right,1\nann,pen,down,2\n", "no user has two swipes left, right or up"),
        ("global", "ann,mug,right,1\nann,pen,left,1\n", "no swipe left, right or up is later than"),
        ("user", "ann,mug,right,1\nann,pen,left,1700000000\n", "from 1970-01-01 to 2023-11-14 is longer than"),
    ],
)
def test_where_nothing_can_be_predicted_no_server_is_started(
    tmp_path: Path, split: Split, swipes: str, says: str
) -> None:
    folder = write(tmp_path / "in", swipes=f"user,product,direction,at\n{swipes}")
    with pytest.raises(DataRefused, match=says):
        evaluate(Data(folder, tmp_path), split, tmp_path, where=Never())


class Never:
    def __enter__(self) -> Any:
        raise AssertionError("a database was asked for")

    def __exit__(self, *_: object) -> None: ...


def test_a_refused_folder_leaves_nothing_behind(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", users="id\nann\nann\n")
    done = CliRunner().invoke(aclue, ["evaluate", str(folder), "--out", str(tmp_path / "out")])
    assert isinstance(done.exception, DataRefused)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_without_a_place_for_results_nothing_begins(tmp_path: Path) -> None:
    done = CliRunner().invoke(aclue, ["evaluate", str(tmp_path)])
    assert done.exit_code == 2
    assert "--out" in done.output


MOVIES = "movieId,title,genres\n7,Heat (1995),Action|Crime\n9,Nothing,(no genres listed)\n"
RATINGS = "userId,movieId,rating,timestamp\n2,7,5.0,964982703\n2,9,4.0,964982704\n2,7,3.5,964982705\n"


def test_movielens_becomes_such_a_folder(tmp_path: Path) -> None:
    source, folder = tmp_path / "movielens", tmp_path / "in"
    source.mkdir()
    command = ["evaluate", "--convert-movielens", str(source), str(folder)]
    assert isinstance(CliRunner().invoke(aclue, command).exception, DataRefused)
    assert not folder.exists()
    (source / "movies.csv").write_text(MOVIES)
    (source / "ratings.csv").write_text(RATINGS)
    assert CliRunner().invoke(aclue, command).exit_code == 0
    assert sorted(path.name for path in folder.iterdir()) == ["products.csv", "swipes.csv", "users.csv"]
    again = CliRunner().invoke(aclue, command).exception
    assert isinstance(again, DataRefused)
    assert "none is overwritten" in str(again)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    data = Data(folder, scratch)
    assert data.duck.sql("select direction from swipes order by number").fetchall() == [("up",), ("right",), ("left",)]
    assert data.duck.sql("select title, category, tags from products order by number").fetchall() == [
        ("Heat (1995)", "Action", "Action|Crime|1990s"),
        ("Nothing", None, None),
    ]


def test_movielens_in_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "movies.csv").write_text(MOVIES)
    (tmp_path / "ratings.csv").write_text(RATINGS)
    done = CliRunner().invoke(
        aclue, ["evaluate", "--convert-movielens", str(tmp_path), str(tmp_path / "movies.csv" / "in")]
    )
    assert "cannot be written: Not a directory; name another place" in str(done.exception)


@pytest.mark.slow
@pytest.mark.database
def test_the_page_and_the_console_say_what_the_numbers_do(
    databases: Databases, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done, _ = run(
        databases, write_world(tmp_path / "in", swipes_of(users=4, n=60))
    )  # nobody is left for the cold curve
    metrics = done.metrics
    assert {row["n"] for row in metrics["cold_curve"]} == {0}
    assert {"model", *BASELINES} < set(metrics["cold_curve"][0])
    page = report(metrics, "few")
    assert "Nobody of them has judged anything" in page
    assert "Infinity" not in page
    assert "NaN" not in page
    _show(metrics)
    header, first, *_, last = capsys.readouterr().out.splitlines()
    assert header.split()[5:8] == ["AUC", "ECE", "floor"]
    assert f"{metrics['model']['ece']:.4f} {metrics['model']['ece_floor']:.4f}" in re.sub(" +", " ", first)
    assert first.split()[:2] == ["all", "model"]
    assert last.startswith("floor: ")


@pytest.mark.slow
@pytest.mark.database
def test_the_command_writes_three_files_and_its_server_is_gone(tmp_path: Path) -> None:
    folder, out = write_world(tmp_path / "in", swipes_of(n=400)), tmp_path / "results" / "first"
    done = CliRunner().invoke(aclue, ["evaluate", str(folder), "--out", str(out), "--json"], catch_exceptions=False)
    assert done.exit_code == 0
    assert sorted(path.name for path in out.iterdir()) == ["metrics.json", "predictions.csv", "report.html"]
    metrics = json.loads((out / "metrics.json").read_text())
    assert json.loads(done.stdout) == metrics
    assert len((out / "predictions.csv").read_text().splitlines()) == metrics["n"] + 1
    page = (out / "report.html").read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert not any(word in page for word in ("<script", "http://", "https://", "src=")) or "w3.org" in page
    for title in ("Against what knows less", "Is what it says true?", "By how much is known of a user", "has not seen"):
        assert title in page
