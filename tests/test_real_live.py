# SPDX-License-Identifier: GPL-2.0-only
"""Live kernels for real: the shipped tests, and what must not pass for a healthy one."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from live_consoles import save_consoles

from pytest_pageconsistency.kernel.tree import find_tree
from pytest_pageconsistency.live import kernels
from pytest_pageconsistency.live.chapters import HEALTHY, KUNIT
from pytest_pageconsistency.live.kernels import Checker, Order, boot_live
from pytest_pageconsistency.live.observed import Observed
from pytest_pageconsistency.progress import SilentProgress
from pytest_pageconsistency.resources import kunit_directory
from pytest_pageconsistency.settings import Settings
from pytest_pageconsistency.verdict import Kind, TargetError

pytestmark = pytest.mark.kernel

OLDER = "/usr/src/linux-source-6.1.tar.xz"
INIT = kunit_directory() / "live/init.c"


def run_live(
    pytester: pytest.Pytester, cache: Path, arch: str, *arguments: str
) -> pytest.RunResult:
    return pytester.runpytest_subprocess(
        "-p", "no:cacheprovider", "--kunit-live", f"--kunit-arch={arch}",
        f"--kunit-cache={cache}", f"--kunit-artifacts={pytester.path / 'artifacts'}", *arguments,
    )  # fmt: skip


def check_live(pytester: pytest.Pytester, result: pytest.RunResult, arch: str) -> None:
    """All that the shipped tests come to on a kernel that is in order."""
    result.assert_outcomes(passed=36, skipped=1)
    panics = [line for line in result.outlines if "panic expected and seen: page_cons" in line]
    assert len(panics) == 6
    result.stdout.re_match_lines([rf"{arch}: a page's alloc/free pair: .* tracking [\d.]+ ns = .*"])
    place = pytester.path / "artifacts" / arch / "live"
    names = {path.relative_to(place).as_posix() for path in place.rglob("*.log")}
    assert {"warns/healthy+kunit+1.log", "panics/double-free+1.log", "off/cost+0.log"} <= names
    assert (place / "overhead.json").is_file()


def test_user_mode_linux(
    request: pytest.FixtureRequest, pytester: pytest.Pytester, kernel_cache: Path
) -> None:
    check_live(pytester, run_live(pytester, kernel_cache, "um"), "um")
    if request.config.getoption("rewrite_golden"):
        save_consoles(pytester.path / "artifacts/um/live")


@pytest.mark.matrix
@pytest.mark.parametrize("arch", ["x86_64", "s390"])
def test_an_emulated_machine(pytester: pytest.Pytester, kernel_cache: Path, arch: str) -> None:
    check_live(pytester, run_live(pytester, kernel_cache, arch), arch)


@pytest.mark.matrix
def test_an_older_kernel(pytester: pytest.Pytester, kernel_cache: Path) -> None:
    """What it cannot do is skipped, with the reason; all else is judged."""
    result = run_live(pytester, kernel_cache, "um", f"--kunit-tree={OLDER}", "-rs")
    result.assert_outcomes(passed=33, skipped=4)
    reasons = [line for line in result.outlines if "cannot run a suite again" in line]
    assert reasons


@pytest.fixture
def settings(kernel_cache: Path) -> Settings:
    return Settings(
        tree=None,
        header=None,
        kconfig=(),
        make_options=(),
        jobs=2,
        timeout=60,
        cache=kernel_cache,
    )


Boot = Callable[..., Observed]


@pytest.fixture
def boot(settings: Settings) -> Boot:
    """Boot User Mode Linux: with another init (its C), or with arguments for the kernel."""

    def boot(
        *chapters: str, init: Path = INIT, arguments: Sequence[str] = (), timeout: float = 60
    ) -> Observed:
        booted = boot_live(
            Order("um", Checker.WARNS, chapters or (HEALTHY,)),
            replace(settings, timeout=timeout),
            SilentProgress(),
            init=init,
            kernel_arguments=arguments,
        )
        return Observed(booted)

    return boot


def verdict_of(observed: Observed, result: str = "stats") -> tuple[Kind, str]:
    """What is raised for a result of the healthy chapter; the end of the boot is no better."""
    with pytest.raises(TargetError):
        observed.require_end()
    with pytest.raises(TargetError) as caught:
        observed.result(HEALTHY, result)
    return caught.value.verdict.kind, caught.value.verdict.message


@pytest.mark.parametrize(
    ("code", "kind", "message"),
    [
        (
            "return 3;",
            Kind.CRASH,
            "our init died before it said a word: it exited with status 3",
        ),
        (
            "*(volatile char *)0 = 1; return 0;",
            Kind.CRASH,
            "our init died before it said a word: signal 11 killed it",
        ),
        (
            "for (;;) ;",
            Kind.TIMEOUT,
            "the kernel never reached user space: it was stopped after 3 s, see --kunit-timeout",
        ),
        (
            "reboot(LINUX_REBOOT_CMD_POWER_OFF); return 0;",
            Kind.NOT_RUN,
            "the kernel never reached user space: it ended without a word of our init",
        ),
    ],
)
def test_another_init(tmp_path: Path, boot: Boot, code: str, kind: Kind, message: str) -> None:
    source = tmp_path / "init.c"
    source.write_text(f"int main(void)\n{{\n{code}\n}}\n")
    observed = boot(init=source, timeout=3 if kind is Kind.TIMEOUT else 60)
    assert verdict_of(observed) == (kind, f"um, PANIC=n: {message}")


def test_an_init_that_dies_in_the_middle(tmp_path: Path, boot: Boot) -> None:
    source = tmp_path / "init.c"
    text = INIT.read_text()
    assert text.count('\tgo_to_work("files", use_files);\n') == 1
    source.write_text(
        text.replace(
            '\tgo_to_work("files", use_files);\n', '\texit(1);\n\tgo_to_work("files", use_files);\n'
        )
    )
    observed = boot(init=source)
    assert observed.result(HEALTHY, "memory").ok
    assert verdict_of(observed, "files") == (
        Kind.CRASH,
        "um, PANIC=n: our init died: it exited with status 1",
    )


def test_a_line_that_our_init_does_not_print(tmp_path: Path, boot: Boot) -> None:
    source = tmp_path / "init.c"
    line = '\tresult(note_validate(), "validate again");\n'
    text = INIT.read_text()
    assert text.count(line) == 1
    source.write_text(text.replace(line, ""))
    assert verdict_of(boot(init=source), "validate again") == (
        Kind.NOT_RUN,
        "um, PANIC=n: validate again in chapter healthy was never seen",
    )


def test_an_init_that_does_not_compile(tmp_path: Path, boot: Boot) -> None:
    source = tmp_path / "init.c"
    source.write_text("int main(void) { return undeclared; }\n")
    with pytest.raises(TargetError) as caught:
        boot(init=source)
    assert caught.value.verdict.kind is Kind.BUILD_ERROR
    assert caught.value.verdict.message == "init.c does not compile for um: see below"
    assert "undeclared" in caught.value.verdict.details


def test_a_kernel_that_finds_no_init(boot: Boot) -> None:
    kind, message = verdict_of(boot(arguments=["rdinit=/nothing", "init=/nothing"]))
    assert kind is Kind.CRASH
    assert message.startswith("um, PANIC=n: the kernel never reached user space: it panicked: ")


def test_a_kernel_without_debugfs(boot: Boot) -> None:
    observed = boot(HEALTHY, KUNIT, arguments=["debugfs=off"])
    observed_kind, message = verdict_of(observed, "debugfs")
    assert observed_kind is Kind.KERNEL_FAILURE
    assert message == (
        "um, PANIC=n: healthy: debugfs: there is no /sys/kernel/debug/page_consistency: is "
        "CONFIG_DEBUG_FS off, or the checker not there?; there is no /sys/kernel/debug/pc_live: "
        "is CONFIG_DEBUG_FS off, or the test side not built in?"
    )
    for result in ("stats", "validate", "memory", "census"):
        assert verdict_of(observed, result)[0] is Kind.KERNEL_FAILURE


def test_an_unknown_chapter(boot: Boot) -> None:
    with pytest.raises(TargetError) as caught:
        boot("unheard-of").require_end()
    assert caught.value.verdict.message == "um, PANIC=n: chapter unheard-of is not ok"


def test_memory_hotplug_takes_the_checker_away(
    pytester: pytest.Pytester, kernel_cache: Path
) -> None:
    result = run_live(
        pytester, kernel_cache, "s390", "--kunit-kconfig=CONFIG_MEMORY_HOTPLUG=y", "-k", "chapters"
    )
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        [
            "*config error: Kconfig dropped CONFIG_DEBUG_PAGE_CONSISTENCY=y*: the checker depends "
            "on CONFIG_MEMORY_HOTPLUG being off, and it is on: switch it off"
        ]
    )


def test_checkpatch_is_content_with_our_side(kernel_cache: Path) -> None:
    tree = find_tree(None, kernel_cache, SilentProgress())
    files = sorted(path for path in INIT.parent.rglob("*.[ch]"))
    command = ["perl", str(tree.path / "scripts/checkpatch.pl"), "--strict", "--no-tree", "-f"]
    done = subprocess.run([*command, *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("total: 0 errors, 0 warnings, 0 checks") == len(files) > 5


@pytest.mark.parametrize(
    ("right", "wrong", "caught_by"),
    [
        (
            "atomic64_sub(given, &pages_tracked);",
            "atomic64_sub(!!given, &pages_tracked);",
            "test_pages_tracked_are_the_set_bits[um-PANIC=n]",
        ),
        (
            "return -EIO;",
            "return count;",
            "test_damage_is_reported[um-PANIC=n-flip-primary-then-free]",
        ),
        (
            "if (system_state >= SYSTEM_RUNNING)",
            "if (system_state > SYSTEM_RUNNING)",
            "test_damage_is_reported[um-PANIC=y-double-free]",
        ),
    ],
)
def test_a_faulty_checker_is_caught(
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    kernel_cache: Path,
    right: str,
    wrong: str,
    caught_by: str,
) -> None:
    kunit = pytester.path / "kunit"
    shutil.copytree(kunit_directory(), kunit)
    checker = kunit / "mm/page_consistency.c"
    text = checker.read_text()
    assert text.count(right) == 1
    checker.write_text(text.replace(right, wrong))
    monkeypatch.setattr(kernels, "kunit_directory", lambda: kunit)
    item = Path(kernels.__file__).with_name("test_live.py")
    result = pytester.runpytest_inprocess(
        "-p", "no:cacheprovider", "--kunit-live", f"--kunit-cache={kernel_cache}",
        f"{item}::{caught_by}",
    )  # fmt: skip
    result.assert_outcomes(failed=1)
