"""One of the processes behind `aclue ui`, with a process group of its own, by which its children are found when it is gone."""

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

_EXIT_SECONDS = 5.0  # for a process to end after SIGTERM
_LOG_BYTES = 10 * 2**20  # a log that is longer becomes the one before


@dataclass
class Member:
    """`due`: not to be started again before. `answered`: whether it ever did since it started; `refusals`: how often in a row it did not.
    `former`: groups of those that it replaced, in which runs may go on."""

    name: str
    command: list[str]
    log: Path
    process: "subprocess.Popen[bytes] | None" = None
    started: float = 0.0
    due: float = 0.0
    false_starts: int = 0
    answered: bool = False
    refusals: int = 0
    former: set[int] = field(default_factory=set)

    def start(self, environment: Mapping[str, str]) -> None:
        self.started = time.monotonic()
        self.answered, self.refusals = False, 0
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                self.command, env=dict(environment), stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True, preexec_fn=_end_with_parent,
            )  # fmt: skip

    @property
    def died(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def signal(self, number: int) -> None:
        for group in self._groups():
            with contextlib.suppress(ProcessLookupError):  # it has ended by itself
                os.killpg(group, number)

    def signal_former(self, number: int) -> None:
        """To the runs of those that were replaced, which nobody else reaches."""
        for group in self.former & self._groups():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, number)

    @property
    def gone(self) -> bool:
        """Whether nobody of its groups is left."""
        return not self._groups()

    def _groups(self) -> set[int]:
        """Those in which somebody lives; a number that is free may be given to a stranger."""
        current = set() if self.process is None else {self.process.pid}
        if self.process is not None:
            self.process.poll()  # reaps the leader, which would count as a member for ever
        self.former = set(filter(_lives, self.former))
        return self.former | set(filter(_lives, current))

    def kill(self) -> None:
        """The process and the servers that it started; the runs of these go on without them, to their end."""
        assert self.process is not None
        group = self.process.pid
        for one in psutil.process_iter():
            with contextlib.suppress(psutil.Error, ProcessLookupError):
                if os.getpgid(one.pid) == group and "multiprocessing" not in " ".join(one.cmdline()):
                    one.kill()
        self.process.wait()
        self.former.add(group)

    def end(self) -> None:
        """Everybody of its groups, by force where asking does not help."""
        self.signal(signal.SIGTERM)
        deadline = time.monotonic() + _EXIT_SECONDS
        while not self.gone:
            if time.monotonic() > deadline:
                self.signal(signal.SIGKILL)
            time.sleep(0.05)

    def turn_log(self, longer_than: int = _LOG_BYTES) -> None:
        """The processes keep the file open, and append to it."""
        if self.log.exists() and self.log.stat().st_size > longer_than:
            shutil.copyfile(self.log, self.log.with_suffix(".log.1"))
            os.truncate(self.log, 0)

    def last_words(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines() if self.log.exists() else []
        return lines[-1].strip() if lines else "it left no log"


def _lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def _end_with_parent() -> None:
    """In the child: should the supervisor be killed outright, the kernel (Linux) ends the child as well."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # 1 = PR_SET_PDEATHSIG
