# SPDX-License-Identifier: GPL-2.0-only
"""Run one command to its end, or to ours, and leave no process of it behind."""

from __future__ import annotations

import contextlib
import functools
import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO, Any

from pytest_pageconsistency.kernel.environment import clean_environment

OUTPUT_LIMIT = 256 * 1024 * 1024
"""Bytes of output after which a command counts as running away."""

_ENDING_SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
_INTERVAL = 0.25
_CHUNK = 1 << 16


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
    record: Path | None = None,
) -> Completed:
    """Run `argv` in a session of its own and return when that session is empty.

    `tick` is called about four times a second with the bytes of output so far. `record` is a
    file that holds the session's id meanwhile, see `end_orphans`. Whatever
    ends the wait (deadline, byte limit, an exception such as KeyboardInterrupt, or
    the leader's own exit), every process left in the session is ended before this returns or
    raises. OSError if the program cannot be started.
    """
    began = time.monotonic()
    with _termination_raises():
        # Held back until what would be left running can be ended.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING_SIGNALS)
        try:
            process = subprocess.Popen(
                list(argv),
                env=clean_environment(os.environ),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=functools.partial(_begin_session, mask, record),  # noqa: PLW1509
            )
        except BaseException:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            raise
        assert process.stdout is not None
        with process.stdout, _Output(process.stdout, limits.output) as output:
            try:
                signal.pthread_sigmask(signal.SIG_SETMASK, mask)
                timed_out = _wait(process, output, limits, tick)
            finally:
                _end_session(process, output, limits)
                if record is not None:
                    record.unlink(missing_ok=True)
            output.drain()
    return Completed(
        argv=tuple(argv),
        returncode=process.returncode,
        output=output.text(),
        timed_out=timed_out,
        overflowed=output.overflowed,
        seconds=time.monotonic() - began,
    )


def _begin_session(mask: set[int | signal.Signals], record: Path | None) -> None:
    """Between fork and exec: note the session's id, which is the leader's process id.

    The child does it, because a parent that is killed right after the fork could not. It makes
    system calls alone: another thread of the parent may have held any lock.
    """
    if record is not None:
        with contextlib.suppress(OSError):  # a full disk is told by what comes next
            file = os.open(record, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
            os.write(file, b"%d\n" % os.getpid())
            os.close(file)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def session_members(session: int) -> list[int]:
    """Process ids of the session `session` that are still alive (zombies are not)."""
    members = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            stat = (entry / "stat").read_text("utf-8", "replace")
        except OSError:
            continue  # it ended while we looked
        # The name in parentheses may hold anything, parentheses too.
        state, _parent, _group, member_of = stat.rpartition(")")[2].split()[:4]
        if int(member_of) == session and state not in "ZX":
            members.append(int(entry.name))
    return members


def end_orphans(record: Path, marker: str) -> None:
    """End the session that `record` names if who started it was killed and could not.

    Ids are used again: it is ours only if a process of it has `marker` in its arguments.
    """
    try:
        session = int(record.read_text("ascii"))
    except (FileNotFoundError, ValueError):
        return
    if any(marker in _arguments(member) for member in session_members(session)):
        _kill(session)
    record.unlink(missing_ok=True)


def _arguments(process: int) -> str:
    try:
        return Path(f"/proc/{process}/cmdline").read_text("utf-8", "replace")
    except OSError:
        return ""


@dataclass
class _Output:
    """The read end of a pipe and what came through it, up to `limit` bytes."""

    stream: IO[bytes]
    limit: int
    chunks: list[bytes] = field(default_factory=list)
    size: int = 0
    ended: bool = False
    overflowed: bool = False

    def __enter__(self) -> _Output:
        os.set_blocking(self.stream.fileno(), False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self.stream, selectors.EVENT_READ)
        return self

    def __exit__(self, *_exception: object) -> None:
        self._selector.close()

    def read(self, seconds: float) -> bool:
        """Wait up to `seconds` for one chunk; whether one came."""
        if self.ended or not self._selector.select(max(seconds, 0)):
            return False
        try:
            chunk = os.read(self.stream.fileno(), _CHUNK)
        except BlockingIOError:
            return False
        if not chunk:
            self.ended = True
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
        if tick is not None and now - ticked >= _INTERVAL:
            ticked = now
            tick(output.size)
        _pause(process, output, _INTERVAL)
    return False


def _pause(process: subprocess.Popen[bytes], output: _Output, seconds: float) -> None:
    """Wait up to `seconds` for output, or for the leader once its output has ended."""
    if output.ended:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
    else:
        output.read(seconds)


def _end_session(process: subprocess.Popen[bytes], output: _Output, limits: Limits) -> None:
    """End what is left of the session: ask, then insist."""
    try:
        if limits.interrupt and process.poll() is None:
            _signal([process.pid], signal.SIGINT)
            _await_empty(process, output, limits.grace)
        members = session_members(process.pid)
        if members:
            # make deletes half-written targets on SIGTERM; SIGKILL would leave them.
            _signal(members, signal.SIGTERM)
            _await_empty(process, output, limits.grace)
    finally:
        # A second Ctrl-C lands here.
        _kill(process.pid)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(1)


def _await_empty(process: subprocess.Popen[bytes], output: _Output, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        process.poll()
        if not session_members(process.pid):
            return
        # A leader that flushes must not block on a full pipe.
        if not output.read(0.05) and output.ended:
            time.sleep(0.05)


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


@contextlib.contextmanager
def _termination_raises() -> Iterator[None]:
    """Make SIGTERM and SIGHUP unwind the stack, so that a cancelled job leaves no orphans.

    Handlers that the program has set itself stay, and only its main thread may set any.
    """

    def leave(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    previous: dict[signal.Signals, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for number in _ENDING_SIGNALS - {signal.SIGINT}:
            if signal.getsignal(number) is signal.SIG_DFL:
                previous[number] = signal.signal(number, leave)
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
