# SPDX-License-Identifier: GPL-2.0-only
"""pytest's side: options, hooks and fixtures.

Whoever has the plugin installed loads this module in every session of pytest. So whatever needs
the rest of the package imports it in place, once there is a case.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING, Any

import pytest

from pytest_pageconsistency import options
from pytest_pageconsistency.words import FAMILIES

if TYPE_CHECKING:
    from pytest_pageconsistency.batch import Batch
    from pytest_pageconsistency.cases import CheckerRecorder, Program, Recorder
    from pytest_pageconsistency.kernel.tree import Tree
    from pytest_pageconsistency.pipeline import TargetResult
    from pytest_pageconsistency.run_ahead import RunAhead
    from pytest_pageconsistency.target import Target
    from pytest_pageconsistency.workers import Workers

_BATCH: pytest.StashKey[Batch] = pytest.StashKey()
_WORKERS: pytest.StashKey[Workers] = pytest.StashKey()
_AHEAD: pytest.StashKey[RunAhead | None] = pytest.StashKey()
_RECORDER: pytest.StashKey[Recorder] = pytest.StashKey()
_TARGET_FIXTURE = "kunit_target"
"""As `items.TARGET_FIXTURE`, which would be the first of the imports."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the --kunit options."""
    options.add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Check the options."""
    config.addinivalue_line(
        "markers",
        "kunit_arch(word, ...): where a case applies: architectures, or of these words "
        f"{', '.join(FAMILIES)}",
    )
    options.check(config)
    if (shard := options.shard(config)) is not None:
        from pytest_pageconsistency.splitting import Splitter

        config.pluginmanager.register(Splitter(shard, options.artifacts(config)))
    if config.getoption("kunit_live"):
        from pytest_pageconsistency.live.session import LiveSession

        artifacts = options.artifacts(config)
        config.pluginmanager.register(LiveSession(config, lambda: _opened(config), artifacts))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave nothing running and nothing behind."""
    try:
        if (batch := config.stash.get(_BATCH, None)) is not None:
            from pytest_pageconsistency.garbage import thaw

            batch.close()
            thaw()
    finally:
        if (workers := config.stash.get(_WORKERS, None)) is not None:
            workers.close()


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Before anything is collected, find out what was asked for, and forget earlier results."""
    if options.ask_for_kernels(session.config):
        _opened(session.config)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Collect without looking for garbage: what is collected lives as long as the session."""
    if _BATCH not in session.config.stash:
        return (yield)
    from pytest_pageconsistency.garbage import no_garbage_collected

    with no_garbage_collected():
        return (yield)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Let the workers of pytest-xdist share one choice of architectures, and one boot of each."""
    from pytest_pageconsistency.workers import Workers

    config = node.config
    batch = config.stash.get(_BATCH, None)
    architectures = batch.architectures if batch else options.architecture_words(config)
    if _WORKERS not in config.stash:
        config.stash[_WORKERS] = Workers(config)
    config.stash[_WORKERS].prepare(node, architectures)


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make an item of each case and target, the architecture first in the id."""
    if _TARGET_FIXTURE in metafunc.fixturenames:
        architectures = _opened(metafunc.config).architectures
        metafunc.parametrize(
            _TARGET_FIXTURE, architectures, ids=architectures, indirect=True, scope="session"
        )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the items whose kunit_arch mark means other architectures."""
    if (batch := config.stash.get(_BATCH, None)) is None:
        return
    from pytest_pageconsistency.collection import deselect

    if deselected := deselect(batch, items):
        config.hook.pytest_deselected(items=deselected)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Let nobody build what nobody waits for."""
    if (workers := session.config.stash.get(_WORKERS, None)) is not None:
        workers.end()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """While a kernel is built, let its cases run ahead."""
    if (batch := item.config.stash.get(_BATCH, None)) is None:
        return None
    if _AHEAD not in item.config.stash:
        from pytest_pageconsistency.run_ahead import open_run_ahead

        item.config.stash[_AHEAD] = open_run_ahead(item.config, batch)
    ahead = item.config.stash[_AHEAD]
    return ahead.protocol(item, nextitem) if ahead else None


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """When a case's body has passed against the oracle, let the kernel have its say."""
    if (batch := pyfuncitem.config.stash.get(_BATCH, None)) is None:
        return (yield)
    from pytest_pageconsistency.failure import case_failure, kernel_note
    from pytest_pageconsistency.items import is_case
    from pytest_pageconsistency.run_ahead import IS_AHEAD, check_memory, check_steps

    if not is_case(pyfuncitem):
        return (yield)
    is_ahead = pyfuncitem.stash.get(IS_AHEAD, False)
    recorder = pyfuncitem.stash[_RECORDER]
    try:
        outcome = yield
    except Exception:
        if is_ahead:
            check_memory(batch, pyfuncitem, recorder.program(pyfuncitem.nodeid))
            raise
        if result := batch.case_result(pyfuncitem):
            pyfuncitem.add_report_section("call", "kernel", kernel_note(result))
        raise
    program = recorder.program(pyfuncitem.nodeid)
    if is_ahead:
        check_steps(batch, pyfuncitem, program)
        return outcome
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
    if call.excinfo is None or _BATCH not in item.config.stash:
        return report
    from pytest_pageconsistency.failure import CaseFailure, as_representation, may_be_expected
    from pytest_pageconsistency.verdict import TargetError

    if isinstance(call.excinfo.value, CaseFailure | TargetError):
        report.longrepr = as_representation(item, call.excinfo.value)
        if not may_be_expected(call.excinfo.value):
            report.outcome = "failed"
            vars(report).pop("wasxfail", None)
    return report


