"""The command line as its users meet it: help that ends in an example, errors of one line, each with its own exit code."""

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from aclue_pipeline.cli import aclue

ACLUE = Path(sys.executable).parent / "aclue"


def _commands(command: click.Command, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], click.Command]]:
    found = [(path, command)]
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            found += _commands(child, (*path, name))
    return found


COMMANDS = _commands(aclue)


def run(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ACLUE_")}
    return subprocess.run(
        [ACLUE, *arguments], capture_output=True, text=True, env=clean | environment, stdin=subprocess.DEVNULL
    )


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=[" ".join(path) or "aclue" for path, _ in COMMANDS])
def test_help_says_what_it_does_and_ends_with_an_example(path: tuple[str, ...], command: click.Command) -> None:
    assert command.help, f"aclue {' '.join(path)} has no description"
    assert "Example" in (command.epilog or ""), f"aclue {' '.join(path)}: end its help with an Example (epilog=)"
    assert all(parameter.help for parameter in command.params if isinstance(parameter, click.Option))


@pytest.mark.parametrize(
    "command", [("deploy",), ("verify",), ("rollback",), ("preferences", "recalculate"), ("revenue", "rebuild")]
)
def test_nothing_is_touched_that_was_not_named(command: tuple[str, ...]) -> None:
    done = run(*command)
    assert done.returncode == 4
    assert done.stderr.splitlines() == [
        "aclue: no database is named: set ACLUE_DATABASE_URL, or say --demo (aclue --demo …)"
    ]


@pytest.mark.parametrize(
    ("environment", "code", "says"),
    [
        ({"ACLUE_DATABASE_URL": "postgresql://u:p@127.0.0.1:1/x"}, 5, "no server answers at 127.0.0.1"),
        ({"ACLUE_DATABASE_URL": "postgresql://u:hidden@db.example.com/x"}, 7, "add sslmode=require"),
        ({"ACLUE_DATABASE_URL": "mysql://u:hidden@localhost/x"}, 3, "no PostgreSQL URL"),
        ({"ACLUE_TIMEZONE": "Europe/Camelot"}, 3, "ACLUE_TIMEZONE: 'Europe/Camelot' is no IANA time zone"),
        (
            {"ACLUE_TIMEZONE": "CET"},
            3,
            "ACLUE_TIMEZONE: 'CET' is an abbreviation, which PostgreSQL reads otherwise; use Europe/Brussels",
        ),
        ({"ACLUE_TIMEZONE": "EST5EDT"}, 3, "ACLUE_TIMEZONE: 'EST5EDT' is an abbreviation"),
        ({"ACLUE_FUNNEL_WINDOW_DAYS": "many"}, 3, "ACLUE_FUNNEL_WINDOW_DAYS"),
        ({"ACLUE_FIRST_DAY": "yesterday"}, 3, "ACLUE_FIRST_DAY: 'yesterday' is no date: write YYYY-MM-DD"),
    ],
    ids=[
        "unreachable",
        "another host in plain text",
        "another database",
        "unknown zone",
        "CET",
        "EST5EDT",
        "no number",
        "no date",
    ],
)
def test_bad_input_is_one_line_with_its_own_code(environment: dict[str, str], code: int, says: str) -> None:
    done = run("verify", **environment)
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "hidden" not in done.stderr


@pytest.mark.database
def test_a_wrong_password_is_one_line_with_its_own_code(server) -> None:
    done = run("verify", ACLUE_DATABASE_URL=server.url().replace(server._secret["postgres"], "wrong-one"))
    assert (done.returncode, len(done.stderr.splitlines())) == (6, 1)
    assert "wrong-one" not in done.stderr


def test_an_unknown_command_is_a_usage_error() -> None:
    assert run("deploi").returncode == 2
