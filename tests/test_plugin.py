# SPDX-License-Identifier: GPL-2.0-only
"""The plugin as a user meets it: a real pytest on a fake kernel tree."""

from __future__ import annotations

import json
import os
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
import recorded
from fake_kernel import calls, make_fake_make, make_fake_tools, make_fake_tree


@pytest.fixture(autouse=True)
def _tools(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    tools = make_fake_make(pytester.path / "tools")
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture
def tree(pytester: pytest.Pytester) -> Path:
    """A fake tree whose kernel passes the recorded cases."""
    recorded.put_cases(pytester)
    return fake(pytester, console=recorded.console("passed"))


def fake(pytester: pytest.Pytester, **behaviour: Any) -> Path:
    return make_fake_tree(pytester.path / "linux", **{"cases": True, **behaviour})


def run(pytester: pytest.Pytester, *arguments: str, tree: str = "linux") -> pytest.RunResult:
    return pytester.runpytest_subprocess(
        # It would take longer to start than everything else.
        "-p", "no:hypothesispytest",
        f"--kunit-tree={tree}", f"--kunit-cache={pytester.path / 'cache'}", *arguments,
    )  # fmt: skip


def document(pytester: pytest.Pytester) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((pytester.path / "out/um/result.json").read_text())
    return loaded


def kernel_steps(pytester: pytest.Pytester) -> list[str]:
    """The steps of kunit.py that were taken, in all builds of the session's cache."""
    builds = (pytester.path / "cache/kernels").glob("*/build")
    return [call[0] for build in builds for call in calls(build)]


class TestVerdicts:
    def test_agreement(self, pytester: pytest.Pytester, tree: Path) -> None:
        result = run(pytester, "--kunit-arch=um", "-v", "--kunit-artifacts=out")
        result.assert_outcomes(passed=4)
        result.stdout.fnmatch_lines(["*::test_set?um? *", "*um-99? PASSED*"])
        assert kernel_steps(pytester) == ["config", "build", "exec"]
        assert [case["verdict"] for case in document(pytester)["cases"]] == ["passed"] * 4

    def test_disagreement(self, pytester: pytest.Pytester, tree: Path) -> None:
        console = recorded.console("passed").replace("_e84b8efc4d: pc", "_e84b8efc4d: pc", 1)
        lines = console.splitlines(keepends=True)
        wrong = [
            line.replace("b1.0 1", "b1.1 1") if "pc_is_seen_um_0_" in line else line
            for line in lines
        ]
        assert wrong != lines
        fake(pytester, console="".join(wrong))
        result = run(pytester, "--junit-xml=junit.xml", "--kunit-artifacts=out")
        result.assert_outcomes(passed=3, failed=1)
        result.stdout.fnmatch_lines(
            [
                "disagreement: um: kernel and oracle disagree at step 4 of 5, consistent(0)",
                ">   assert db.consistent(bit) is False",
                "  oracle: False",
                "  kernel: True",
                "reproduce:",
            ]
        )
        found = [case for case in document(pytester)["cases"] if case["verdict"] != "passed"]
        assert found[0]["disagreement"] == {"step": 4, "expected": ["0x0"], "observed": ["0x1"]}
        failure = ET.parse(pytester.path / "junit.xml").find(".//failure")
        assert failure is not None
        assert "disagreement" in str(failure.get("message"))
        assert "kernel: True" in str(failure.text)
        assert ": pc df7182cf92 0 begin" in str(failure.text)

    @pytest.mark.parametrize(
        ("name", "outcomes", "sentence"),
        [
            ("panic", {"passed": 1, "failed": 1, "errors": 2}, "*validate() was told to panic*"),
            ("halt", {"passed": 1, "failed": 1, "errors": 2}, "*kernel crash: um: *"),
        ],
    )
    def test_crash(
        self, pytester: pytest.Pytester, tree: Path, name: str, outcomes: Any, sentence: str
    ) -> None:
        fake(pytester, console=recorded.console(name))
        result = run(pytester)
        result.assert_outcomes(**outcomes)
        for line in (sentence, "*not run: um: the case was never seen*"):
            result.stdout.fnmatch_lines([line])

    def test_hang(self, pytester: pytest.Pytester, tree: Path) -> None:
        fake(pytester, console=recorded.console("hang"), hang="exec", leave_child="exec")
        result = run(pytester, "--kunit-timeout=2")
        result.assert_outcomes(passed=1, failed=1, errors=2)
        result.stdout.fnmatch_lines(["timeout: um: *while this case was running"])

    @pytest.mark.parametrize(
        "console", ["", "garbage\0\x1b[2J\n", "KTAP version 1\n1..1\n", "ok 1 pageconsistency\n"]
    )
    def test_nothing_worth_reading(
        self, pytester: pytest.Pytester, tree: Path, console: str
    ) -> None:
        fake(pytester, console=console)
        run(pytester).assert_outcomes(errors=4)

    def test_forged_result_lines(self, pytester: pytest.Pytester, tree: Path) -> None:
        lines = recorded.console("passed").splitlines(keepends=True)
        fake(pytester, console="".join(line for line in lines if ": pc " not in line))
        result = run(pytester)
        result.assert_outcomes(failed=4)
        result.stdout.fnmatch_lines(["malformed observations: um: *observed nothing"])

    def test_another_build(self, pytester: pytest.Pytester, tree: Path) -> None:
        fake(pytester, console=recorded.console("passed").replace("@BUILD@", "0" * 16))
        result = run(pytester)
        result.assert_outcomes(failed=4)
        result.stdout.fnmatch_lines(["malformed observations: um: *built from other sources*"])

    def test_a_failing_assertion_reads_as_ever(self, pytester: pytest.Pytester, tree: Path) -> None:
        text = (pytester.path / recorded.TEST_FILE).read_text(encoding="utf-8")
        changed = text.replace("assert db.set(100) is False", "assert db.set(100) is True")
        (pytester.path / recorded.TEST_FILE).write_text(changed, encoding="utf-8")
        result = run(pytester)
        result.assert_outcomes(passed=3, failed=1)
        result.stdout.fnmatch_lines(
            ["E       assert False is True", "*the kernel agrees with the oracle in all 5 steps*"]
        )


class TestTargetErrors:
    def expect_errors(self, result: pytest.RunResult, *sentences: str) -> None:
        result.assert_outcomes(errors=4)
        result.stdout.fnmatch_lines(list(sentences))
        result.stdout.no_fnmatch_line("*Traceback*")

    def test_header_that_does_not_compile(self, pytester: pytest.Pytester, tree: Path) -> None:
        error = "@ROOT@/include/linux/dual_bitmap.h:7:1: error: unknown type name 'bool_'"
        fake(pytester, build_stderr=error)
        result = run(pytester)
        self.expect_errors(
            result, "build error: *include/linux/dual_bitmap.h*", "*unknown type name 'bool_'*"
        )
        assert str(result.stdout).count("unknown type name") == 1
        result.stdout.fnmatch_lines(["the details stand with test_recorded.py::test_set*"])

    def test_config_error(self, pytester: pytest.Pytester, tree: Path) -> None:
        fake(
            pytester,
            config_stderr="Not all Kconfig options selected in kunitconfig were in the generated "
            ".config.\nThis is probably due to unsatisfied dependencies.\nMissing: CONFIG_KASAN=y",
        )
        result = run(pytester, "--kunit-kconfig=CONFIG_KASAN=y")
        self.expect_errors(result, "config error: *CONFIG_KASAN=y*")

    def test_disk_full(self, pytester: pytest.Pytester, tree: Path) -> None:
        fake(pytester, build_stderr="fatal error: error writing to x.s: No space left on device")
        self.expect_errors(run(pytester), "config error: *disk*full*")

    def test_cache_that_cannot_be_made(self, pytester: pytest.Pytester, tree: Path) -> None:
        (pytester.path / "cache").write_text("not a directory")
        self.expect_errors(run(pytester), "config error: *cache*")

    @pytest.mark.parametrize(
        ("damage", "sentence"),
        [
            (lambda tree: (tree / "Makefile").write_text("all:\n"), "config error: *kernel*"),
            (lambda tree: shutil.rmtree(tree / "tools/testing/kunit"), "config error: *KUnit*"),
        ],
        ids=["not-a-kernel", "too-old"],
    )
    def test_tree(self, pytester: pytest.Pytester, tree: Path, damage: Any, sentence: str) -> None:
        damage(tree)
        self.expect_errors(run(pytester), sentence)

    def test_tools_missing_are_a_skip_that_says_what_to_install(
        self, pytester: pytest.Pytester, tree: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tools = make_fake_tools(pytester.path / "bin")
        (tools / "flex").unlink()
        (tools / "bison").unlink()
        monkeypatch.setenv("PATH", str(tools))
        result = run(pytester, "-rs")
        result.assert_outcomes(skipped=4)
        result.stdout.fnmatch_lines(["*apt-get install*bison*flex*"])


class TestNoFalseGreen:
    def test_a_case_by_another_door(self, pytester: pytest.Pytester) -> None:
        pytester.makepyfile(
            """
            def test_x(request, kunit_target):
                request.getfixturevalue("dual_bitmap")(8).set(1)
            """
        )
        fake(pytester)
        result = run(pytester)
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(["case error: a case takes dual_bitmap as an argument*"])

    def test_steps_after_the_body(self, pytester: pytest.Pytester, tree: Path) -> None:
        pytester.makeconftest(
            """
            import pytest

            @pytest.fixture(autouse=True)
            def late(dual_bitmap):
                yield
                dual_bitmap(8)
            """
        )
        result = run(pytester)
        result.assert_outcomes(passed=4, errors=4)
        result.stdout.fnmatch_lines(["case error: *steps after its body had ended"])

    def test_xfail_stands_for_a_kernel_at_fault_alone(
        self, pytester: pytest.Pytester, tree: Path
    ) -> None:
        pytester.makeconftest(
            """
            import pytest

            def pytest_itemcollected(item):
                item.add_marker(pytest.mark.xfail)
            """
        )
        fake(pytester, console=recorded.console("panic"))
        run(pytester).assert_outcomes(xpassed=1, xfailed=1, errors=2)
        fake(pytester, build_stderr="mm/slab.c:1:1: error: no")
        run(pytester).assert_outcomes(errors=4)

    def test_an_earlier_result_does_not_stay(self, pytester: pytest.Pytester, tree: Path) -> None:
        run(pytester, "--kunit-artifacts=out").assert_outcomes(passed=4)
        assert (pytester.path / "out/um/result.json").exists()
        fake(pytester, build_stderr="mm/slab.c:1:1: error: no")
        run(pytester, "--kunit-artifacts=out").assert_outcomes(errors=4)
        assert document(pytester)["cases"] == []
        assert document(pytester)["error"]["kind"] == "tree does not build"
        assert not (pytester.path / "out/um/console.log").exists()

    def test_an_item_that_cannot_be_a_case_harms_no_other(
        self, pytester: pytest.Pytester, tree: Path
    ) -> None:
        pytester.makepyfile(
            test_odd="""
            import unittest
            import pytest

            class TestOld(unittest.TestCase):
                @pytest.fixture(autouse=True)
                def make(self, request):
                    request.getfixturevalue("dual_bitmap")

                def test_old(self):
                    pass

            @pytest.mark.skipif("1/0")
            def test_mark(dual_bitmap):
                dual_bitmap(8)
            """
        )
        result = run(pytester)
        result.assert_outcomes(passed=4, errors=2)

    @pytest.mark.parametrize(
        ("programs", "sentence"),
        [
            ("[]", "*no programs*"),
            ("[record(lambda d: None, kunit_target.abi, 'a')]", "*a has no steps*"),
            ("[record(lambda d: d(8), kunit_target.abi, 'a')] * 2", "*same id*"),
            ("[record(lambda d: d(8), Abi(32, 'big'), 'a')]", "*another ABI*"),
        ],
    )
    def test_programs_that_prove_nothing(
        self, pytester: pytest.Pytester, programs: str, sentence: str
    ) -> None:
        pytester.makepyfile(
            f"""
            from pytest_pageconsistency.cases import record
            from pytest_pageconsistency.oracle import Abi

            def test_x(kunit_run, kunit_target):
                kunit_run({programs})
            """
        )
        fake(pytester)
        result = run(pytester)
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines([f"case error: {sentence}"])

    def test_what_a_kernel_prints_cannot_steer_the_terminal(
        self, pytester: pytest.Pytester, tree: Path
    ) -> None:
        console = recorded.console("panic").replace("told to panic", "told \x1b[31mto panic\x07")
        fake(pytester, console=console)
        result = run(pytester)
        result.assert_outcomes(passed=1, failed=1, errors=2)
        assert "\x1b[31mto" not in str(result.stdout)
        assert "\x07" not in str(result.stdout)


class TestOptions:
    @pytest.mark.parametrize(
        ("option", "sentence"),
        [
            ("--kunit-arch=um,", "*--kunit-arch wants names, not 'um,'*"),
            ("--kunit-header=none.h", "*--kunit-header: *none.h is no file*"),
            ("--kunit-checker=none.c", "*--kunit-checker: *none.c is no file*"),
            ("--kunit-checker=.", "*--kunit-checker: * is a directory, not a file*"),
            ("--kunit-checker=", "*--kunit-checker wants the name of a file*"),
            ("--kunit-kconfig=KASAN", "*--kunit-kconfig wants CONFIG_NAME=value, not 'KASAN'*"),
            (
                "--kunit-make-option=-k",
                "*--kunit-make-option wants NAME=value (no O, M, ARCH or CROSS_COMPILE), not '-k'*",
            ),
            ("--kunit-make-option=O=/x", "*--kunit-make-option wants NAME=value (no O, *"),
            ("--kunit-jobs=0", "*--kunit-jobs wants at least 1, not 0*"),
            ("--kunit-timeout=0", "*--kunit-timeout wants seconds, not 0*"),
            ("--kunit-timeout=inf", "*--kunit-timeout wants seconds, not inf*"),
            ("--kunit-tree=none", "*--kunit-tree: there is no kernel tree at *none*"),
            ("--kunit-tree=~nobody-here/linux", "*there is no home directory for ~nobody-here*"),
        ],
    )
    def test_wrong_ones_are_usage_errors(
        self, pytester: pytest.Pytester, option: str, sentence: str
    ) -> None:
        result = pytester.runpytest_subprocess(option)
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        result.stderr.fnmatch_lines([sentence])
        assert "Traceback" not in str(result.stderr)

    def test_tree_from_the_environment(
        self, pytester: pytest.Pytester, tree: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("KUNIT_TREE", str(tree))
        result = pytester.runpytest_subprocess(f"--kunit-cache={pytester.path / 'cache'}")
        result.assert_outcomes(passed=4)

    def test_tree_from_the_ini_file(self, pytester: pytest.Pytester, tree: Path) -> None:
        pytester.makeini("[pytest]\nkunit_tree = linux\n")
        result = pytester.runpytest_subprocess(f"--kunit-cache={pytester.path / 'cache'}")
        result.assert_outcomes(passed=4)

    def test_options_reach_kunit(self, pytester: pytest.Pytester, tree: Path) -> None:
        run(
            pytester,
            "--kunit-kconfig=CONFIG_A=y",
            "--kunit-kconfig=CONFIG_B=y",
            "--kunit-make-option=KCFLAGS=-g",
            "--kunit-jobs=7",
        )
        (build,) = (pytester.path / "cache/kernels").glob("*/build")
        arguments = [argument for call in calls(build) for argument in call]
        for wanted in ("--kconfig_add=CONFIG_A=y", "--kconfig_add=CONFIG_B=y", "--jobs=7"):
            assert wanted in arguments
        assert "--make_options=KCFLAGS=-g" in arguments

    def test_quiet_is_silent(self, pytester: pytest.Pytester, tree: Path) -> None:
        result = run(pytester, "-q")
        result.assert_outcomes(passed=4)
        result.stdout.no_fnmatch_line("*building*")

    def test_export(self, pytester: pytest.Pytester, tree: Path) -> None:
        run(pytester, "--kunit-export=exported").assert_outcomes(passed=4)
        names = sorted(path.name for path in (pytester.path / "exported/um").iterdir())
        assert names == ["Kconfig", "Makefile", "dual_bitmap_cases_kunit.c"]


class TestSelection:
    def test_a_compiler_that_is_not_there_is_no_skip(
        self, pytester: pytest.Pytester, tree: Path
    ) -> None:
        result = run(pytester, "--kunit-make-option=CC=/nowhere/gcc")
        result.assert_outcomes(errors=4)
        result.stdout.fnmatch_lines(["config error: /nowhere/gcc is missing*"])

    def test_only_selected_cases_are_generated(self, pytester: pytest.Pytester, tree: Path) -> None:
        result = run(pytester, "-k", "set or many", "--kunit-artifacts=out")
        assert result.parseoutcomes()["deselected"] == 2
        source = (pytester.path / "out/um/suite.c").read_text()
        assert source.count("KUNIT_CASE(") == 2
        assert "pc_is_seen" not in source

    def test_skipped_cases_are_not_generated(self, pytester: pytest.Pytester, tree: Path) -> None:
        pytester.makepyfile(
            """
            import pytest

            @pytest.mark.skip(reason="would crash")
            def test_marked(dual_bitmap):
                dual_bitmap(8)

            @pytest.mark.skipif(True, reason="would crash")
            def test_conditional(dual_bitmap):
                dual_bitmap(8)

            @pytest.mark.xfail(run=False)
            def test_not_run(dual_bitmap):
                dual_bitmap(8)

            def test_in_the_body(dual_bitmap):
                pytest.skip("not here")
            """
        )
        result = run(pytester, "-k", "not recorded")
        result.assert_outcomes(skipped=3, xfailed=1)
        assert kernel_steps(pytester) == []

    def test_workers_agree_with_one_process(self, pytester: pytest.Pytester, tree: Path) -> None:
        run(pytester, "-n2").assert_outcomes(passed=4)

    def test_collecting_builds_nothing(self, pytester: pytest.Pytester, tree: Path) -> None:
        run(pytester, "--collect-only").stdout.fnmatch_lines(["*test_is_seen?um-99?*"])
        assert not (pytester.path / "cache").exists()


class TestCasesAtFault:
    @pytest.mark.parametrize(
        ("body", "sentence"),
        [
            ("def test_x(dual_bitmap): pass", "*case error: *recorded nothing*"),
            ("def test_x(dual_bitmap, tmp_path): dual_bitmap(8)", "*cannot take*'tmp_path'*"),
            ("def test_x(dual_bitmap, kunit_run): dual_bitmap(8)", "*cannot take*'kunit_run'*"),
            ("async def test_x(dual_bitmap): dual_bitmap(8)", "*a plain function*"),
        ],
    )
    def test_is_an_error_that_says_so(
        self, pytester: pytest.Pytester, body: str, sentence: str
    ) -> None:
        pytester.makepyfile(body)
        fake(pytester)
        result = run(pytester)
        result.assert_outcomes(errors=1)
        result.stdout.fnmatch_lines([sentence])

    def test_not_deterministic(self, pytester: pytest.Pytester, tree: Path) -> None:
        text = (pytester.path / recorded.TEST_FILE).read_text(encoding="utf-8")
        text = text.replace("assert db.set(100) is False", "assert db.set(next(NUMBERS)) is False")
        text += "\n\nimport itertools\nNUMBERS = itertools.count(100)\n"
        (pytester.path / recorded.TEST_FILE).write_text(text, encoding="utf-8")
        result = run(pytester)
        result.assert_outcomes(passed=3, failed=1)
        result.stdout.fnmatch_lines(
            ["case error: the case is not deterministic*", "step 5 * was set(100), then set(101)"]
        )

    def test_a_bit_that_does_not_fit(self, pytester: pytest.Pytester) -> None:
        pytester.makepyfile("def test_x(dual_bitmap): dual_bitmap(8).set(1 << 64)")
        fake(pytester)
        result = run(pytester)
        assert result.ret == pytest.ExitCode.TESTS_FAILED
        result.stdout.fnmatch_lines(["*does not fit this target's unsigned long*"])
        assert kernel_steps(pytester) == []
