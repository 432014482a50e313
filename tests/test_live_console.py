# SPDX-License-Identifier: GPL-2.0-only
"""What is read from the consoles of live kernels, recorded on User Mode Linux with 6.12."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial

import pytest
from live_consoles import console as recorded_console

from pytest_pageconsistency.live.console import read_console
from pytest_pageconsistency.live.observed import Booted, Observed
from pytest_pageconsistency.verdict import Kind, TargetError

CONSOLES = {
    "healthy": ("warns", "healthy+kunit"),
    "damaged": ("warns", "flip-primary-then-free"),
    "panicked": ("panics", "double-free"),
}
PANIC = re.findall("DOUBLE-FREE detected: PFN [0-9]+", recorded_console("panics", "double-free"))[0]


def booted(name: str, *chapters: str) -> Booted:
    console = recorded_console(*CONSOLES[name])
    return Booted("um, PANIC=n", chapters, console, False, False, 0.3, 20, ("linux",))


def healthy(**edits: str) -> Observed:
    """The healthy console, where each key's line is replaced."""
    boot = booted("healthy", "healthy", "kunit")
    console = boot.console
    for old, new in edits.items():
        assert old in console
        console = console.replace(old, new)
    return Observed(replace(boot, console=console))


def edited(old: str, new: str) -> Observed:
    boot = booted("healthy", "healthy", "kunit")
    assert old in boot.console
    return Observed(replace(boot, console=boot.console.replace(old, new)))


def verdict_of(observed: Observed, *place: str) -> tuple[Kind, str]:
    """What is raised for a result, or without one for the end of the boot."""
    judge = partial(observed.result, *place) if place else observed.require_end
    with pytest.raises(TargetError) as caught:
        judge()
    return caught.value.verdict.kind, caught.value.verdict.message


def test_a_healthy_boot() -> None:
    observed = healthy()
    observed.require_end()
    console = observed.console
    assert [chapter.name for chapter in console.chapters] == ["healthy", "kunit"]
    assert (console.panic, console.reached_init, console.ended) == (None, True, True)
    memory = observed.result("healthy", "memory")
    assert [note.fields["number"] for note in memory.of("stats")] == ["0", "1", "2", "3"]
    assert observed.number(observed.note(memory, "work"), "pages") == 256
    census = observed.note(observed.result("healthy", "census"), "census")
    assert observed.number(census, "set") == observed.number(census, "pages_tracked") > 0


def test_events_belong_to_the_result_that_follows() -> None:
    observed = Observed(booted("damaged", "flip-primary-then-free"))
    observed.require_end()
    chapter = "flip-primary-then-free"
    validated = observed.result(chapter, "validate")
    assert validated.events == ("Validation found 1 inconsistent words",)
    reported = observed.result(chapter, "put")
    pfn = observed.note(observed.result(chapter, "flip-primary"), "census").number("pfn")
    assert reported.events == (
        f"bitmap corruption at PFN {pfn} before free",
        f"DOUBLE-FREE detected: PFN {pfn}",
    )


def test_a_panic_that_was_to_come() -> None:
    observed = Observed(booted("panicked", "double-free"))
    assert observed.require_panic([PANIC]) == f"page_consistency: {PANIC}"
    assert verdict_of(observed) == (
        Kind.CRASH,
        f"um, PANIC=n: it panicked: page_consistency: {PANIC}",
    )
    # Until then it can be judged.
    assert observed.result("double-free", "prepare").ok


@pytest.mark.parametrize("other", [PANIC[:-1], f"{PANIC}0", PANIC.replace("FREE", "ALLOC"), "Oops"])
def test_another_panic_than_that(other: str) -> None:
    boot = booted("panicked", "double-free")
    observed = Observed(replace(boot, console=boot.console.replace(PANIC, other)))
    with pytest.raises(TargetError) as caught:
        observed.require_panic([PANIC])
    assert caught.value.verdict.kind is Kind.CRASH
    assert "the kernel died with another text: " in caught.value.verdict.message


def test_a_kernel_that_survives_what_should_be_its_end() -> None:
    observed = Observed(booted("damaged", "flip-primary-then-free"))
    with pytest.raises(TargetError) as caught:
        observed.require_panic([PANIC])
    assert caught.value.verdict.kind is Kind.KERNEL_FAILURE
    assert caught.value.verdict.message == (
        f"um, PANIC=n: the kernel survived the damage: it had to panic with {PANIC!r}"
    )


@pytest.mark.parametrize("name", ["debugfs", "validate", "census", "stats again"])
def test_a_result_that_is_missing(name: str) -> None:
    lines = booted("healthy").console.splitlines(keepends=True)
    gone = [line for line in lines if not line.strip().endswith(f" {name}")]
    assert len(gone) == len(lines) - 1
    observed = Observed(replace(booted("healthy", "healthy"), console="".join(gone)))
    kind, message = verdict_of(observed, "healthy", name)
    assert (kind, message) == (
        Kind.NOT_RUN,
        f"um, PANIC=n: {name} in chapter healthy was never seen",
    )
    assert verdict_of(observed)[0] is Kind.MALFORMED