@pytest.fixture(scope="session")
def kunit_target(request: pytest.FixtureRequest) -> Target:
    """The architecture that the case runs for: `arch`, `bits_per_long`, `byteorder`."""
    from pytest_pageconsistency.failure import missing_tools_skip
    from pytest_pageconsistency.verdict import Kind, TargetError

    batch = _opened(request.config)
    arch = getattr(request, "param", None)
    if not isinstance(arch, str):
        message = "a test takes kunit_target or dual_bitmap as an argument, so that it is collected"
        raise TargetError(Kind.CASE_ERROR, f"{message} for each architecture")
    batch.begin(request.session.items)
    with missing_tools_skip():
        return batch.target(arch)


@pytest.fixture
def dual_bitmap(
    request: pytest.FixtureRequest, kunit_target: Target
) -> Generator[Recorder, None, None]:
    """Make dual bitmaps, `dual_bitmap(nbits=100)`, whose every operation the kernel takes too."""
    from pytest_pageconsistency.cases import Recorder
    from pytest_pageconsistency.failure import missing_tools_skip
    from pytest_pageconsistency.items import is_case
    from pytest_pageconsistency.run_ahead import IS_AHEAD
    from pytest_pageconsistency.verdict import Kind, TargetError

    if not is_case(request.node):
        raise TargetError(Kind.CASE_ERROR, "a case takes dual_bitmap as an argument of its body")
    with missing_tools_skip():
        batch = _opened(request.config)
        if request.node.stash.get(IS_AHEAD, False):
            batch.recorded(request.node)
        else:
            batch.prepare(request.node)
    recorder = Recorder(kunit_target.abi)
    request.node.stash[_RECORDER] = recorder
    yield recorder
    if recorder.judged_steps not in (None, recorder.step_count):
        raise TargetError(Kind.CASE_ERROR, "the case took steps after its body had ended")


@pytest.fixture
def page_consistency(dual_bitmap: Recorder) -> CheckerRecorder:
    """Boot machines whose page consistency checker the kernel drives too."""
    from pytest_pageconsistency.cases import CheckerRecorder

    return CheckerRecorder(dual_bitmap)


@pytest.fixture(scope="session")
def kunit_tree(request: pytest.FixtureRequest) -> Tree:
    """The kernel source under test: `path` and `version`."""
    return _opened(request.config).tree()


@pytest.fixture
def kunit_run(
    request: pytest.FixtureRequest, kunit_target: Target
) -> Callable[[Sequence[Program]], TargetResult]:
    """Generate, build, boot, parse and cross-check a list of Programs now."""
    batch = _opened(request.config)
    return lambda programs: batch.run(programs, kunit_target)


@pytest.fixture
def kunit_suite(request: pytest.FixtureRequest, kunit_target: Target) -> str:
    """The C source that is generated from the session's cases for this target."""
    from pytest_pageconsistency.generate import make_suite

    programs = _opened(request.config).recorded_now(request.session.items, kunit_target)
    return make_suite(list(programs.values()), kunit_target, {}).source


def _opened(config: pytest.Config) -> Batch:
    """What the session's cases share; it is there once anybody has asked for it."""
    if _BATCH not in config.stash:
        # First of all: what follows takes a tenth of a second to import.
        ahead = options.head_start(config)
        from pytest_pageconsistency.collection import open_batch

        config.stash[_BATCH] = open_batch(config, ahead)
    return config.stash[_BATCH]
