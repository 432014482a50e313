# SPDX-License-Identifier: GPL-2.0-only
"""The shipped live tests judge by what they read: recorded consoles, edited, must fail them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pytest
from live_consoles import recorded_boot

from pytest_pageconsistency.live import session
from pytest_pageconsistency.live.chapters import DAMAGES
from pytest_pageconsistency.live.kernels import Checker, Order
from pytest_pageconsistency.verdict import Kind, TargetError

Run = Callable[..., pytest.RunResult]

ALL = 37
SKIPPED = 1


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the shipped live tests on recorded consoles, as `edit` returns them."""

    def run(*arguments: str, edit: Callable[[Order, str], str] | None = None) -> pytest.RunResult:
        monkeypatch.setattr(session, "boot_live", recorded_boot(edit) if edit else recorded_boot())
        return pytester.runpytest_inprocess("-p", "no:cacheprovider", "--kunit-live", *arguments)

    return run


def failed(result: pytest.RunResult) -> set[str]:
    return set(re.findall(r"^FAILED \S*::(.+?\])", result.stdout.str(), re.MULTILINE))


def test_consoles_as_they_were(pytester: pytest.Pytester, run: Run) -> None:
    result = run("-rA", f"--kunit-artifacts={pytester.path / 'left'}", "--junit-xml=junit.xml")
    result.assert_outcomes(passed=ALL - SKIPPED, skipped=SKIPPED)
    result.stdout.re_match_lines(
        [
            "=+ live kernels =+",
            *(
                rf"um, PANIC=y: {damage.chapter}: panic expected and seen: page_consistency: .*"
                for damage in DAMAGES
            ),
            r"um: a page's alloc/free pair: option off [\d.]+ ns, key off [\d.]+ ns = .*",
        ]
    )
    left = pytester.path / "left/um/live"
    assert (left / "panics/double-free+1.log").is_file()
    assert (left / "overhead.json").is_file()
    xml = (pytester.path / "junit.xml").read_text()
    assert xml.count("panic expected and seen") == len(DAMAGES)
    assert 'name="kunit_live_kernel" value="um, PANIC=y"' in xml


@dataclass(frozen=True)
class Edit:
    """What is written into one console, and the one item that must see it."""

    checker: Checker
    chapters: str
    old: str
    new: str
    caught_by: str


HEALTHY = "healthy+kunit"
EDITS = [
    Edit(
        Checker.WARNS,
        HEALTHY,
        r"(when=files number=2 .*violations_detected)=0",
        r"\1=1",
        "test_a_healthy_kernel_has_no_violation[um-PANIC=n]",
    ),
    Edit(
        Checker.PANICS,
        HEALTHY,
        r"    ok 5 files",
        "page_consistency: DOUBLE-FREE detected: PFN 7\n    ok 5 files",
        "test_a_healthy_kernel_has_no_violation[um-PANIC=y]",
    ),
    Edit(
        Checker.WARNS,
        HEALTHY,
        r"(census tries=\d+ set)=\d+",
        r"\1=17",
        "test_pages_tracked_are_the_set_bits[um-PANIC=n]",
    ),
    Edit(
        Checker.WARNS,
        HEALTHY,
        r"(secondary_clear)=\d+",
        r"\1=17",
        "test_pages_tracked_are_the_set_bits[um-PANIC=n]",
    ),
    Edit(
        Checker.WARNS,
        HEALTHY,
        r"(when=memory number=1 pages_tracked)=\d+",
        r"\1=-1",
        "test_pages_tracked_are_the_set_bits[um-PANIC=n]",
    ),
    Edit(
        Checker.PANICS,
        HEALTHY,
        r"(when=end .*alloc_count)=\d+",
        r"\1=100",
        "test_the_counts_never_fall[um-PANIC=y]",
    ),
    Edit(
        Checker.WARNS,
        HEALTHY,
        r"(when=begin .*free_count)=\d+",
        r"\1=100000",
        "test_the_counts_never_fall[um-PANIC=n]",
    ),
    Edit(
        Checker.WARNS,
        HEALTHY,
        r"(number=2 \S+ (alloc_count=\d+ free_count=\d+).*\n.*number=3 \S+) alloc\S+ free\S+",
        r"\1 \2",
        "test_the_counts_rise_with_work[um-PANIC=n-memory]",
    ),
    Edit(
        Checker.WARNS,
        HEALTHY,
        r"validate answer=1 errno=0(\n    ok 8)",
        r"validate answer=-1 errno=5\1",
        "test_validate_succeeds[um-PANIC=n-validate again]",
    ),
    Edit(
        Checker.WARNS,
        HEALTHY,
        r"running 1 pfn",
        r"running 0 pfn",
        "test_a_double_free_is_seen_after_boot_alone[um-PANIC=n]",
    ),
    Edit(
        Checker.WARNS,
        HEALTHY,
        r"page_consistency: DOUBLE-FREE",
        r"page_consistency: NOTHING",
        "test_a_double_free_is_seen_after_boot_alone[um-PANIC=n]",
    ),
    Edit(
        Checker.WARNS,
        HEALTHY,
        r"# pc init ends",
        r"",
        "test_the_kernel_goes_through_all_chapters[um-PANIC=n]",
    ),
    Edit(
        Checker.WARNS,
        "flip-primary-then-free",
        r"answer=-1 errno=5",
        r"answer=1 errno=0",
        "test_damage_is_reported[um-PANIC=n-flip-primary-then-free]",
    ),
    Edit(
        Checker.WARNS,
        "flip-primary-then-free",
        r"(when=reported .*violations_detected)=\d+",
        r"\1=2",
        "test_damage_is_reported[um-PANIC=n-flip-primary-then-free]",
    ),
    Edit(
        Checker.WARNS,
        "flip-secondary-then-alloc",
        r"bitmap corruption at PFN (\d+) before alloc",
        r"bitmap corruption at PFN \1 before free",
        "test_damage_is_reported[um-PANIC=n-flip-secondary-then-alloc]",
    ),
    Edit(
        Checker.WARNS,
        "double-alloc",
        r"DOUBLE-ALLOC detected: PFN \d+",
        r"DOUBLE-ALLOC detected: PFN 1",
        "test_damage_is_reported[um-PANIC=n-double-alloc]",
    ),
    Edit(
        Checker.PANICS,
        "double-free",
        r"DOUBLE-FREE detected",
        r"DOUBLE-ALLOC detected",
        "test_damage_is_reported[um-PANIC=y-double-free]",
    ),
    Edit(
        Checker.PANICS,
        "flip-primary-then-alloc",
        r"answer=-1 errno=5",
        r"answer=1 errno=0",
        "test_damage_is_reported[um-PANIC=y-flip-primary-then-alloc]",
    ),
    Edit(Checker.OFF, "cost", r"ps=\d+", r"ps=0", "test_what_a_page_costs[um]"),
    Edit(Checker.WARNS, "cost+key-off", r".*ps=\d+\n", "", "test_what_a_page_costs[um]"),
]


