# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pytest_pageconsistency.kernel.environment import clean_environment
from pytest_pageconsistency.kernel.process import (
    Limits,
    end_orphans,
    run,
    session_members,
)

QUICK = 0.3
IGNORE = "import signal as s; s.signal(s.SIGTERM, s.SIG_IGN); s.signal(s.SIGINT, s.SIG_IGN)\n"
CHILD = (
    "import subprocess as p, sys; p.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
)
SESSION = "import os; print(os.getsid(0), flush=True)\n"
SLEEP = "import time; time.sleep(60)\n"


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def assert_nothing_left(output: str) -> None:
    assert session_members(int(output.split(maxsplit=1)[0])) == []


def test_output_status_and_time() -> None:
    done = run(python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"))
    assert done.returncode == 3
    assert done.output == "out\nerr\n"
    assert done.argv[0] == sys.executable
    assert (done.timed_out, done.overflowed) == (False, False)
    assert 0 < done.seconds < 30


def test_output_that_is_no_utf8_is_kept_readable() -> None:
    done = run(python("import sys; sys.stdout.buffer.write(b'ok \\xff \\xc3\\xa9')"))
    assert done.output == "ok \\xff é"


def test_all_of_a_large_output_arrives() -> None:
    done = run(python("print('x' * 3_000_000)"))
    assert len(done.output) == 3_000_001


def test_stdin_is_empty_and_there_is_no_terminal() -> None:
    done = run(python("import sys; print(repr(sys.stdin.read())); open('/dev/tty')"))
    assert done.output.startswith("''\n")
    assert done.returncode != 0


def test_the_callers_session_is_not_the_commands() -> None:
    assert int(run(python(SESSION)).output) != os.getsid(0)


def test_a_deadline_ends_the_command() -> None:
    done = run(python(SESSION + SLEEP), limits=Limits(seconds=QUICK))
    assert done.timed_out
    assert done.returncode == -signal.SIGTERM
    assert done.seconds < 10
    assert_nothing_left(done.output)


def test_a_command_that_ignores_every_request_is_killed() -> None:
    limits = Limits(seconds=1, interrupt=True, grace=0.2)
    done = run(python(IGNORE + SESSION + SLEEP), limits=limits)
    assert done.timed_out
    assert done.returncode == -signal.SIGKILL
    assert_nothing_left(done.output)


def test_an_interrupted_leader_can_flush() -> None:
    code = (
        "import time\nprint('a', end='')\ntry: time.sleep(60)\nexcept KeyboardInterrupt: print('z')"
    )
    done = run([sys.executable, "-c", code], limits=Limits(seconds=1, interrupt=True))
    assert done.timed_out
    assert done.output == "az\n"


def test_children_are_ended_with_a_leader_that_times_out() -> None:
    done = run(python(IGNORE + SESSION + CHILD + SLEEP), limits=Limits(seconds=1, grace=0.2))
    assert_nothing_left(done.output)


def test_children_are_ended_after_a_leader_that_exits() -> None:
    done = run(python(SESSION + CHILD))
    assert done.returncode == 0
    assert done.seconds < 10
    assert not done.timed_out
    assert_nothing_left(done.output)


def test_endless_output_is_cut_and_ended() -> None:
    code = SESSION + "while True: print('y' * 99)"
    done = run(python(code), limits=Limits(seconds=60, output=100_000))
    assert done.overflowed
    assert not done.timed_out
    assert len(done.output) == 100_000
    assert_nothing_left(done.output)


def test_output_of_exactly_the_limit_is_no_overflow() -> None:
    done = run(python("print('y' * 99)"), limits=Limits(output=100))
    assert len(done.output) == 100
    assert not done.overflowed


def test_an_exception_from_tick_ends_the_command() -> None:
    sessions: list[int] = []

    def tick(_size: int) -> None:
        sessions.extend(children_of_this_process())
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        run(python(SLEEP), tick=tick)
    assert sessions
    assert [session_members(session) for session in sessions] == [[]]


def children_of_this_process() -> list[int]:
    files = Path("/proc/self/task").glob("*/children")
    return [int(child) for file in files for child in file.read_text("ascii").split()]


def test_tick_hears_the_size_of_the_output() -> None:
    sizes: list[int] = []
    run(python("print('x' * 9, flush=True); import time; time.sleep(1)"), tick=sizes.append)
    assert sizes[-1] == 10
    assert 1 <= len(sizes) <= 5


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_us_ends_the_command(number: signal.Signals, tmp_path: Path) -> None:
    # What a user's Ctrl-C, a cancelled CI job and a closed terminal send.
    started = tmp_path / "started"
    command = (
        f"import os, time; open({str(started)!r}, 'w').write(str(os.getsid(0))); time.sleep(60)"
    )
    ours = f"from pytest_pageconsistency.kernel.process import run; run({python(command)!r})"
    with subprocess.Popen(python(ours), stderr=subprocess.DEVNULL) as process:
        session = int(wait_for_text(started))
        process.send_signal(number)
        assert process.wait(20) != 0
    assert session_members(session) == []


def wait_for_text(path: Path) -> str:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if path.exists() and (text := path.read_text("ascii")):
            return text
        time.sleep(0.02)
    raise TimeoutError(path)


def test_a_program_that_is_missing_is_an_oserror(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        run([str(tmp_path / "absent")])


def test_what_a_killed_session_left_is_ended(tmp_path: Path) -> None:
    started = tmp_path / "started"
    command = f"import os, time; open({str(started)!r}, 'w').write(str(os.getsid(0))); {SLEEP}"
    ours = (
        "from pytest_pageconsistency.kernel.process import run; "
        f"run({python(command)!r}, marker='/cache/kernels/um')"
    )
    with subprocess.Popen(python(ours)) as process:
        session = int(wait_for_text(started))
        process.kill()
    end_orphans("/cache/kernels/u")  # another one, whose name begins alike
    assert session_members(session)
    end_orphans("/cache/kernels/um")
    assert session_members(session) == []


def test_a_stranger_who_names_the_same_directory_is_left_alone(tmp_path: Path) -> None:
    code = "import sys, time; time.sleep(60)"
    with subprocess.Popen([*python(code), "/cache/kernels/um"], start_new_session=True) as other:
        end_orphans("/cache/kernels/um")
        assert other.poll() is None
        other.kill()


def test_directory_and_environment(tmp_path: Path) -> None:
    done = run(["sh", "-c", "pwd; echo $A"], directory=tmp_path, environment={"A": "b"})
    assert done.output == f"{tmp_path}\nb\n"


def test_a_short_command_takes_its_own_time_alone() -> None:
    assert min(run(["true"]).seconds for _ in range(10)) < 0.05


def test_a_command_that_closes_its_output_is_seen_to_end() -> None:
    code = "import os, time; os.close(1); os.close(2); time.sleep(0.6)"
    done = run(python(code))
    assert 0.6 <= done.seconds < 5
    assert not done.timed_out


def test_output_of_a_child_that_lives_on_does_not_keep_us(tmp_path: Path) -> None:
    done = run(["sh", "-c", "sleep 60 & echo out"])
    assert done.output == "out\n"
    assert done.seconds < 10


def test_handlers_are_given_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    run(python("pass"))
    assert signal.getsignal(signal.SIGTERM) is before


def test_the_environment_is_free_of_what_changes_builds() -> None:
    given = {
        "PATH": "/bin",
        "HOME": "/home/x",
        "CCACHE_DIR": "/c",
        "MAKEFLAGS": "-n",
        "MAKELEVEL": "1",
        "KBUILD_OUTPUT": "/elsewhere",
        "KCONFIG_CONFIG": "x",
        "O": "x",
        "W": "1",
        "V": "1",
        "ARCH": "arm",
        "CROSS_COMPILE": "x-",
        "LLVM": "1",
        "LC_ALL": "de_DE.UTF-8",
        "LC_MESSAGES": "de_DE.UTF-8",
        "LANG": "de_DE.UTF-8",
        "LANGUAGE": "de",
        "PYTHONSAFEPATH": "1",
        "PYTHONPATH": "/x",
    }
    assert clean_environment(given) == {
        "PATH": "/bin",
        "HOME": "/home/x",
        "CCACHE_DIR": "/c",
        "LC_ALL": "C",
        "LANG": "C",
        "PYTHONUNBUFFERED": "1",
        "PYTHONUTF8": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
