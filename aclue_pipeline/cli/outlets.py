"""Standard output and error as commands need them: who stops reading (`| head`) stops no work, what a terminal's encoding lacks is
replaced, and what strangers wrote steers no terminal."""

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import TextIO


class _Outlet(io.FileIO):
    """Writes on into nothing once nobody reads any more."""

    def write(self, data: "bytes | memoryview") -> int:  # type: ignore[override]
        try:
            return super().write(data)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())
            return len(data)


def plain(text: str) -> str:
    """Text that a stranger may have written, with the characters that would steer the terminal as their escapes."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


@contextlib.contextmanager
def forgiving() -> Iterator[None]:
    """In place of sys.stdout and sys.stderr, where they are files of this process."""
    _reopened()
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (_in_place_of(stream, always=stream is sys.stderr) for stream in before)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # said already
            sys.stdout.flush()
        sys.stdout, sys.stderr = before


def _reopened() -> None:
    """What a caller closed (`>&-`, `<&-`) leads nowhere: else it is None, and the next file or connection takes its number."""
    if None in (sys.stdin, sys.stdout, sys.stderr):
        while (number := os.open(os.devnull, os.O_RDWR)) < 3:
            os.set_inheritable(number, True)
        os.close(number)
        sys.stdin, sys.stdout = sys.stdin or os.fdopen(0), sys.stdout or os.fdopen(1, "w")
        sys.stderr = sys.stderr or os.fdopen(2, "w")


def _in_place_of(stream: TextIO, always: bool) -> TextIO:
    try:
        outlet = io.BufferedWriter(_Outlet(stream.fileno(), "wb", closefd=False))  # type: ignore[type-var]
    except (AttributeError, ValueError):  # a test's, or closed
        return stream
    return io.TextIOWrapper(outlet, stream.encoding, "replace", line_buffering=always or stream.isatty())
