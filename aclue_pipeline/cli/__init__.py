"""The `aclue` command: one file per group of commands, each imported when it is asked for. What a command *does* belongs to
the rooms; here are words, options, confirmation, and the one line an error becomes."""

import atexit
import errno
import gc
import os
import sys
from importlib import import_module

import click

from aclue_pipeline import __version__
from aclue_pipeline.cli import outlets
from aclue_pipeline.cli.context import Context, pasteable
from aclue_pipeline.errors import AclueError, FileUnusable, Interrupted, MissingPrivilege, causes

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
    "atlas": "docs:atlas",
    "health": "health:health",
    "doctor": "doctor:doctor",
    "alerts": "alerts:alerts",
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

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """`--demo` means the same behind a command; what follows -- is somebody else's."""
        ours = args.index("--") if "--" in args else len(args)
        rest = [word for word in args[:ours] if word != "--demo"]
        return super().parse_args(ctx, [*["--demo"] * (len(rest) < ours), *rest, *args[ours:]])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS and not ctx.resilient_parsing:
            raise click.exceptions.NoSuchCommand(args[0], possibilities=list(COMMANDS), ctx=ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> None:
        try:
            super().invoke(ctx)
        except BaseException as error:  # here, since click answers Ctrl-C with an empty line
            if not any(isinstance(one, KeyboardInterrupt) for one in causes(error)):
                raise
            raise Interrupted(
                "stopped; what it had not committed is rolled back, and the same command goes on from there"
            ) from None


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
    context.color = _colour()
    context.obj = context.obj or Context()
    context.obj.demo = demo or context.invoked_subcommand in ("db", "demo")
    if any(name.startswith("ACLUE_") for name in os.environ):
        from aclue_pipeline.settings import unknown

        for line in unknown(os.environ):
            click.secho(f"aclue: ignored: {line}", err=True, fg="yellow")


def main(arguments: list[str] | None = None) -> None:
    """The console script: whatever is wrong becomes one line on stderr and its exit code."""
    # A command leaves few circles: looking for them as often as usual took a tenth of its time, and at its end a second.
    gc.set_threshold(200_000, 50, 50)
    atexit.register(gc.freeze)
    context = Context()
    with outlets.forgiving():
        try:
            code = _run(arguments, context)
        except click.exceptions.NoArgsIsHelpError as help_:
            help_.show()
            code = help_.exit_code
        except click.ClickException as error:
            at = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else ""
            said = " ".join(error.format_message().split()).replace("valid integer range", "whole number")
            said += "." * (not said.endswith((".", "?", "?)")))
            code = _say(f"{said} See `{at} --help`." if at else said, error.exit_code, context)
        except AclueError as error:
            code = _say(str(error), error.exit_code, context)
    sys.exit(code)


def _run(arguments: list[str] | None, context: Context) -> int:
    """Raises ClickException or AclueError for all that a person can mend; what is left is an error of the program."""
    try:
        code = aclue.main(arguments, prog_name="aclue", standalone_mode=False, obj=context)
        sys.stdout.flush()
    except (click.Abort, KeyboardInterrupt):
        raise Interrupted("stopped at a question: nothing was done") from None
    except OSError as error:
        if not error.filename and error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS):
            raise
        full = "make room, or " if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
        raise FileUnusable(
            f"{error.filename or 'a file, or the output'}: {error.strerror}; {full}name another place"
        ) from None
    except Exception as error:
        of_server = getattr(error, "orig", error)
        if getattr(of_server, "sqlstate", None) == "42501":  # insufficient privilege
            raise MissingPrivilege.by_server(str(of_server).splitlines()[0]) from None
        # a server's or DuckDB's disk, whoever asked
        if isinstance(error, AclueError) or "No space left on device" not in str(error):
            raise
        raise FileUnusable(f"{str(error).splitlines()[0]}; make room, or name another place") from None
    return code if isinstance(code, int) else 0


def _colour() -> bool | None:
    """No colours where NO_COLOR says so, else as the terminal has them."""
    return False if os.environ.get("NO_COLOR") else None


def _say(line: str, code: int, context: Context) -> int:
    lines = pasteable(line, context.demo).split("\n")
    click.secho(
        "aclue: " + "\n".join(map(outlets.plain, lines)),
        err=True,
        fg="red",
        color=_colour(),
    )
    return code
