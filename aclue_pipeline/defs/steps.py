"""What all our steps share: which of them take turns, and what becomes of an error. One that passes by itself (a connection that was
cut, a deadlock) is tried again; any other ends the run at once, with its one line as the run's failure."""

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg

from aclue_pipeline.errors import AclueError, causes
from aclue_pipeline.postgres import is_transient

#: A server that is restarted answers again within half a minute. Asked for by the step itself: a RetryPolicy would also do again what a
#: person has ended, so that the run goes on.
MAX_RETRIES, RETRY_SECONDS = 3, 10


def step(pool: str | None = None) -> dict[str, Any]:
    """Arguments of every asset, op and check: `pool` is the room whose rows it writes. dagster.yaml lets one run at a time into each
    pool, whatever started it: schedules, backfills, an asset's page. The sync of facts, which most jobs begin with, has none: its lock
    is held for seconds, and nobody should wait for a long rebuild."""
    return {"pool": pool}


#: Tags of a job whose steps are `once`: nor does Dagster make its run again when the process was lost.
ONCE = {"dagster/max_retries": "0"}


def once(function: Callable[..., Any]) -> Callable[..., Any]:
    """`clearly`, for what would do something else the second time: swap back, close the next month."""
    return clearly(function, again=False)


def clearly(function: Callable[..., Any], again: bool = True) -> Callable[..., Any]:
    """Decorator of a step's function, below Dagster's own: its errors become failures with one line that a person can read."""

    @functools.wraps(function)
    def plain(*arguments: Any, **named: Any) -> Any:
        with _failures(again):
            return function(*arguments, **named)

    @functools.wraps(function)
    def generated(*arguments: Any, **named: Any) -> Iterator[Any]:
        with _failures(again):
            yield from function(*arguments, **named)

    wrapped: Any = generated if inspect.isgeneratorfunction(function) else plain
    # Dagster links an asset's page to the file that this names.
    wrapped.__code__ = wrapped.__code__.replace(co_filename=function.__code__.co_filename)
    return wrapped


@contextmanager
def _failures(again: bool) -> Iterator[None]:
    try:
        yield
    except (dg.Failure, dg.RetryRequested):
        raise
    except Exception as error:
        for began in causes(error):  # an interrupt may pass for a cut connection
            if isinstance(began, (dg.DagsterExecutionInterruptedError, KeyboardInterrupt)):
                raise began from None
        line = str(error) if isinstance(error, AclueError) else f"{type(error).__name__}: {error}"
        failure = dg.Failure(line, allow_retries=False)
        if again and is_transient(error):
            failure.__cause__ = error
            raise dg.RetryRequested(MAX_RETRIES, RETRY_SECONDS) from failure
        raise failure from error
