# SPDX-License-Identifier: GPL-2.0-only
"""--kunit-shard in a real pytest: what runs where, and what the shards leave together."""

from __future__ import annotations

import json
import re
from itertools import chain
from pathlib import Path

import environments
import pytest
from targets import ONCE, consoles, fake, make_tree, run, steps

PLAIN = """
    import pytest

    @pytest.mark.parametrize("number", range(7))
    def test_plain(number): assert number != 5
"""
MUTANTS = Path(__file__).parent / "test_mutants.py"


@pytest.fixture
def tree(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree for two architectures more than um."""
    return make_tree(pytester, monkeypatch)


def items(pytester: pytest.Pytester, *arguments: str) -> list[str]:
    """The ids of the items that would run."""
    quick = ("-p", "no:hypothesispytest", "-p", "no:xdist")
    result = pytester.runpytest_subprocess("--collect-only", "-q", *quick, *arguments)
    return [line for line in result.outlines if "::" in line]


def items_of_shards(pytester: pytest.Pytester, of: int, *arguments: str) -> list[str]:
    """The ids of the items that would run in any shard, as often as they would."""
    shards = [items(pytester, *arguments, f"--kunit-shard={n}/{of}") for n in range(1, of + 1)]
    sizes = list(map(len, shards))
    assert max(sizes) - min(sizes) <= 1
    return list(chain(*shards))


class TestSelection:
    def test_cases_of_every_target_and_other_items_are_split(
        self, pytester: pytest.Pytester, tree: Path
    ) -> None:
        pytester.makepyfile(test_plain=PLAIN)
        arguments = ("--kunit-tree=linux", "--kunit-arch=um,fake1,fake2")
        everything = items(pytester, *arguments)
        assert len(everything) == 6 + 7
        for of in (3, 14):
            assert sorted(items_of_shards(pytester, of, *arguments)) == sorted(everything)

    @pytest.mark.parametrize("arguments", [["-k", "plain and not 3"], ["-m", "odd"]])
    def test_what_is_selected_is_split(
        self, pytester: pytest.Pytester, arguments: list[str]
    ) -> None:
        pytester.makepyfile(PLAIN)
        pytester.makeini("[pytest]\nmarkers = odd")
        pytester.makeconftest(
            """
            import pytest

            def pytest_itemcollected(item):
                if item.callspec.params["number"] % 2:
                    item.add_marker(pytest.mark.odd)
            """
        )
        everything = items(pytester, *arguments)
        assert 1 < len(everything) < 7
        assert sorted(items_of_shards(pytester, 3, *arguments)) == sorted(everything)

    def test_the_last_failures_are_split(self, pytester: pytest.Pytester) -> None:
        pytester.makepyfile(PLAIN.replace("!= 5", "< 2"))
        pytester.runpytest_subprocess().assert_outcomes(passed=2, failed=5)
        everything = items(pytester, "--lf")
        assert len(everything) == 5
        assert sorted(items_of_shards(pytester, 2, "--lf")) == sorted(everything)

    def test_the_order_stays_and_the_others_are_deselected(self, pytester: pytest.Pytester) -> None:
        pytester.makepyfile(PLAIN)
        pytester.makeconftest("def pytest_collection_modifyitems(items): items.reverse()")
        result = pytester.runpytest_subprocess("--kunit-shard=1/2", "-v")
        result.assert_outcomes(passed=3, deselected=4)
        result.stdout.fnmatch_lines([f"*test_plain?{number}? PASSED*" for number in (2, 1, 0)])

    def test_workers_agree(self, pytester: pytest.Pytester) -> None:
        pytester.makepyfile(PLAIN)
        pytester.runpytest_subprocess("--kunit-shard=1/2", "-n2").assert_outcomes(passed=3)
        result = pytester.runpytest_subprocess("--kunit-shard=2/2", "-n2")
        result.assert_outcomes(passed=3, failed=1)

    def test_mutants_are_split(self, pytester: pytest.Pytester) -> None:
        arguments = (str(MUTANTS), "-m", "mutants", f"--rootdir={MUTANTS.parent.parent}")
        arguments = (*arguments, "-c", str(MUTANTS.parent.parent / "pyproject.toml"))
        everything = items(pytester, *arguments)
        assert len(everything) > 50
        assert sorted(items_of_shards(pytester, 3, *arguments)) == sorted(everything)

    @pytest.mark.parametrize("text", ["3/2", "0/2", "a", "1/0", ""])
    def test_what_is_no_shard_is_a_usage_error(self, pytester: pytest.Pytester, text: str) -> None:
        result = pytester.runpytest_subprocess(f"--kunit-shard={text}")
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        result.stderr.fnmatch_lines([f"*--kunit-shard: I/N with 1 <= I <= N, not '{text}'"])


class TestEmptyShards:
    @pytest.mark.parametrize("workers", [[], ["-n2"]])
    def test_are_no_error(self, pytester: pytest.Pytester, workers: list[str]) -> None:
        pytester.makepyfile("def test_a(): pass")
        results = [
            pytester.runpytest_subprocess(f"--kunit-shard={number}/2", *workers)
            for number in (1, 2)
        ]
        assert [result.ret for result in results] == [pytest.ExitCode.OK] * 2
        assert [result.parseoutcomes().get("passed", 0) for result in results] == [0, 1]
        results[0].stdout.fnmatch_lines(
            ["shard 1/2 is empty: 1 selected item is in other shards", "* in *s*"]
        )
        assert "is empty" not in results[1].stdout.str()

    @pytest.mark.parametrize("workers", [[], ["-n2"]])
    def test_nothing_selected_is_still_said(
        self, pytester: pytest.Pytester, workers: list[str]
    ) -> None:
        pytester.makepyfile("def test_a(): pass")
        result = pytester.runpytest_subprocess("--kunit-shard=1/2", "-k", "none", *workers)
        assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
        assert "is empty" not in result.stdout.str()

    def test_other_errors_are_errors(self, pytester: pytest.Pytester) -> None:
        pytester.makepyfile(test_a="def test_a(): pass", test_b="1 / 0")
        result = pytester.runpytest_subprocess("--kunit-shard=1/2")
        assert result.ret == pytest.ExitCode.INTERRUPTED


class TestResults:
    @pytest.mark.parametrize("workers", [[], ["-n2"]])
    def test_an_architecture_in_each_shard(
        self,
        pytester: pytest.Pytester,
        tree: Path,
        capsys: pytest.CaptureFixture[str],
        workers: list[str],
    ) -> None:
        arguments = ("--kunit-arch=um,fake1,fake2", "--kunit-artifacts=out", *workers)
        for number in (1, 2, 3):
            if number > 1:
                assert summary(pytester, capsys).startswith("not green\n")
            run(pytester, *arguments, f"--kunit-shard={number}/3").assert_outcomes(
                passed=2, deselected=0 if workers else 4
            )
        assert steps(pytester) == {"um": ONCE, "fake1": ONCE, "fake2": ONCE}
        text = summary(pytester, capsys)
        assert text.startswith("green\nall 6 cells are green\n")
        assert re.findall(r"^(\w+) +\w+ +6\.12\.1 +64-bit little +(\d+) ", text, re.M) == [
            ("fake1", "2"),
            ("fake2", "2"),
            ("um", "2"),
        ]

    def test_one_architecture_in_two_shards(
        self, pytester: pytest.Pytester, tree: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for number in (1, 2):
            fake(pytester, console=consoles(["um"], [number]))
            result = run(
                pytester,
                f"--kunit-shard={number}/2", "--kunit-artifacts=out", "--kunit-export=exported",
            )  # fmt: skip
            result.assert_outcomes(passed=1, deselected=1)
            assert (pytester.path / f"exported/shard-{number}-of-2/um/Kconfig").is_file()
            text = summary(pytester, capsys)
            if number == 1:
                assert "1 not run, 1 environment without a whole result; 1 of 2 cells" in text
                assert "  incomplete: shard 2 of 2 is not there\n" in text
                assert re.search(r"^test_targets.py::test_set\[2\] +no word$", text, re.M)
        assert text.startswith("green\nall 2 cells are green\n")

    def test_are_removed_by_the_same_shard_alone(
        self, pytester: pytest.Pytester, tree: Path
    ) -> None:
        arguments = ("--kunit-arch=um,fake1", "--kunit-artifacts=out")
        for number in (1, 2):
            run(pytester, *arguments, f"--kunit-shard={number}/2").assert_outcomes(
                passed=2, deselected=2
            )
        pytester.makepyfile(test_targets="1 / 0")
        run(pytester, *arguments, "--kunit-shard=2/2").assert_outcomes(errors=1)
        left = sorted(
            str(path.relative_to(pytester.path / "out"))
            for name in ("shard.json", "result.json")
            for path in (pytester.path / "out").rglob(name)
        )
        assert left == [
            "shard-1-of-2/fake1/result.json",
            "shard-1-of-2/fake1/shard.json",
            "shard-1-of-2/um/shard.json",
        ]

    def test_collecting_leaves_no_word(self, pytester: pytest.Pytester, tree: Path) -> None:
        run(pytester, "--kunit-shard=1/2", "--kunit-artifacts=out", "--collect-only")
        assert not list((pytester.path / "out").rglob("*.json"))

    def test_say_what_was_split(self, pytester: pytest.Pytester, tree: Path) -> None:
        fake(pytester, console=consoles(["um"], [2]))
        run(pytester, "--kunit-shard=2/2", "--kunit-artifacts=out")
        content = json.loads((pytester.path / "out/shard-2-of-2/um/shard.json").read_text())
        assert content == {
            "schema": "pageconsistency-shard/1",
            "shard": 2,
            "of": 2,
            "cases": ["test_targets.py::test_set[um-2]"],
            "selected": ["test_targets.py::test_set[um-1]", "test_targets.py::test_set[um-2]"],
        }


def summary(pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]) -> str:
    """What `pageconsistency summary` says of all shards until now."""
    capsys.readouterr()
    status = environments.run(pytester.path / "out", "-v")
    assert status in (0, 1)
    return f"{'not green' if status else 'green'}\n{capsys.readouterr().out}"
