# SPDX-License-Identifier: GPL-2.0-only
"""Run one command to its end, or to ours, and leave no process of it behind."""

from __future__ import annotations

import contextlib
import fcntl
import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from pytest_pageconsistency.background import INTERVAL, Background
from pytest_pageconsistency.kernel.environment import clean_environment

OUTPUT_LIMIT = 256 * 1024 * 1024
"""Bytes of output after which a command counts as running away."""

_MARKER = "PAGECONSISTENCY_BUILD"
"""Environment variable by which a later session knows what a killed one left running."""

_CHUNK = 1 << 20
"""Bytes that a pipe holds, and that one read takes: who writes much need not wait for us."""


@dataclass(frozen=True)
class Completed:
    """What became of a command.

    `returncode` is negative for a signal; `output` is stdout and stderr as they came;
    `timed_out` and `overflowed` say that we ended it; `seconds` is wall clock time.
    """

    argv: tuple[str, ...]
    returncode: int
    output: str
    timed_out: bool
    overflowed: bool
    seconds: float


@dataclass(frozen=True)
class Limits:
    """What a command may use, and how it is ended when it takes more.

    `seconds` of wall clock (None: any), `output` in bytes. `interrupt` sends SIGINT to
    the leader alone first; after that and after SIGTERM it has `grace` seconds each.
    """

    seconds: float | None = None
    output: int = OUTPUT_LIMIT
    interrupt: bool = False
    grace: float = 3.0


