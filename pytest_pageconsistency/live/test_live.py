# SPDX-License-Identifier: GPL-2.0-only
"""What must hold on a kernel that runs: `pytest --kunit-live --kunit-arch=um`.

Each item judges by the numbers that the kernel was observed to say. Boots are shared.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from pytest_pageconsistency.live.chapters import COST, DAMAGES, HEALTHY, KEY_OFF, KUNIT, Damage
from pytest_pageconsistency.live.console import Result
from pytest_pageconsistency.live.kernels import Checker, Order
from pytest_pageconsistency.live.observed import Observed
from pytest_pageconsistency.live.overhead import Cost, Overhead, together
from pytest_pageconsistency.live.session import LiveKernel

_ORDINARY = (HEALTHY, KUNIT)
_WORK = ("memory", "files", "processes")
_SUITE = "pageconsistency_live"
_EIO = 5
_BOOTS = 3
_ROUNDS = 31


def stats_of(boot: Observed, *results: Result) -> list[dict[str, int]]:
    """The checker's counters, reading by reading."""
    names = ("pages_tracked", "alloc_count", "free_count", "violations_detected")
    return [
        {name: boot.number(note, name) for name in names}
        for result in results
        for note in result.of("stats")
    ]


def healthy_results(boot: Observed) -> list[Result]:
    """All results of the chapter in which nothing is damaged."""
    names = ("stats", "validate", *_WORK, "census", "validate again", "stats again")
    return [boot.result(HEALTHY, name) for name in names]


def test_the_kernel_goes_through_all_chapters(live_kernel: LiveKernel) -> None:
    live_kernel.boot(*_ORDINARY).require_end()


def test_debugfs_has_the_files(live_kernel: LiveKernel) -> None:
    boot = live_kernel.boot(*_ORDINARY)
    boot.result(HEALTHY, "debugfs")
    stats = boot.note(boot.result(HEALTHY, "stats"), "stats")
    first, _, last = stats.fields["pfn_range"].strip("[)").partition("-")
    assert int(last) - int(first) == boot.number(stats, "bitmap_size_bits") > 0


def test_a_healthy_kernel_has_no_violation(live_kernel: LiveKernel) -> None:
    boot = live_kernel.boot(*_ORDINARY)
    results = healthy_results(boot)
    readings = stats_of(boot, *results)
    assert len(readings) == 2 + len(_WORK) * 4
    assert [reading["violations_detected"] for reading in readings] == [0] * len(readings)
    assert [event for result in results for event in result.events] == []


def test_pages_tracked_are_the_set_bits(live_kernel: LiveKernel) -> None:
    boot = live_kernel.boot(*_ORDINARY)
    for reading in stats_of(boot, *healthy_results(boot)):
        assert reading["pages_tracked"] >= 0
    # One moment: nothing was allocated or freed between the readings before and after it.
    census = boot.note(boot.result(HEALTHY, "census"), "census")
    tracked = boot.number(census, "pages_tracked")
    assert tracked > 0
    assert boot.number(census, "set") == tracked
    assert boot.number(census, "secondary_clear") == tracked
    assert boot.number(census, "bits") == boot.number(census, "bitmap_size_bits")
    assert census.fields["pfn_range"].startswith(f"[{boot.number(census, 'min_pfn')}-")


def test_the_counts_never_fall(live_kernel: LiveKernel) -> None:
    boot = live_kernel.boot(*_ORDINARY)
    readings = stats_of(boot, *healthy_results(boot))
    assert len(readings) > 1
    for name in ("alloc_count", "free_count"):
        counts = [reading[name] for reading in readings]
        assert counts == sorted(counts)


@pytest.mark.parametrize("work", _WORK)
def test_the_counts_rise_with_work(live_kernel: LiveKernel, work: str) -> None:
    boot = live_kernel.boot(*_ORDINARY)
    result = boot.result(HEALTHY, work)
    done = boot.note(result, "work")
    times = boot.number(done, "processes") if work == "processes" else 1
    pages = boot.number(done, "pages") * times
    readings = stats_of(boot, result)
    assert len(readings) == boot.number(done, "rounds") + 1 > 1
    for before, after in pairwise(readings):
        assert after["alloc_count"] - before["alloc_count"] >= pages
        # Some are freed later: a processor gathers them.
        assert after["free_count"] - before["free_count"] >= pages // 2


@pytest.mark.parametrize("result", ["validate", "validate again"])
def test_validate_succeeds(live_kernel: LiveKernel, result: str) -> None:
    boot = live_kernel.boot(*_ORDINARY)
    note = boot.note(boot.result(HEALTHY, result), "validate")
    assert (boot.number(note, "answer"), boot.number(note, "errno")) == (1, 0)


