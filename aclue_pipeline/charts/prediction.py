"""How well likes were predicted, as a page: beside the baselines, by how sure it was, by group of users, and for strangers."""

from collections.abc import Mapping
from typing import Any

from aclue_pipeline.charts import shapes
from aclue_pipeline.charts.page import page, part
from aclue_pipeline.charts.shapes import Rows

_SPLITS = {
    "user": "The last fifth of each user's judgements was predicted, at least one of each user with two.",
    "global": "All judgements after the 80 % quantile of time were predicted, many of them by users nobody knew before.",
}


def report(metrics: Mapping[str, Any], of: str) -> str:
    """The page of an evaluation, as metrics.json has it."""
    numbers = metrics["data"]
    names = list(metrics["baselines"])
    is_cold = any(row["n"] for row in metrics["cold_curve"])
    return page(
        "How well likes are predicted",
        of,
        f"{_SPLITS[metrics['split']]} {metrics['n']:,} judgements of {metrics['users']:,} users, after training on {numbers['earlier']:,}"
        f" earlier ones; {numbers['users']:,} users and {numbers['products']:,} products in all. Profiles know nothing of what they are"
        " asked.",
        [
            _part("Against what knows less", _BASELINES, _compared(metrics)),
            _part(
                "Is what it says true?",
                "Judgements in bins of equally many by what was said, with 95 % bounds of the share that was liked. On the diagonal it"
                f" is right. The mean distance (ECE) is {_said(metrics['model']['ece'])}; {_said(metrics['model']['ece_floor'])} is what"
                " 95 of 100 samples of perfectly right probabilities stay below.",
                [
                    {name: row[name] for name in ("predicted", "observed", "low", "high")} | {"n": row["judgements"]}
                    for row in metrics["reliability"]
                ],
                lambda rows: shapes.calibration_chart(rows, "predicted share of likes", "observed share of likes"),
            ),
            _part(
                "By how much is known of a user",
                "Cold: at most 5 judgements before; casual: 6 to 50; heavy: more.",
                [
                    {"group": group, **row}
                    for group, one in metrics["segments"].items()
                    if one["n"] and group != "all"
                    for row in _compared(one)
                ],
            ),
            _part(
                "Users whom the model has not seen",
                "A fifth of the users was left out of a training of its own; after so many of their judgements the next five were"
                " predicted, or as many as a user made. Log-loss, the smaller the better. At each point other judgements are asked for,"
                " and fewer users the more are known: compare the lines at a point, not the points of a line."
                + ("" if is_cold else " Nobody of them has judged anything: there is no line to draw."),
                [{name.replace("_", " "): value for name, value in row.items()} for row in metrics["cold_curve"]],
                (lambda rows: shapes.cold_chart(rows, ["model", *(name.replace("_", " ") for name in names)]))
                if is_cold
                else None,
            ),
        ],
    )


_BASELINES = (
    "Log-loss and calibration error (ECE): the smaller, the better. User AUC: the chance, for the same user, that a liked product ranks"
    " above a disliked one. An ECE below its floor may be chance: a perfectly right predictor stays below it in 95 of 100 samples. Slope"
    " 1 and intercept 0 are right; a slope below 1 was too sure. Every baseline is tuned on the earlier judgements."
)


def _compared(metrics: Mapping[str, Any]) -> Rows:
    return [
        {"predictor": name.replace("_", " "), "n": metrics["n"]} | {key: one.get(key) for key in metrics["model"]}
        for name, one in (("model", metrics["model"]), *metrics["baselines"].items())
    ]


def _part(title: str, says: str, rows: Rows, draw: Any = None) -> tuple[str, str]:
    return title, part(title, says, rows, draw, ".4f")


def _said(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
