"""Dagster's daemon, one per storage: it takes the scheduler's lock before it does anything, and ends where it lost it to another.
Beside it, runs whose process is gone are recorded."""

import os
import sys

import click
from dagster import DagsterInstance
from dagster._daemon.cli import create_dagster_daemon_cli

from aclue_pipeline.cli import lost_runs
from aclue_pipeline.cli.scheduler import schedule_alone
from aclue_pipeline.cli.ui import name_instance
from aclue_pipeline.errors import AclueError


def main(arguments: list[str]) -> None:
    """`dagster-daemon` with all its commands; `run` takes the lock, unless it is --supervised by who has it."""
    try:
        name_instance()
        if arguments[:1] == ["run"]:
            _alone()
        if "run" in arguments:
            lost_runs.watch()
    except AclueError as error:
        click.echo(f"aclue: {error}", err=True)
        sys.exit(error.exit_code)
    create_dagster_daemon_cli()([word for word in arguments if word != "--supervised"], obj={})


def _alone() -> None:
    with DagsterInstance.get() as instance:
        url = getattr(instance.run_storage, "postgres_url", None)  # none: files, which nobody shares
    if url is not None:
        schedule_alone(url, lambda line: click.echo(f"aclue: {line}", err=True), _end)


def _end(why: AclueError) -> None:
    """At once, wherever the daemon's threads are: another one schedules."""
    click.echo(f"aclue: {why}", err=True)
    os._exit(why.exit_code)


if __name__ == "__main__":
    main(sys.argv[1:])
