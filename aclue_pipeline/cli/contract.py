"""`aclue contract`: what the app's clients rely on, tried."""

import click

from aclue_pipeline.cli.context import Context, json_option, tell, waiting


@click.command(epilog="Example:  aclue contract --json")
@json_option
@click.pass_obj
def contract(context: Context, as_json: bool) -> None:
    """Try what the app's clients rely on: docs/writing-events.md, line by line, as the REST layer sends it.

    For an app's CI. Exit codes as of verify; leaves nothing behind: what is tried is rolled back.
    """
    from aclue_pipeline.schema import contract as promised

    database = context.database()
    with waiting("trying"):
        judgements = promised.judge(database)
    click.echo(f"trying {database.label}", err=True)
    tell(judgements, as_json, "try")