def run(
    argv: Sequence[str],
    *,
    limits: Limits = Limits(),
    tick: Callable[[int], None] | None = None,
    marker: str = "",
    directory: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Completed:
    """Run `argv` in a session of its own and return when that session is empty.

    `tick` is called about four times a second with the bytes of output so far. `marker` goes into
    the processes' environment, see `end_orphans`; the rest of it is `environment`, or if that is
    None ours without what changes builds. They start in `directory`, None: ours. Whatever ends the
    wait (deadline, byte limit, an exception from `tick`, a signal to the main thread, or the
    leader's own exit), every process left in the session is ended before this returns or raises.
    OSError if the program cannot be started.
    """
    given = clean_environment(os.environ) if environment is None else environment
    start = _Start(tuple(argv), {**given, _MARKER: marker}, directory)
    if threading.current_thread() is not threading.main_thread():
        return _run(start, limits, tick)
    # Here a signal could strike between the start of the process and our knowing of it.
    with Background(1) as background:

        def checked(size: int) -> None:
            background.raise_if_cancelled()
            if tick is not None:
                tick(size)

        return background.wait(background.submit(_run, start, limits, checked))


@dataclass(frozen=True)
class _Start:
    """What to start, with which environment and where."""

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    directory: Path | None


def _run(start: _Start, limits: Limits, tick: Callable[[int], None] | None) -> Completed:
    began = time.monotonic()
    process = subprocess.Popen(
        start.argv,
        env=start.environment,
        cwd=start.directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        with process.stdout, _Output(process.stdout, process.pid, limits.output) as output:
            try:
                timed_out = _wait(process, output, limits, tick)
            finally:
                _end_session(process, output, limits)
            output.drain()
    finally:
        # A second Ctrl-C lands here.
        _kill(process.pid)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(1)
    return Completed(
        argv=start.argv,
        returncode=process.returncode,
        output=output.text(),
        timed_out=timed_out,
        overflowed=output.overflowed,
        seconds=time.monotonic() - began,
    )


def session_members(session: int) -> list[int]:
    """Process ids of the session `session` that are still alive (zombies are not)."""
    return [process for process in _processes() if _is_alive_in(process, session)]


def _is_alive_in(process: int, session: int) -> bool:
    try:
        # A hundred times faster than the files of all the others.
        if os.getsid(process) != session:
            return False
        stat = Path(f"/proc/{process}/stat").read_text("utf-8", "replace")
    except OSError:
        return False  # it ended while we looked
    # The name in parentheses may hold anything, parentheses too.
    state, _parent, _group, member_of = stat.rpartition(")")[2].split()[:4]
    return int(member_of) == session and state not in "ZX"


def end_orphans(marker: str) -> None:
    """End what `run` started with this marker in a process that was killed and could not end it."""
    for process in _processes():
        try:
            environment = Path(f"/proc/{process}/environ").read_bytes()
            session = os.getsid(process)
        except OSError:
            continue  # it ended while we looked, or is somebody else's
        if f"{_MARKER}={marker}".encode() in environment.split(b"\0"):
            _kill(session)


def _processes() -> list[int]:
    return [int(entry.name) for entry in os.scandir("/proc") if entry.name.isdigit()]


@dataclass
class _Output:
    """The read end of a pipe and what came through it, up to `limit` bytes.

    `leader` is the process whose end a wait for output notices, too.
    """

    stream: IO[bytes]
    leader: int
    limit: int
    chunks: list[bytes] = field(default_factory=list)
    size: int = 0
    overflowed: bool = False

    def __enter__(self) -> _Output:
        os.set_blocking(self.stream.fileno(), False)
        with contextlib.suppress(OSError):  # a user may have used up what all pipes may hold
            fcntl.fcntl(self.stream, fcntl.F_SETPIPE_SZ, _CHUNK)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self.stream, selectors.EVENT_READ)
        # Output may end long before the leader, or with its children long after.
        self._descriptor = os.pidfd_open(self.leader)
        self._selector.register(self._descriptor, selectors.EVENT_READ)
        return self

    def __exit__(self, *_exception: object) -> None:
        self._selector.close()
        os.close(self._descriptor)

    def read(self, seconds: float) -> bool:
        """Wait up to `seconds` for one chunk or the leader's end; whether a chunk came."""
        ready = [key.fileobj for key, _events in self._selector.select(max(seconds, 0))]
        if self._descriptor in ready:
            self._selector.unregister(self._descriptor)  # else no wait would be one any more
        if self.stream not in ready:
            return False
        try:
            chunk = os.read(self.stream.fileno(), _CHUNK)
        except BlockingIOError:
            return False
        if not chunk:
            self._selector.unregister(self.stream)
            return False
        room = self.limit - self.size
        self.overflowed = self.overflowed or len(chunk) > room
        if room > 0:
            self.chunks.append(chunk[:room])
        self.size += len(chunk[: max(room, 0)])
        return True

    def drain(self) -> None:
        """Take what already is in the pipe, without waiting."""
        while self.read(0) and not self.overflowed:
            pass

    def text(self) -> str:
        return b"".join(self.chunks).decode("utf-8", "backslashreplace")


def _wait(
    process: subprocess.Popen[bytes],
    output: _Output,
    limits: Limits,
    tick: Callable[[int], None] | None,
) -> bool:
    """Read until the leader ends, too much came or the time is up; whether the latter."""
    began = ticked = time.monotonic()
    while process.poll() is None and not output.overflowed:
        now = time.monotonic()
        if limits.seconds is not None and now - began >= limits.seconds:
            return True
        if tick is not None and now - ticked >= INTERVAL:
            ticked = now
            tick(output.size)
        output.read(INTERVAL)
    return False


def _end_session(process: subprocess.Popen[bytes], output: _Output, limits: Limits) -> None:
    """Ask what is left of the session to end."""
    if limits.interrupt and process.poll() is None:
        _signal([process.pid], signal.SIGINT)
        _await_empty(process, output, limits.grace)
    members = session_members(process.pid)
    if members:
        # make deletes half-written targets on SIGTERM; SIGKILL would leave them.
        _signal(members, signal.SIGTERM)
        _await_empty(process, output, limits.grace)


def _await_empty(process: subprocess.Popen[bytes], output: _Output, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        process.poll()
        if not session_members(process.pid):
            return
        # A leader that flushes must not block on a full pipe.
        output.read(0.05)


def _kill(session: int) -> None:
    deadline = time.monotonic() + 10
    while members := session_members(session):
        _signal(members, signal.SIGKILL)
        if time.monotonic() > deadline:
            break  # uninterruptible in the kernel: nobody can do more
        time.sleep(0.01)


def _signal(processes: Sequence[int], number: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(process, number)
