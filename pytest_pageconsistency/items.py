# SPDX-License-Identifier: GPL-2.0-only
"""pytest items as cases: which they are, and their recording before any of them runs."""

from __future__ import annotations

import inspect
import io
from collections.abc import Iterable
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

import pytest
from _pytest.outcomes import OutcomeException
from _pytest.skipping import evaluate_skip_marks, evaluate_xfail_marks

from pytest_pageconsistency.cases import CheckerRecorder, Program, Recorder
from pytest_pageconsistency.target import Target
from pytest_pageconsistency.unheard import Unheard
from pytest_pageconsistency.verdict import Kind, TargetError

CASE_FIXTURE = "dual_bitmap"
CHECKER_FIXTURE = "page_consistency"
TARGET_FIXTURE = "kunit_target"
MARK_ERROR = pytest.StashKey[TargetError]()
"""Where an item keeps what is wrong with its kunit_arch mark."""


def is_case(item: pytest.Item) -> bool:
    """Whether an item declares a case: it takes `dual_bitmap`, or `page_consistency` on top."""
    return (
        isinstance(item, pytest.Function)
        and CASE_FIXTURE in item.fixturenames
        and hasattr(item, "callspec")
        and TARGET_FIXTURE in item.callspec.params
    )


def arch_of(item: pytest.Item) -> str | None:
    """The architecture that a collected item is for, None for one that is for none."""
    if not isinstance(item, pytest.Function) or not hasattr(item, "callspec"):
        return None
    arch = item.callspec.params.get(TARGET_FIXTURE)
    return arch if isinstance(arch, str) else None


def case_arch(item: pytest.Function) -> str:
    """The architecture that a case is for."""
    arch = arch_of(item)
    assert arch is not None
    return arch


def cases_by_arch(items: Iterable[pytest.Item]) -> dict[str, list[pytest.Function]]:
    """The items that are cases and will run, for each architecture."""
    found: dict[str, list[pytest.Function]] = {}
    for item in items:
        if isinstance(item, pytest.Function) and is_case(item) and _will_run(item):
            found.setdefault(case_arch(item), []).append(item)
    return found


def record_item(item: pytest.Function, target: Target) -> Program | None:
    """Run a case's body against the oracle alone and return what it recorded.

    A body whose assertion fails is recorded up to there, so that the kernel can be asked who is
    right; None for one that raises otherwise (a skip, a wrong argument): its own run will tell.
    Raises TargetError (CASE_ERROR) for a body that takes fixtures which a recording cannot have,
    that is no plain function, or that records nothing.
    """
    recorder = Recorder(target.abi)
    arguments = _arguments(item, recorder, target)
    body = item.function if item.cls is None else getattr(item.cls(), item.originalname)
    if inspect.iscoroutinefunction(body) or inspect.isgeneratorfunction(body):
        raise TargetError(Kind.CASE_ERROR, "a case is a plain function: no async, no yield")
    unheard = Unheard(item.config)
    try:
        # What it prints, and what its threads raise, belongs to its own run.
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            body(**arguments)
    except AssertionError:
        program = recorder.program(item.nodeid)
        return program if program.bitmaps else None
    except (Exception, OutcomeException, SystemExit):
        return None
    finally:
        unheard.drop()
    program = recorder.program(item.nodeid)
    if not program.bitmaps:
        raise TargetError(
            Kind.CASE_ERROR, "the case recorded nothing: it never made a dual bitmap, nor booted"
        )
    return program


def run_body(item: pytest.Function, recorder: Recorder, target: Target) -> object:
    """Run the body of a plain case against the oracle; returns and raises what that does."""
    body = item.function if item.cls is None else getattr(item.cls(), item.originalname)
    return body(**_arguments(item, recorder, target))


def _will_run(item: pytest.Item) -> bool:
    if MARK_ERROR in item.stash:
        return False
    try:
        xfail = evaluate_xfail_marks(item)
        skip = evaluate_skip_marks(item)
    except (Exception, OutcomeException):  # a wrong mark: the item's own setup will tell
        return False
    runs = xfail is None or xfail.run or item.config.option.runxfail
    return skip is None and runs


def direct_parameters(item: pytest.Function) -> dict[str, Any]:
    """The item's own parameters, not those of fixtures."""
    found = {}
    for name, value in item.callspec.params.items():
        definitions = item._fixtureinfo.name2fixturedefs.get(name, ())
        if all(d.func.__name__ == "get_direct_param_fixture_func" for d in definitions):
            found[name] = value
    return found


def is_plain(item: pytest.Function) -> bool:
    """Whether this is a case that takes its bitmaps, its target and its own parameters alone."""
    if not is_case(item):
        return False
    fixtures = set(item.fixturenames) - direct_parameters(item).keys()
    known = item._fixtureinfo.name2fixturedefs
    is_overridden = any(len(known.get(name, ())) > 1 for name in fixtures)
    ours = {CASE_FIXTURE, CHECKER_FIXTURE, TARGET_FIXTURE, "request"}
    return fixtures <= ours and not is_overridden and _is_as_declared(item)


def _is_as_declared(item: pytest.Function) -> bool:
    """Whether nobody has put another class, or another body, in an item's place."""
    module = item.getparent(pytest.Module)
    place = item.cls or (module.obj if module else None)
    return type(item) is pytest.Function and item.function is getattr(
        place, item.originalname, None
    )


def _arguments(item: pytest.Function, recorder: Recorder, target: Target) -> dict[str, Any]:
    """What the body is called with: its own parameters, the recorder and the target."""
    available: dict[str, Any] = {
        CASE_FIXTURE: recorder,
        CHECKER_FIXTURE: CheckerRecorder(recorder),
        TARGET_FIXTURE: target,
    }
    available |= direct_parameters(item)
    wanted = item._fixtureinfo.argnames
    if unsupported := [name for name in wanted if name not in available]:
        raise TargetError(
            Kind.CASE_ERROR,
            f"a case cannot take the fixture {unsupported[0]!r}: its body is recorded before "
            "pytest sets fixtures up, so it takes dual_bitmap, page_consistency, kunit_target and "
            "its own parameters",
        )
    return {name: available[name] for name in wanted}
