"""The `aclue` command: one file per group of commands, each imported when it is asked for. What a command *does* belongs to
the rooms; here are words, options, confirmation, and the one line an error becomes."""

import sys
from importlib import import_module

import click

from aclue_pipeline import __version__
from aclue_pipeline.cli.context import Context
from aclue_pipeline.errors import AclueError

#: Every command and where it is: the everyday verbs, then the groups.
COMMANDS = {
    "plan": "deploy:plan",
    "deploy": "deploy:deploy",
    "drift": "deploy:drift",
    "history": "deploy:history",
    "verify": "verify:verify",
    "signoff": "verify:signoff",
    "roles": "verify:roles",
    "contract": "contract:contract",
    "rollback": "retire:rollback",
    "restore": "retire:restore",
    "purge": "retire:purge",
    "sync": "facts:sync",
    "erase": "person:erase",
    "export": "person:export",
    "ui": "ui:ui",
    "report": "report:report",
    "extract": "extract:extract",
    "why": "why:why",
    "lineage": "docs:lineage",
    "docs": "docs:docs",
    "health": "health:health",
    "preferences": "preferences:preferences",
    "evaluate": "evaluate:evaluate",
    "revenue": "tables:revenue",
    "funnel": "tables:funnel",
    "db": "db:db",
    "demo": "demo:demo",
}


class LazyGroup(click.Group):
    """Imports a command's module only when the command is run or its help is shown."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, attribute = COMMANDS[cmd_name].split(":")
        command: click.Command = getattr(import_module(f"aclue_pipeline.cli.{module}"), attribute)
        return command


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Example:  aclue --demo verify",
)
@click.option("--demo", is_flag=True, help="Use the demo's embedded server; ACLUE_DATABASE_URL is ignored.")
@click.version_option(__version__, prog_name="aclue")
@click.pass_context
def aclue(context: click.Context, demo: bool) -> None:
    """Deploy, compute and check the data platform of the gift app.

    The database is the one named in ACLUE_DATABASE_URL, or the demo's with --demo; nothing else is ever touched.
    """
    context.obj = Context(demo=demo or context.invoked_subcommand in ("db", "demo"))


def main(arguments: list[str] | None = None) -> None:
    """The console script: an AclueError becomes one line on stderr and its exit code."""
    try:
        aclue.main(arguments, prog_name="aclue", standalone_mode=True)
    except AclueError as error:
        click.secho(f"aclue: {error}", err=True, fg="red")
        sys.exit(error.exit_code)
