"""`aclue preferences`: taste profiles, the model they rest on, and how good they are."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from aclue_pipeline.cli.context import Context, json_option, print_json, progress, yes_option

if TYPE_CHECKING:
    from aclue_pipeline.postgres import Database


@click.group(short_help="Taste profiles from swipes and feedback.", epilog="Example:  aclue preferences recalculate")
def preferences() -> None:
    """Taste profiles (public.user_preferences) from swipes and feedback."""


@preferences.command(epilog="Example:  aclue preferences train --json")
@yes_option
@json_option
@click.pass_obj
def train(context: Context, yes: bool, as_json: bool) -> None:
    """Train a version of the taste model; profiles follow with the next recalculation.

    The same swipes, feedback and catalogue give the same version.
    """
    from aclue_pipeline.preferences import train

    trained = train(_writable(context, yes))
    if as_json:
        print_json(asdict(trained))
    else:
        what = "trained" if trained.is_new else "nothing new, the version is still"
        click.echo(
            f"{what} {trained.version}: {trained.events:,} signals of {trained.users:,} users, {trained.products:,} products"
        )


@preferences.command(epilog="Example:  aclue preferences recalculate --full")
@click.option("--full", is_flag=True, help="All users; otherwise those whose events or model version changed.")
@yes_option
@json_option
@click.pass_obj
def recalculate(context: Context, full: bool, yes: bool, as_json: bool) -> None:
    """Bring the profiles up to date. Stopped half-way, the next run finishes it."""
    from aclue_pipeline.preferences import recalculate

    done = recalculate(_writable(context, yes), full=full, progress=progress())
    if as_json:
        print_json(asdict(done))
        return
    did = done.published
    click.echo(
        f"{done.users:,} users recalculated from {done.signals:,} signals with {done.model_version} in {done.seconds:.1f} s:"
        f" {did.written:,} profiles written, {did.unchanged:,} as before, {did.removed:,} removed,"
        f" {did.adjusted:,} kept as adjusted, {did.feedback:,} pieces of feedback taken in"
    )


@preferences.command(epilog="Example:  aclue preferences evaluate --json")
@yes_option
@json_option
@click.pass_obj
def evaluate(context: Context, yes: bool, as_json: bool) -> None:
    """Measure how well profiles predict each user's latest judgements, against what knows less.

    The measurement is kept in analytics.preference_quality under the current model version.
    """
    from aclue_pipeline.preferences import evaluate

    measured = evaluate(_writable(context, yes))
    if as_json:
        print_json({"scores": _records(measured.scores), "reliability": _records(measured.reliability)})
        return
    click.echo(f"{'users':<8} {'predictor':<12} {'judgements':>10} {'log-loss':>9} {'AUC':>6} {'ECE':>6}")
    for row in _records(measured.scores):
        numbers = " ".join(
            f"{_shown(row[name]):>{width}}" for name, width in (("log_loss", 9), ("auc", 6), ("calibration_error", 6))
        )
        click.echo(f"{row['users_group']:<8} {row['predictor']:<12} {row['judgements']:>10,} {numbers}")


@preferences.command(epilog="Example:  aclue --demo preferences show 0073356a-b032-5ba8-8c51-18e9b4adb988")
@click.argument("user_id", type=click.UUID)
@json_option
@click.pass_obj
def show(context: Context, user_id: Any, as_json: bool) -> None:
    """Show one user's profile; exit code 20 if there is none yet."""
    from aclue_pipeline.errors import NothingFound
    from aclue_pipeline.postgres import query

    with context.database().begin() as connection:
        rows = query(connection, "select * from public.user_preferences where user_id = :id", id=user_id)
    if not rows:
        raise NothingFound(
            f"user {user_id} has no profile; it comes with the first swipe and the next `aclue preferences recalculate`"
        )
    if as_json:
        print_json(rows[0])
        return
    for name, value in rows[0].items():
        click.echo(f"{name:<24} {_readable(name, value)}")


def _readable(name: str, value: Any) -> Any:
    """Scores with the highest first, prices with the lowest; what only programs read is left to --json."""
    if name in ("ml_features", "embedding_vector"):
        return "for programs: see --json" if value else value
    if isinstance(value, dict):
        pairs = sorted(value.items(), key=lambda pair: pair[1], reverse=name != "price_range")
        return ", ".join(f"{of} {score}" for of, score in pairs)
    return value


def _writable(context: Context, yes: bool) -> "Database":
    """The named database, with the tables of this room. Raises SchemaIncomplete where it is not deployed."""
    from aclue_pipeline.derived import ensure_tables

    database = context.database()
    context.confirm_write(database, yes)
    ensure_tables(database, context.catalog, "preferences")
    return database


def _records(frame: Any) -> list[dict[str, Any]]:
    return [dict(row) for row in frame.astype(object).where(frame.notna(), None).to_dict("records")]


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
