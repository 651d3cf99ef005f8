"""`aclue health`: what slows the database down, or will stop it."""

from dataclasses import asdict

import click

from aclue_pipeline.cli.context import Context, json_option, print_json, show
from aclue_pipeline.errors import VerificationFailed


@click.command(
    short_help="What slows the database down, or will stop it?",
    epilog="Example:  aclue health table_growth --json",
)
@click.argument("names", metavar="[FINDING]...", nargs=-1)
@json_option
@click.pass_obj
def health(context: Context, names: tuple[str, ...], as_json: bool) -> None:
    """Look for slow statements, whole reads of large tables, missing and needless indexes, a small cache, dear policies, growth, bloat,
    connections, blockers and neglected vacuuming.

    Only reads, waits for no lock, runs no statement that it finds. Each finding says its remedy: ✗ act now, ! it will hurt, i worth
    knowing, – cannot be told. None at all is good health. Exit code 15 where there is a ✗, else 0.
    """
    from aclue_pipeline.health import examine

    judgements = examine(context.database(), context.catalog, names)
    if as_json:
        print_json([asdict(one) for one in judgements])
    else:
        for one in judgements:
            show(one)
        if not judgements:
            click.echo("nothing found: in good health")
    acute = ", ".join(dict.fromkeys(one.check for one in judgements if not one.passed and not one.warns))
    if acute:
        raise VerificationFailed(f"{acute}: do as said above, then aclue health again")