def test_a_suite_runs_again_after_boot(live_kernel: LiveKernel) -> None:
    boot = live_kernel.boot(*_ORDINARY)
    boot.result(KUNIT, f"{_SUITE} at boot")
    again = boot.result(KUNIT, f"{_SUITE} again")
    if again.skip_reason:
        pytest.skip(again.skip_reason)
    (suite,) = again.test.subtests
    assert suite.counts.passed == (1 if live_kernel.panics else 2)
    assert suite.counts.total() == 2


def test_a_double_free_is_seen_after_boot_alone(live_kernel: LiveKernel) -> None:
    if live_kernel.panics:
        pytest.skip("the suite leaves it out where it would be the kernel's end")
    boot = live_kernel.boot(*_ORDINARY)
    assert page_of_double_free(boot.result(KUNIT, f"{_SUITE} at boot"), is_running=False) > 0
    again = boot.result(KUNIT, f"{_SUITE} again")
    if again.skip_reason:
        pytest.skip(again.skip_reason)
    pfn = page_of_double_free(again, is_running=True)
    before, after = stats_of(boot, again)
    assert before["violations_detected"] == 0
    assert after["violations_detected"] == 1
    assert set(again.events) == {f"DOUBLE-FREE detected: PFN {pfn}"}


def page_of_double_free(result: Result, *, is_running: bool) -> int:
    """The pfn that the suite's case freed twice."""
    (suite,) = result.test.subtests
    case = next(test for test in suite.subtests if test.name == "pc_live_double_free")
    begin = f"# {case.name}: running {int(is_running)} pfn "
    (line,) = [line.strip() for line in case.log if line.strip().startswith(begin)]
    return int(line.removeprefix(begin))


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.chapter)
def test_damage_is_reported(
    live_kernel: LiveKernel, damage: Damage, live_report: Callable[[str], None]
) -> None:
    boot = live_kernel.boot(damage.chapter)
    prepared = boot.result(damage.chapter, damage.prepare)
    before = boot.note(prepared, "stats", "before")
    violations = boot.number(before, "violations_detected")
    assert violations == 0
    pfn = boot.number(boot.note(prepared, "census"), "pfn")
    assert pfn > 0
    if damage.is_flip:
        violations = check_validate(boot, damage)
    texts = damage.texts(pfn)
    if live_kernel.panics:
        panic = boot.require_panic(texts[:1])
        kernel = boot.booted.kernel
        live_report(f"{kernel}: {damage.chapter}: panic expected and seen: {panic}")
        return
    reported = boot.result(damage.chapter, damage.act)
    assert list(dict.fromkeys(reported.events)) == texts
    after = boot.note(reported, "stats", "reported")
    assert boot.number(after, "violations_detected") == violations + len(texts)
    boot.require_end()


def check_validate(boot: Observed, damage: Damage) -> int:
    """Validate finds the one word, and says so; returns how many violations there are now."""
    result = boot.result(damage.chapter, "validate")
    answer = boot.note(result, "validate")
    assert (boot.number(answer, "answer"), boot.number(answer, "errno")) == (-1, _EIO)
    assert set(result.events) == {"Validation found 1 inconsistent words"}
    violations = boot.number(boot.note(result, "stats", "validated"), "violations_detected")
    assert violations == 1
    return violations


def test_what_a_page_costs(
    live_arch: str,
    live_boot: Callable[[Order], Observed],
    live_overhead_report: Callable[[Overhead], None],
) -> None:
    off, on = [], []
    # In turn, so that what else the machine does meets both.
    for number in range(_BOOTS):
        off.append(live_boot(Order(live_arch, Checker.OFF, (COST,), number)))
        on.append(live_boot(Order(live_arch, Checker.WARNS, (COST, KEY_OFF), number)))
        off[-1].require_end()
        on[-1].require_end()
        on[-1].result(KEY_OFF, KEY_OFF)
    overhead = Overhead(
        live_arch,
        off=together(cost_of(boot, COST) for boot in off),
        key_off=together(cost_of(boot, KEY_OFF) for boot in on),
        tracking=together(cost_of(boot, COST) for boot in on),
    )
    live_overhead_report(overhead)


def cost_of(boot: Observed, chapter: str) -> Cost:
    """The rounds of a chapter, all of them."""
    result = boot.result(chapter, COST)
    notes = result.of("cost")
    rounds = [boot.number(note, "ps") for note in notes]
    assert len(rounds) == _ROUNDS
    assert min(rounds) > 0
    return Cost(tuple(rounds))