def rounds(edits: Iterable[Edit]) -> list[list[Edit]]:
    """The edits in as few groups as go without two for the same item: a run takes a second."""
    groups: list[list[Edit]] = []
    for edit in edits:
        for group in groups:
            if edit.caught_by not in {other.caught_by for other in group}:
                group.append(edit)
                break
        else:
            groups.append([edit])
    return groups


@pytest.mark.parametrize("edits", rounds(EDITS), ids=len)
def test_a_number_or_text_that_is_wrong(run: Run, edits: list[Edit]) -> None:
    made = set()

    def edit(order: Order, text: str) -> str:
        for wrong in edits:
            if (order.checker, "+".join(order.chapters)) == (wrong.checker, wrong.chapters):
                text, count = re.subn(wrong.old, wrong.new, text, count=1)
                made.update([wrong] * count)
        return text

    result = run(edit=edit)
    assert made == set(edits)
    assert failed(result) == {wrong.caught_by for wrong in edits}


def test_a_panicking_kernel_that_survives(run: Run) -> None:
    def edit(order: Order, text: str) -> str:
        if (order.checker, order.chapters) == (Checker.PANICS, ("double-free",)):
            return text[: text.index("Kernel panic")] + "# pc init ends\n"
        return text

    result = run(edit=edit)
    assert failed(result) == {"test_damage_is_reported[um-PANIC=y-double-free]"}
    result.stdout.fnmatch_lines(
        ["kernel failure: um, PANIC=y: the kernel survived the damage: it had to panic with *"]
    )


def test_a_kernel_that_panics_where_it_should_warn(run: Run) -> None:
    def edit(order: Order, text: str) -> str:
        if (order.checker, order.chapters) == (Checker.WARNS, ("double-free",)):
            at = text.index("page_consistency: DOUBLE-FREE")
            return text[:at] + "Kernel panic - not syncing: " + text[at:].partition("\n")[0]
        return text

    result = run(edit=edit)
    assert failed(result) == {"test_damage_is_reported[um-PANIC=n-double-free]"}
    result.stdout.fnmatch_lines(["kernel crash: um, PANIC=n: it panicked: page_consistency: *"])


def test_every_result_of_our_init_is_missed(run: Run) -> None:
    """Without the line that says ok, each item that needs it fails."""

    def edit(_order: Order, text: str) -> str:
        return re.sub(r"^    ok \d+ .*\n", "", text, flags=re.MULTILINE)

    assert len(failed(run(edit=edit))) == ALL - SKIPPED


def test_what_cannot_be_built_fails_every_item(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = TargetError(Kind.TREE_ERROR, "the tree does not build", "mm/a.c: no")

    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(session, "boot_live", refuse)
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "--kunit-live")
    result.assert_outcomes(failed=ALL - SKIPPED, skipped=SKIPPED)
    result.stdout.fnmatch_lines(["tree does not build: the tree does not build", "mm/a.c: no"])


def test_a_machine_without_the_tools_skips_every_item(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = TargetError(Kind.TOOL_MISSING, "qemu-system-s390x is missing; install it with: apt")

    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(session, "boot_live", refuse)
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "--kunit-live", "-rs")
    result.assert_outcomes(skipped=ALL)
    result.stdout.fnmatch_lines(["*qemu-system-s390x is missing*"])


def test_files_that_are_named_take_the_place_of_the_shipped(
    run: Run, pytester: pytest.Pytester
) -> None:
    pytester.makepyfile(
        """
        def test_mine(live_kernel):
            boot = live_kernel.boot("healthy", "kunit")
            assert boot.result("healthy", "stats").of("stats")
            assert live_kernel.arch == "um"
        """
    )
    run("test_files_that_are_named_take_the_place_of_the_shipped.py").assert_outcomes(passed=2)


def test_without_the_option_there_is_no_live_kernel(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_mine(live_kernel): pass")
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*fixture 'live_kernel' not found*"])
