"""`aclue erase` and `aclue export`: what is held of one person, deleted or given out."""

from uuid import UUID

import click

from aclue_pipeline.cli.context import Context, json_option, print_json, yes_option
from aclue_pipeline.cli.deploy import supabase


@click.command(epilog="Example:  aclue erase 5f0c1d2e-6a4b-4c39-9d3e-2b7a8c9d0e1f")
@click.argument("user", metavar="USER_ID", type=click.UUID)
@yes_option
@json_option
@click.pass_obj
def erase(context: Context, user: UUID, yes: bool, as_json: bool) -> None:
    """Delete what is held of a person: the account, the app's rows and ours, those in retired tables too.

    Events stay as rows without owner that identify nobody, so that no published number moves. The account may be gone already.
    """
    from aclue_pipeline.derived import person

    done = person.erase(context.writable(yes, f"delete all that is held of the user {user}"), context.catalog, user)
    if as_json:
        print_json(done)
        return
    for key, rows in done.items():
        click.echo(f"{key}: {rows:,}")
    click.echo("deleted, or cleared of what identifies" if done else f"nothing was held of a user {user}")


class _OfAPerson(click.Group):
    """What is no name of a command is a user's id."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        return super().resolve_command(ctx, args if args[0] in self.commands else ["person", *args])


@click.group(cls=_OfAPerson, epilog="Example:  aclue export 5f0c1d2e-6a4b-4c39-9d3e-2b7a8c9d0e1f > person.json")
def export() -> None:
    """Give out what is held of a person (USER_ID, as JSON), or a first deployment (supabase DIR, as a migration)."""


export.add_command(supabase)


@export.command(epilog="Example:  aclue export 5f0c1d2e-6a4b-4c39-9d3e-2b7a8c9d0e1f > person.json")
@click.argument("user", metavar="USER_ID", type=click.UUID)
@click.pass_obj
def person(context: Context, user: UUID) -> None:
    """Print as JSON what is held of a person, by table: `aclue export USER_ID` is short for it."""
    from aclue_pipeline.derived import person

    print_json(person.export(context.database(), context.catalog, user))
