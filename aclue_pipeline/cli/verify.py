"""`aclue verify`, `signoff` and `roles`: the deployment judged, what those sign who answer for it, and who works on it."""

import click

from aclue_pipeline.cli.context import Context, json_option, print_json, raise_for, tell, waiting, yes_option


@click.command(short_help="Judge the deployment by its success criteria.", epilog="Example:  aclue --demo verify")
@json_option
@click.pass_obj
def verify(context: Context, as_json: bool) -> None:
    """Judge the deployment by its success criteria; exit code 15 if one fails, 26 if one cannot be judged.

    Leaves nothing behind: what is tried is rolled back.
    """
    from aclue_pipeline.schema.verify import verify as judged

    database = context.database()
    with waiting("judging"):
        judgements = judged(database)
    click.echo(f"judging {database.label}", err=True)
    tell(judgements, as_json, "verify")


@click.command(epilog="Example:  aclue --demo signoff > signoff.md")
@click.pass_obj
def signoff(context: Context) -> None:
    """Print the sign-off of the deployment, in Markdown: judged now, with the evidence, and lines for the approvals.

    Ends like verify: exit code 15 if a criterion fails, 26 if one cannot be judged.
    """
    from aclue_pipeline.schema.signoff import signoff as written

    database = context.database()
    with waiting("judging"):
        text, judgements = written(database)
    click.echo(text, nl=False)
    raise_for(judgements, "signoff")


@click.command(epilog="Example:  aclue roles --sql")
@click.option("--sql", is_flag=True, help="Print the statements, for whoever may run them; change nothing.")
@yes_option
@json_option
@click.pass_obj
def roles(context: Context, sql: bool, yes: bool, as_json: bool) -> None:
    """Make the roles that deploy, compute and look, each with no more rights than that needs.

    What is there stays. They log in once somebody gives them a password.
    """
    from aclue_pipeline.schema import roles as working

    database = context.database()
    if sql:
        return click.echo(working.script(database), nl=False)
    context.confirm_write(database, yes)
    said = working.roles(database)
    if as_json:
        return print_json({"roles": [working.DEPLOYER, working.PIPELINE, working.ANALYST], "says": list(said)})
    for line in said:
        click.echo(line)
    click.echo(f"{working.DEPLOYER}, {working.PIPELINE} and {working.ANALYST} are whole on {database.label}", err=True)
