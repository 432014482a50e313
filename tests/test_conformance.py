# SPDX-License-Identifier: GPL-2.0-only
"""The shipped suite without a kernel: it holds for every ABI, and is as large as it claims."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from pytest_pageconsistency import collection
from pytest_pageconsistency.batch import Batch
from pytest_pageconsistency.cases import CHECKER_OPS, Op, Program
from pytest_pageconsistency.crosscheck import CaseResult
from pytest_pageconsistency.generate import make_suite
from pytest_pageconsistency.generate.export import UNROLLED_STEPS
from pytest_pageconsistency.generate.written import is_short
from pytest_pageconsistency.oracle import Abi
from pytest_pageconsistency.pipeline import TargetResult
from pytest_pageconsistency.settings import Settings
from pytest_pageconsistency.target import Target
from pytest_pageconsistency.verdict import Kind, Verdict
from pytest_pageconsistency.workshop import Failure, Order, Outputs

SUITE = "pytest_pageconsistency.conformance"
CHECKER_SUITE = "pytest_pageconsistency.checker_conformance"
TARGETS = [
    Target("le32", Abi(32, "little")),
    Target("be32", Abi(32, "big")),
    Target("le64", Abi(64, "little")),
    Target("be64", Abi(64, "big")),
]


class AgreeableWorkshop:
    """Stands for kernels of every ABI: agrees with the oracle, and keeps the programs."""

    def __init__(self, cache: Path) -> None:
        self.settings = Settings(None, None, (), (), jobs=1, timeout=1, cache=cache)
        self.orders: dict[str, Order] = {}
        self.outputs = Outputs()

    def find_targets(self, architectures: Sequence[str]) -> dict[str, Target]:
        return {target.arch: target for target in TARGETS if target.arch in architectures}

    def begin(self, orders: Sequence[Order], failures: Sequence[Failure]) -> None:
        assert not failures
        self.orders = {order.target.arch: order for order in orders}

    def let_start(self, arch: str) -> None:
        """Nothing runs."""

    def is_ready(self, arch: str) -> bool:
        return True

    def outcome(self, arch: str) -> TargetResult:
        order = self.orders[arch]
        suite = make_suite(order.programs, order.target, {})
        results = {
            case.program.case_id: CaseResult(case, Verdict(Kind.PASSED)) for case in suite.cases
        }
        nothing = cast("Any", None)
        return TargetResult(order.target, nothing, nothing, nothing, suite, nothing, results)

    def close(self) -> None:
        """Nothing runs."""


@pytest.fixture
def workshop(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AgreeableWorkshop:
    workshop = AgreeableWorkshop(tmp_path)
    monkeypatch.setenv("PAGECONSISTENCY_CACHE", str(tmp_path))
    # Making the suite takes a second, and each item asks.
    monkeypatch.setattr(workshop, "outcome", functools.cache(workshop.outcome))

    def choose(_config: pytest.Config, batch: Batch) -> None:
        batch.architectures = [target.arch for target in TARGETS]

    monkeypatch.setattr(collection, "Workshop", lambda *_: workshop)
    monkeypatch.setattr(collection, "choose_architectures", choose)
    # Words are checked against a tree, and there is none.
    monkeypatch.setattr(Batch, "tree", lambda _batch: None)
    monkeypatch.setattr(collection, "check_words", lambda _words, _tree: None)
    return workshop


def run_suite(name: str, pytester: pytest.Pytester, workshop: AgreeableWorkshop) -> None:
    """Each body runs twice, once recorded and once as a test: the plugin wants the same steps."""
    result = pytester.inline_run("--pyargs", name, "-q", "-p", "no:cacheprovider")

    passed, skipped, failed = result.listoutcomes()
    assert not failed
    assert not skipped
    assert set(workshop.orders) == {target.arch for target in TARGETS}
    assert len(passed) == sum(len(order.programs) for order in workshop.orders.values())


def test_the_suite_holds_for_every_abi(
    pytester: pytest.Pytester, workshop: AgreeableWorkshop
) -> None:
    run_suite(SUITE, pytester, workshop)
    for order in workshop.orders.values():
        programs = list(order.programs)
        assert_the_suite_is_as_large_as_it_claims(programs)
        assert_seeded_programs_are_varied(programs)
        written = make_suite(programs, order.target, {}).files["statements.c"].decode()
        for function in ("init", "set", "clear", "test", "consistent", "validate"):
            assert f"dual_bitmap_{function}(" in written


def test_the_checkers_suite_holds_for_every_abi(
    pytester: pytest.Pytester, workshop: AgreeableWorkshop
) -> None:
    run_suite(CHECKER_SUITE, pytester, workshop)

    counts = {arch: len(order.programs) for arch, order in workshop.orders.items()}
    assert counts == {"le32": 236, "be32": 236, "le64": 264, "be64": 264}
    programs = list(workshop.orders["le64"].programs)
    assert set().union(*(program.steps.ops() for program in programs)) >= CHECKER_OPS
    seeded = [program for program in programs if "::test_random_machine[" in program.case_id]
    assert len({program.steps.content() for program in seeded}) == 40
    steps = [step for program in seeded for step in program.steps]
    taken = Counter(step.op for step in steps)
    assert min(taken[op] for op in CHECKER_OPS) > 30
    said = Counter(
        kind for step in steps if step.op in (Op.ALLOC, Op.FREE) for kind in step.expected[8::2]
    )
    assert min(said[kind] for kind in (1, 2, 3, 4)) > 50


def assert_the_suite_is_as_large_as_it_claims(programs: list[Program]) -> None:
    sizes = {step.args[0] for program in programs for step in program.steps if step.op is Op.NEW}
    assert sizes >= {0, 1, 31, 32, 33, 63, 64, 65, 100, 256, 4097}
    assert set().union(*(program.steps.ops() for program in programs)) == set(Op) - CHECKER_OPS

    # Long cases are tables; in an exported suite the statements of all others find room.
    assert sum(len(program.steps) for program in programs if is_short(program)) <= UNROLLED_STEPS


def assert_seeded_programs_are_varied(programs: list[Program]) -> None:
    seeded = [program for program in programs if "::test_random_program[" in program.case_id]
    assert len(seeded) == 200
    assert {len(program.steps) for program in seeded} == {500}
    assert len({program.steps.content() for program in seeded}) == 200

    steps = [step for program in seeded for step in program.steps]
    taken = Counter(step.op for step in steps)
    assert min(taken[op] for op in (Op.FLIP, Op.WORD, Op.VALIDATE, Op.SET, Op.CLEAR)) > 5000
    assert min(taken[op] for op in (Op.WRITE_WORD, Op.SCRIBBLE, Op.WORDS, Op.GUARD)) > 300
    violations = Counter(step.expected[0] for step in steps if step.op is Op.VALIDATE)
    assert min(violations[count] for count in (0, 1, 2, 3)) > 200
    for op in (Op.SET, Op.CLEAR, Op.TEST, Op.CONSISTENT):
        answers = Counter(step.expected[0] for step in steps if step.op is op)
        assert min(answers[0], answers[1]) > 1000
