"""docs/commands.md: every command's own help, so that `aclue docs --check` can hold the page to it."""

from collections.abc import Iterator

import click

from aclue_pipeline.catalog.docs import MARK

_OPENING = """
# Commands

*Written by `aclue docs` from each command's own help (`aclue COMMAND --help`).*

`--demo` may stand before or behind a command. Exit codes are in [exit-codes.md](exit-codes.md); whatever is wrong is one line on stderr.
Results go to stdout, what is said on the way to stderr; `--json` prints the result for machines. `NO_COLOR=1` takes the colours away.
Settings are read from the environment, else from `.env` in the current folder ([.env.example](../.env.example)).

Commands, options and the names of tables are completed by the Tab key after one line in the shell's own start file:

| shell | file | line |
|---|---|---|
| bash | `~/.bashrc` | `eval "$(_ACLUE_COMPLETE=bash_source aclue)"` |
| zsh | `~/.zshrc` | `eval "$(_ACLUE_COMPLETE=zsh_source aclue)"` |
| fish | `~/.config/fish/completions/aclue.fish` | `_ACLUE_COMPLETE=fish_source aclue \\| source` |
""".strip()


def page() -> str:
    from aclue_pipeline.cli import aclue

    return "\n".join([MARK, _OPENING, *_helps(aclue, "aclue", None)]) + "\n"


def _helps(command: click.Command, name: str, parent: click.Context | None) -> Iterator[str]:
    context = click.Context(command, parent, name, **{**command.context_settings, "terminal_width": 100})
    yield from ("", f"## {context.command_path}", "", "```text", command.get_help(context), "```")
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            child = command.get_command(context, each)
            assert child is not None
            yield from _helps(child, each, context)
