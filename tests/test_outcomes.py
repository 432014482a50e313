# SPDX-License-Identifier: GPL-2.0-only
"""pytest's reports folded into one outcome: an item passes when it has passed all of them."""

from __future__ import annotations

import pytest

from pytest_pageconsistency.outcomes import worse
from pytest_pageconsistency.schema import FINAL_OUTCOMES

ITEMS = """
import pytest

@pytest.fixture
def broken():
    raise ValueError

@pytest.fixture
def breaks_later():
    yield
    raise ValueError

@pytest.fixture
def skips_later():
    yield
    pytest.skip("late")

def test_passed(): pass
def test_failed(): assert False
def test_error(broken): pass
def test_error_in_teardown(breaks_later): pass
def test_error_after_failure(breaks_later): assert False
def test_skipped(): pytest.skip("no")
def test_skipped_in_teardown(skips_later): pass

@pytest.mark.skip
def test_skipped_by_mark(): pass

@pytest.mark.xfail
def test_xfailed(): assert False

@pytest.mark.xfail(run=False)
def test_xfailed_unrun(): assert False

@pytest.mark.xfail
def test_xpassed(): pass

@pytest.mark.xfail(strict=True)
def test_failed_by_passing(): pass

@pytest.mark.xfail
def test_xfailed_in_teardown_too(breaks_later): assert False
"""


def reports(pytester: pytest.Pytester, *arguments: str) -> list[pytest.TestReport]:
    pytester.makepyfile(ITEMS)
    recorded = pytester.inline_run("-p", "no:pageconsistency", *arguments)
    return list(recorded.getreports("pytest_runtest_logreport"))


def test_every_kind_of_outcome(pytester: pytest.Pytester) -> None:
    outcomes: dict[str, str] = {}
    for report in reports(pytester):
        outcomes[report.nodeid] = worse(outcomes.get(report.nodeid, ""), report)
    assert outcomes
    for case_id, outcome in outcomes.items():
        name = case_id.partition("::test_")[2]
        wanted = next(
            kind for kind in sorted(FINAL_OUTCOMES, reverse=True) if name.startswith(kind)
        )
        if case_id.endswith("skipped_in_teardown"):
            assert outcome != "passed"
        else:
            assert outcome == wanted, case_id


@pytest.mark.parametrize("name", ["test_passed", "test_xpassed"])
def test_an_item_that_was_not_torn_down_has_no_outcome(
    pytester: pytest.Pytester, name: str
) -> None:
    setup, call, teardown = reports(pytester, "-k", name)
    assert worse("", setup) not in FINAL_OUTCOMES
    assert worse(worse("", setup), call) not in FINAL_OUTCOMES
    assert worse(worse(worse("", setup), call), teardown) == name.removeprefix("test_")


def test_an_item_that_failed_once_stays_failed(pytester: pytest.Pytester) -> None:
    passed = [each for each in reports(pytester) if each.nodeid.endswith("test_passed")]
    outcome = "failed"
    for report in passed:
        outcome = worse(outcome, report)
    assert outcome == "failed"


def test_what_another_plugin_calls_it_is_no_success(pytester: pytest.Pytester) -> None:
    report = next(each for each in reports(pytester) if each.nodeid.endswith("test_failed"))
    assert report.when == "setup"
    report.when, report.outcome = "call", "rerun"  # type: ignore[assignment]
    assert worse("", report) == "failed"


def test_an_item_that_was_never_called_has_no_outcome(pytester: pytest.Pytester) -> None:
    setup, teardown = reports(pytester, "-k", "test_passed", "--setup-only")
    assert (setup.when, teardown.when) == ("setup", "teardown")
    assert worse(worse("", setup), teardown) not in FINAL_OUTCOMES
