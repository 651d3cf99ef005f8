"""`aclue verify`: the deployment judged."""

import click

from aclue_pipeline.cli.context import Context, json_option, tell


@click.command(short_help="Judge the deployment by its success criteria.", epilog="Example:  aclue --demo verify")
@json_option
@click.pass_obj
def verify(context: Context, as_json: bool) -> None:
    """Judge the deployment by its success criteria; exit code 15 if one fails, 26 if one cannot be judged.

    Leaves nothing behind: what is tried is rolled back.
    """
    from aclue_pipeline.schema.verify import verify as judged

    database = context.database()
    judgements = judged(database)
    click.echo(f"judging {database.label}", err=True)
    tell(judgements, as_json, "verify")
