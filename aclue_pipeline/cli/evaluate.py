"""`aclue evaluate`: how well the profiles predict on a folder of anybody's swipes."""

import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import click

from aclue_pipeline.cli.context import json_option, progress
from aclue_pipeline.errors import FileUnusable

#: The files of an evaluation.
PREDICTIONS, METRICS, REPORT = "predictions.csv", "metrics.json", "report.html"


@click.command(
    short_help="How well profiles predict, on a folder of anybody's swipes.",
    epilog="Example:  aclue evaluate ../swipes --out ../evaluated --split global",
)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help="Where the results go.")
@click.option(
    "--split",
    type=click.Choice(["user", "global"]),
    default="user",
    show_default=True,
    help="Predict each user's last fifth, or what is later than 80 % of all.",
)
@click.option(
    "--convert-movielens",
    "movielens",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="First make FOLDER, new or empty, of the MovieLens ratings in DIR.",
)
@json_option
def evaluate(
    folder: Path, out: Path | None, split: Literal["user", "global"], movielens: Path | None, as_json: bool
) -> None:
    """Train on the earlier swipes in FOLDER, predict the later ones, and say how well.

    FOLDER holds users.csv (id), products.csv (id, title, category, brand, price, tags separated by |), swipes.csv (user, product,
    direction, at, time_spent, strength) and perhaps feedback.csv (user, product, type, value, tags, at), each also as .csv.gz or
    .parquet. Everything goes through a database of its own, which is gone at the end; no other is touched.
    Results are predictions.csv, metrics.json and report.html.
    """
    if movielens is None and out is None:
        raise click.UsageError("say where the results go: --out DIR")
    if movielens is not None:
        from aclue_pipeline.evaluation.movielens import convert

        try:
            click.echo(f"{folder}: {convert(movielens, folder):,} swipes", err=True)
        except OSError as error:
            raise FileUnusable(f"{folder} cannot be written: {error.strerror}; name another place") from None
    if out is not None:
        metrics = _evaluate(folder, out, split)
        if as_json:
            click.echo(json.dumps(metrics, indent=2))
        else:
            _show(metrics)


def _evaluate(folder: Path, out: Path, split: Literal["user", "global"]) -> dict[str, Any]:
    from aclue_pipeline.charts.prediction import report
    from aclue_pipeline.evaluation.folder import Data
    from aclue_pipeline.evaluation.run import evaluate as run

    there = next(one for one in (out, *out.parents) if one.exists())
    if not (there.is_dir() and os.access(there, os.W_OK)):
        raise FileUnusable(f"{out} cannot be written; name another place")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the server ends with the command
    with tempfile.TemporaryDirectory(prefix="aclue-") as scratch:
        evaluation = run(Data(folder, Path(scratch)), split, Path(scratch), progress())
        metrics = evaluation.metrics
        page = report(metrics, folder.resolve().name)
        _write(
            out,
            {
                PREDICTIONS: evaluation.write_predictions,
                METRICS: lambda path: path.write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8"),
                REPORT: lambda path: path.write_text(page, encoding="utf-8"),
            },
        )
    click.echo(f"{out}: {', '.join((PREDICTIONS, METRICS, REPORT))}", err=True)
    return metrics


def _write(out: Path, files: dict[str, Callable[[Path], Any]]) -> None:
    """All of them, or none: each has another name until all are whole."""
    parts = {name: out / f".{name}.part" for name in files}
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, write in files.items():
            write(parts[name])
        for name, part in parts.items():
            part.replace(out / name)
    except OSError as error:
        raise FileUnusable(f"{out} cannot be written: {error.strerror}; name another place") from None
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)


def _show(metrics: dict[str, Any]) -> None:
    click.echo(
        f"{'users':<8} {'predictor':<12} {'n':>10} {'log-loss':>9} {'user AUC':>9} {'ECE':>7} {'floor':>7} {'slope':>7} {'intercept':>10}"
    )
    for group, one in metrics["segments"].items():
        for name, scores in (("model", one["model"]), *one["baselines"].items()):
            numbers = " ".join(
                f"{'–' if scores.get(key) is None else f'{scores[key]:.4f}':>{width}}"
                for key, width in (
                    ("log_loss", 9),
                    ("user_auc", 9),
                    ("ece", 7),
                    ("ece_floor", 7),
                    ("slope", 7),
                    ("intercept", 10),
                )
            )
            click.echo(f"{group:<8} {name:<12} {one['n']:>10,} {numbers}")
    click.echo("floor: below it the ECE of a perfectly right predictor stays in 95 of 100 samples of this size")
