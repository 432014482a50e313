# SPDX-License-Identifier: GPL-2.0-only
"""pytest's side: options, hooks and fixtures."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any

import pytest

from pytest_pageconsistency import collection, options
from pytest_pageconsistency.batch import Batch
from pytest_pageconsistency.cases import Program, Recorder
from pytest_pageconsistency.failure import (
    CaseFailure,
    as_representation,
    case_failure,
    kernel_note,
    may_be_expected,
    missing_tools_skip,
)
from pytest_pageconsistency.generate import make_suite
from pytest_pageconsistency.items import TARGET_FIXTURE, is_case
from pytest_pageconsistency.kernel.tree import Tree
from pytest_pageconsistency.pipeline import TargetResult
from pytest_pageconsistency.target import FAMILIES, Target
from pytest_pageconsistency.verdict import Kind, TargetError

_BATCH = pytest.StashKey[Batch]()
_RECORDER = pytest.StashKey[Recorder]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the --kunit options."""
    options.add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Check the options and prepare what the session's cases share."""
    config.addinivalue_line(
        "markers",
        "kunit_arch(word, ...): where a case applies: architectures, or of these words "
        f"{', '.join(FAMILIES)}",
    )
    config.stash[_BATCH] = collection.open_batch(config)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave nothing running and nothing behind."""
    if (batch := config.stash.get(_BATCH, None)) is not None:
        try:
            batch.workshop.close()
        finally:
            collection.close_session(config)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Find out which architectures are meant."""
    batch = session.config.stash[_BATCH]
    collection.choose_architectures(session.config, batch)
    collection.forget_results(session.config, batch)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Let the workers of pytest-xdist share one choice of architectures, and one boot of each."""
    collection.prepare_worker(node, node.config.stash[_BATCH])


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make an item of each case and target, the architecture first in the id."""
    if TARGET_FIXTURE in metafunc.fixturenames:
        architectures = metafunc.config.stash[_BATCH].architectures
        metafunc.parametrize(
            TARGET_FIXTURE, architectures, ids=architectures, indirect=True, scope="session"
        )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the items whose kunit_arch mark means other architectures."""
    if deselected := collection.deselect(config.stash[_BATCH], items):
        config.hook.pytest_deselected(items=deselected)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Let nobody build what nobody waits for."""
    collection.end_workers(session.config)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """When a case's body has passed against the oracle, let the kernel have its say."""
    if not is_case(pyfuncitem):
        return (yield)
    batch = pyfuncitem.config.stash[_BATCH]
    recorder = pyfuncitem.stash[_RECORDER]
    try:
        outcome = yield
    except Exception:
        if result := batch.case_result(pyfuncitem):
            pyfuncitem.add_report_section("call", "kernel", kernel_note(result))
        raise
    program = recorder.program(pyfuncitem.nodeid)
    failure = case_failure(pyfuncitem, program, *batch.result(pyfuncitem))
    if failure is not None:
        raise failure
    return outcome


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let a verdict read as a report, not as a traceback through this plugin."""
    report = yield
    if call.excinfo is not None and isinstance(call.excinfo.value, CaseFailure | TargetError):
        report.longrepr = as_representation(item, call.excinfo.value)
        if not may_be_expected(call.excinfo.value):
            report.outcome = "failed"
            vars(report).pop("wasxfail", None)
    return report


@pytest.fixture(scope="session")
def kunit_target(request: pytest.FixtureRequest) -> Target:
    """The architecture that the case runs for: `arch`, `bits_per_long`, `byteorder`."""
    arch = getattr(request, "param", None)
    if not isinstance(arch, str):
        message = "a test takes kunit_target or dual_bitmap as an argument, so that it is collected"
        raise TargetError(Kind.CASE_ERROR, f"{message} for each architecture")
    batch = request.config.stash[_BATCH]
    batch.begin(request.session.items)
    with missing_tools_skip():
        return batch.target(arch)


@pytest.fixture
def dual_bitmap(
    request: pytest.FixtureRequest, kunit_target: Target
) -> Generator[Recorder, None, None]:
    """Make dual bitmaps, `dual_bitmap(nbits=100)`, whose every operation the kernel takes too."""
    if not is_case(request.node):
        raise TargetError(Kind.CASE_ERROR, "a case takes dual_bitmap as an argument of its body")
    with missing_tools_skip():
        request.config.stash[_BATCH].prepare(request.node)
    recorder = Recorder(kunit_target.abi)
    request.node.stash[_RECORDER] = recorder
    yield recorder
    if recorder.judged_steps not in (None, recorder.step_count):
        raise TargetError(Kind.CASE_ERROR, "the case took steps after its body had ended")


@pytest.fixture(scope="session")
def kunit_tree(request: pytest.FixtureRequest) -> Tree:
    """The kernel source under test: `path` and `version`."""
    return request.config.stash[_BATCH].tree()


@pytest.fixture
def kunit_run(
    request: pytest.FixtureRequest, kunit_target: Target
) -> Callable[[Sequence[Program]], TargetResult]:
    """Generate, build, boot, parse and cross-check a list of Programs now."""
    batch = request.config.stash[_BATCH]
    return lambda programs: batch.run(programs, kunit_target)


@pytest.fixture
def kunit_suite(request: pytest.FixtureRequest, kunit_target: Target) -> str:
    """The C source that is generated from the session's cases for this target."""
    batch = request.config.stash[_BATCH]
    recording = batch.recording(request.session.items, kunit_target)
    return make_suite(list(recording.programs.values()), kunit_target, {}).source