@pytest.mark.parametrize("size", [0.2, 0.5, 0.8])
def test_a_console_that_was_cut(size: float) -> None:
    boot = booted("healthy", "healthy", "kunit")
    part = boot.console[: int(len(boot.console) * size)]
    observed = Observed(replace(boot, console=part))
    assert verdict_of(observed, "kunit", "pageconsistency_live again")[0] is Kind.NOT_RUN
    with pytest.raises(TargetError):
        observed.require_end()


def test_a_result_that_is_seen_twice() -> None:
    observed = edited("    ok 3 validate\n", "    ok 3 validate\n    ok 3 validate\n")
    assert verdict_of(observed, "healthy", "validate")[0] is Kind.MALFORMED


def test_not_ok_comes_with_what_our_init_said() -> None:
    observed = edited("    ok 5 files", "    # cannot write /work: errno 28\n    not ok 5 files")
    assert verdict_of(observed, "healthy", "files") == (
        Kind.KERNEL_FAILURE,
        "um, PANIC=n: healthy: files: cannot write /work: errno 28",
    )
    assert observed.result("healthy", "memory").ok


def test_a_suite_that_cannot_run_again_is_skipped() -> None:
    name = "pageconsistency_live again"
    observed = edited(f"ok 2 {name}", f"ok 2 {name} # SKIP this kernel cannot run a suite again")
    result = observed.result("kunit", name)
    assert (result.ok, result.skip_reason) == (False, "this kernel cannot run a suite again")


def test_an_observation_without_its_number() -> None:
    observed = edited("# pc census tries=", "# pc census set=many tries=")
    census = observed.note(observed.result("healthy", "census"), "census")
    assert observed.number(census, "bits") > 0
    with pytest.raises(TargetError) as caught:
        observed.number(census, "sat")
    assert caught.value.verdict.kind is Kind.MALFORMED


def test_an_observation_that_is_missing() -> None:
    observed = edited("# pc census ", "# pc sensus ")
    with pytest.raises(TargetError) as caught:
        observed.note(observed.result("healthy", "census"), "census")
    assert caught.value.verdict.message == (
        "um, PANIC=n: census has 0 observations of census, not one"
    )


BOOT = "Linux version 6.12.117\nKTAP version 1\n1..1\nok 1 suite\n"
NEVER = "the kernel never reached user space: "


@pytest.mark.parametrize(
    ("console", "ends", "kind", "message"),
    [
        (f"{BOOT}", {}, Kind.NOT_RUN, f"{NEVER}it ended without a word of our init"),
        (f"{BOOT}", {"timed_out": True}, Kind.TIMEOUT, f"{NEVER}it was stopped after 20 s, see "),
        (f"{BOOT}", {"overflowed": True}, Kind.CRASH, f"{NEVER}it printed more than a console"),
        (
            f"{BOOT}Kernel panic - not syncing: No working init found.\n",
            {},
            Kind.CRASH,
            f"{NEVER}it panicked: No working init found.",
        ),
        (
            f"{BOOT}# pc init begins\nKTAP version 1\n1..2\n"
            "Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000300\n",
            {},
            Kind.CRASH,
            "our init died: it exited with status 3",
        ),
        (
            f"{BOOT}Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b\n",
            {},
            Kind.CRASH,
            "our init died before it said a word: signal 11 killed it",
        ),
        (f"{BOOT}# pc init begins\n", {"timed_out": True}, Kind.TIMEOUT, "it was stopped after"),
    ],
)
def test_boots_that_end_badly(
    console: str, ends: dict[str, bool], kind: Kind, message: str
) -> None:
    boot = replace(booted("healthy", "healthy", "kunit"), console=console, **ends)
    for place in ((), ("healthy", "stats")):
        found, said = verdict_of(Observed(boot), *place)
        assert found is kind
        assert said.startswith(f"um, PANIC=n: {message}")


def test_a_kernel_that_ends_too_early() -> None:
    observed = edited("# pc init ends", "")
    assert verdict_of(observed) == (
        Kind.NOT_RUN,
        "um, PANIC=n: the kernel ended before our init did: see its console",
    )


def test_suites_at_boot_are_no_chapters() -> None:
    console = read_console(f"{BOOT}# pc init begins\nKTAP version 1\n1..0\n# pc init ends\n")
    assert console.chapters == ()


def test_anything_is_read() -> None:
    for text in ("", "\0", "# pc init begins", "# pc init begins\n    ok\n1..\n# pc a b=\n"):
        assert read_console(text).chapters == ()


def test_a_chapter_that_is_not_ok() -> None:
    observed = edited("\nok 1 healthy", "\nnot ok 1 healthy")
    assert verdict_of(observed) == (
        Kind.KERNEL_FAILURE,
        "um, PANIC=n: chapter healthy is not ok",
    )


def test_a_chapter_that_is_seen_twice() -> None:
    text = booted("healthy").console
    chapter = (
        text[text.index("    KTAP version 1") : text.index("ok 1 healthy\n")] + "ok 1 healthy\n"
    )
    observed = edited("ok 1 healthy\n", f"ok 1 healthy\n{chapter}")
    assert verdict_of(observed, "healthy", "stats") == (
        Kind.MALFORMED,
        "um, PANIC=n: chapter healthy was seen twice",
    )
