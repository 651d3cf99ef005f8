"""`aclue preferences`: taste profiles, the model they rest on, and how good they are."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from aclue_pipeline.cli.context import Context, json_option, print_json, progress, tell_hint, waiting, yes_option
from aclue_pipeline.cli.outlets import plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from aclue_pipeline.postgres import Database


@click.group(short_help="Taste profiles from swipes and feedback.", epilog="Example:  aclue preferences recalculate")
def preferences() -> None:
    """Taste profiles (public.user_preferences) from swipes and feedback."""


@preferences.command(epilog="Example:  aclue preferences train --json")
@yes_option
@json_option
@click.pass_obj
def train(context: Context, yes: bool, as_json: bool) -> None:
    """Train a version of the taste model: a candidate until `aclue preferences evaluate` judges it.

    The same swipes, feedback and catalogue give the same version while the same one is current.
    """
    from aclue_pipeline.preferences import train

    database = _writable(context, yes)
    with waiting("training"):
        trained = train(database)
    if as_json:
        print_json(asdict(trained))
    else:
        what = "trained" if trained.is_new else "nothing new, the version is there already:"
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
        f" {did.written:,} profiles written, {did.unchanged:,} as before, {did.removed:,} removed;"
        f" {did.adjusted:,} of them keep what their users adjusted; {did.feedback:,} pieces of feedback taken in"
    )


@preferences.command(epilog="Example:  aclue preferences evaluate --json")
@yes_option
@json_option
@click.pass_obj
def evaluate(context: Context, yes: bool, as_json: bool) -> None:
    """Measure how well profiles predict each user's latest judgements, against what knows less, and judge a new version.

    A candidate is accepted, or refused where it predicts worse than the current version or the best baseline (exit code 15); otherwise
    the current version is measured. What is found is kept in analytics.preference_quality and on the version's card.
    """
    from aclue_pipeline.errors import VerificationFailed
    from aclue_pipeline.preferences import evaluate, kept_versions

    database = _writable(context, yes)
    kept = kept_versions(database)
    before = {one["version"]: one["status"] for one in kept}
    is_new = bool(kept) and kept[0]["status"] == "candidate"
    version = next((one["version"] for one in kept if is_new or one["is_current"]), None)
    with waiting("measuring"):
        measured = evaluate(database)
    judged = [one for one in kept_versions(database) if before.get(one["version"]) != one["status"]]
    if as_json:
        versions = {one["version"]: one["status"] for one in judged}
        print_json(
            {
                "version": version,
                "scores": _records(measured.scores),
                "reliability": _records(measured.reliability),
                "judged": versions,
            }
        )
    else:
        click.echo(f"measured: version {version}, {'newest, a candidate until now' if is_new else 'the current one'}")
        _show_scores(measured)
    for one in judged:
        if not as_json:
            click.echo(f"version {one['version']}: {one['status']}")
    refused = next((one for one in judged if one["status"] == "refused"), None)
    if refused is not None:
        raise VerificationFailed(
            f"version {refused['version']} was refused: {refused['card']['refused because']};"
            f" `aclue preferences pin {refused['version']}` makes it current all the same"
        )


def _show_scores(measured: Any) -> None:
    click.echo(f"{'users':<8} {'predictor':<12} {'judgements':>10} {'log-loss':>9} {'AUC':>6} {'ECE':>6}")
    for row in _records(measured.scores):
        numbers = " ".join(
            f"{_shown(row[name]):>{width}}" for name, width in (("log_loss", 9), ("auc", 6), ("calibration_error", 6))
        )
        click.echo(f"{row['users_group']:<8} {row['predictor']:<12} {row['judgements']:>10,} {numbers}")


@preferences.command(epilog="Example:  aclue preferences versions --json")
@click.argument("version", required=False)
@json_option
@click.pass_obj
def versions(context: Context, version: str | None, as_json: bool) -> None:
    """List the versions of the taste model that are kept, or show one: what it was made of, how it was judged."""
    from aclue_pipeline.derived.statement import named_errors
    from aclue_pipeline.errors import NothingFound
    from aclue_pipeline.preferences import kept_versions
    from aclue_pipeline.preferences.card import entries

    with named_errors():
        found = kept_versions(context.database())
    if version is not None:
        found = [one for one in found if one["version"] == version]
        if not found:
            raise NothingFound(f"there is no version {version}; `aclue preferences versions` lists those there are")
    elif not found:
        raise NothingFound("there is no version of the taste model yet; train one with `aclue preferences train`")
    if as_json:
        print_json(found if version is None else found[0])
    elif version is None:
        click.echo(
            f"{'':<2}{'version':<18} {'status':<18} {'trained (UTC)':<17} {'signals':>11} {'users':>9} {'products':>9}"
        )
        for one in found:
            click.echo(
                f"{'*' if one['is_current'] else '':<2}{one['version']:<18} {_status(one):<18} {_minute(one['trained_at']):<17}"
                f" {one['events']:>11,} {one['users']:>9,} {one['products']:>9,}"
            )
        if any(one["is_current"] for one in found):
            click.echo("* the current one: the next recalculation computes profiles with it")
    else:
        (one,) = found
        current = ", the current one" if one["is_current"] else ""
        click.echo(f"{version}: {_status(one)}{current}, trained {_minute(one['trained_at'])} UTC")
        click.echo(f"from {one['events']:,} signals of {one['users']:,} users, {one['products']:,} products")
        told = list(entries(one["card"] or {}))
        width = max((len(name) for name, _ in told), default=0)
        for name, value in told:
            click.echo(f"{name:<{width}}  {value}")


def _status(one: dict[str, Any]) -> str:
    return f"{one['status']}, pinned" if one["pinned_at"] else str(one["status"])


def _minute(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}"


@preferences.command(epilog="Example:  aclue preferences pin 2-8f58314e2008")
@click.argument("version")
@yes_option
@json_option
@click.pass_obj
def pin(context: Context, version: str, yes: bool, as_json: bool) -> None:
    """Make VERSION the current one until it is unpinned, also one that was refused; profiles follow with the next recalculation."""
    from aclue_pipeline.preferences import pin

    before = pin(_writable(context, yes), version)
    _tell_current(version, before, True, as_json)


@preferences.command(epilog="Example:  aclue preferences unpin")
@yes_option
@json_option
@click.pass_obj
def unpin(context: Context, yes: bool, as_json: bool) -> None:
    """Leave it to judgement again which version is current: the newest accepted one."""
    from aclue_pipeline.preferences import current_version, unpin

    database = _writable(context, yes)
    with database.psycopg() as pg:
        before = current_version(pg)
    _tell_current(unpin(database), before, False, as_json)


@preferences.command(epilog="Example:  aclue preferences rollback")
@click.argument("version", required=False)
@yes_option
@json_option
@click.pass_obj
def rollback(context: Context, version: str | None, yes: bool, as_json: bool) -> None:
    """Go back to the accepted version before the current one, or to the older VERSION, and pin it.

    With the next recalculation every profile is, to the bit, what that version said of it, where no event has changed since.
    """
    from aclue_pipeline.preferences import current_version, roll_back

    database = _writable(context, yes)
    with database.psycopg() as pg:
        before = current_version(pg)
    _tell_current(roll_back(database, version), before, True, as_json)


def _tell_current(version: str | None, before: str | None, pinned: bool, as_json: bool) -> None:
    if as_json:
        print_json({"current": version, "before": before, "pinned": pinned})
        return
    word = "pinned" if pinned else "not pinned"
    was = f" (was {before})" if before not in (version, None) else ""
    click.echo(f"current version: {version or 'none'}, {word}{was}")
    if version != before:
        tell_hint("profiles follow with the next `aclue preferences recalculate`")


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


@preferences.command(epilog="Example:  aclue preferences reset 0073356a-b032-5ba8-8c51-18e9b4adb988")
@click.argument("user_id", type=click.UUID)
@yes_option
@json_option
@click.pass_obj
def reset(context: Context, user_id: Any, yes: bool, as_json: bool) -> None:
    """Take back what a user adjusted by hand, and compute the profile from the events alone."""
    from aclue_pipeline.preferences import reset

    was = reset(_writable(context, yes), user_id)
    if as_json:
        print_json({"user_id": user_id, "taken_back": was})
    elif was:
        click.echo("taken back; the profile is what was computed from the events")
    else:
        click.echo(f"user {user_id} has adjusted nothing")


@preferences.command(epilog="Example:  aclue --demo preferences recommend 0073356a-b032-5ba8-8c51-18e9b4adb988 -n 5")
@click.argument("user_id", type=click.UUID)
@click.option("-n", type=click.IntRange(min=1), default=20, show_default=True, help="How many products.")
@json_option
@click.pass_obj
def recommend(context: Context, user_id: Any, n: int, as_json: bool) -> None:
    """List what a user most probably likes, of what the app shows and the user has not swiped or rated yet.

    Of a user without a profile: what the population likes best.
    """
    from aclue_pipeline.derived.statement import named_errors
    from aclue_pipeline.preferences import recommend

    database = context.database()
    with named_errors():
        found = recommend(database, user_id, n)
    if as_json:
        print_json([one._asdict() for one in found])
        return
    title = _titles(database, [one.product_id for one in found])
    for one in found:
        click.echo(f"{one.probability:.3f}  {one.product_id}  {title(one.product_id)}")


@preferences.command(epilog="Example:  aclue --demo preferences explain 0073356a-b032-5ba8-8c51-18e9b4adb988")
@click.argument("user_id", type=click.UUID)
@click.argument("product_id", type=click.UUID, required=False)
@json_option
@click.pass_obj
def explain(context: Context, user_id: Any, product_id: Any, as_json: bool) -> None:
    """Say which swipes, feedback and adjustments a profile rests on, or how probably its user likes PRODUCT_ID, and how sure that is.

    The effect of each is what would be otherwise without it: log odds of the user's own rate of likes, or of liking the product.
    """
    from aclue_pipeline.derived.statement import named_errors
    from aclue_pipeline.preferences import explain

    database = context.database()
    with named_errors():
        told = explain(database, user_id, product_id)
    if as_json:
        print_json(asdict(told))
        return
    title = _titles(database, [product_id, *(one.product_id for one in told.reasons[:20])])
    click.echo(f"{told.judged:,} products judged, confidence {told.confidence:.2f}, version {told.model_version}")
    if told.chance:
        between = f"nine times out of ten between {told.chance.low:.3f} and {told.chance.high:.3f}"
        click.echo(f"likes {product_id} {title(product_id)} with probability {told.chance.probability:.3f}, {between}")
        met = max((one for one in told.reasons if one.product_id == product_id), key=lambda one: one.at, default=None)
        if met is not None:
            click.echo(f"met already: {met.source} on {met.at:%Y-%m-%d}, which is part of this prediction")
        parts = (
            f"{name.replace('offset_', 'offset × ').replace('_', ' ')} {part:+.3f}"
            for name, part in told.chance.parts.items()
        )
        click.echo("log odds (words: docs/glossary.md): " + ", ".join(parts))
    for said in told.adjusted:
        what = " ".join(filter(None, (said.column, said.key)))
        value = "left out" if said.value is None else json.dumps(said.value)
        click.echo(f"by hand: {plain(what)} {value}, computed: {json.dumps(said.computed)}, on {_minute(said.at)}")
    click.echo(f"{'effect':>7} {'weight':>7}  {'on (UTC)':<16}  {'said':<10} product")
    for one in told.reasons[:20]:
        effect = "–" if one.effect is None else f"{one.effect:+.3f}"
        click.echo(
            f"{effect:>7} {one.weight:>7.2f}  {one.at:%Y-%m-%d %H:%M}  {one.source:<10} {one.product_id}  {title(one.product_id)}"
        )
    if len(told.reasons) > 20:
        click.echo(f"and {len(told.reasons) - 20:,} more: see --json")


def _titles(database: "Database", ids: list[Any]) -> "Callable[[Any], str]":
    """What the catalogue calls each of these products."""
    from aclue_pipeline.postgres import query

    with database.begin() as connection:
        rows = query(
            connection, "select id, title from public.products where id = any(:ids)", ids=[one for one in ids if one]
        )
    found = {row["id"]: row["title"] for row in rows}
    return lambda product: plain(str(found.get(product, "(deleted)")))


def _readable(name: str, value: Any) -> Any:
    """Scores with the highest first, prices with the lowest; what only programs read is left to --json."""
    if name in ("ml_features", "embedding_vector"):
        return "for programs: see --json" if value else value
    if isinstance(value, dict):
        pairs = sorted(value.items(), key=lambda pair: _order(pair[1]), reverse=name != "price_range")
        return plain(", ".join(f"{of} {score}" for of, score in pairs))
    return plain(value) if isinstance(value, str) else value


def _order(score: Any) -> tuple[bool, float, str]:
    """By number; what a client wrote in the place of one, by how it reads."""
    is_number = isinstance(score, int | float) and not isinstance(score, bool)
    return (is_number, score, "") if is_number else (False, 0.0, str(score))


def _writable(context: Context, yes: bool) -> "Database":
    """The named database, with the tables of this room and what the server asks of them. Raises SchemaIncomplete where it is not
    deployed."""
    from aclue_pipeline.derived import ensure, ensure_tables

    database = context.writable(yes)
    ensure_tables(database, context.catalog, "preferences")
    with database.begin() as connection:
        ensure(
            connection,
            context.catalog,
            context.catalog.functions["pipeline.likely"],
            context.catalog.tables["pipeline.reasons"],
        )
    return database


def _records(frame: Any) -> list[dict[str, Any]]:
    return [dict(row) for row in frame.astype(object).where(frame.notna(), None).to_dict("records")]


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
