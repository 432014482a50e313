# SPDX-License-Identifier: GPL-2.0-only
"""What stands between pytest and a body has its say, whether or not cases run ahead."""

from __future__ import annotations

from pathlib import Path

import pytest
import recorded
from test_plugin import _tools, run, tree

__all__ = ["_tools", "tree"]

# Another plugin that runs items: none of ours runs ahead then.
PLAIN_WAY = "def pytest_runtest_protocol(item, nextitem): pass\n"

OVERRIDE = """
import pytest

@pytest.fixture
def dual_bitmap(dual_bitmap):
    yield dual_bitmap
    assert 0, "checked afterwards"
"""
WRAPPED = """
import functools

def pytest_itemcollected(item):
    inner = item.obj

    @functools.wraps(inner)
    def outer(*args, **kwargs):
        inner(*args, **kwargs)
        assert 0, "wrapped"

    item.obj = outer
"""
OWN_CLASS = """
import pytest

class Strict(pytest.Function):
    def runtest(self):
        super().runtest()
        assert 0, "own runtest"

def pytest_collection_modifyitems(items):
    for item in items:
        item.__class__ = Strict
"""


def outcomes(pytester: pytest.Pytester, *arguments: str) -> dict[str, int]:
    """Those of a session, which are the same if no case runs ahead."""
    (pytester.path / "plain_way.py").write_text(PLAIN_WAY)
    found = [run(pytester, *arguments) for _ in range(2)]
    found.append(run(pytester, "-p", "plain_way", *arguments))
    counts = [result.parseoutcomes() for result in found]
    assert counts[0] == counts[1] == counts[2]
    assert found[0].ret == found[1].ret == found[2].ret
    return counts[0]


def replace(pytester: pytest.Pytester, old: str, new: str) -> None:
    path = pytester.path / recorded.TEST_FILE
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(f"import threading\n{text.replace(old, new)}", encoding="utf-8")


def test_nothing_stands_there(pytester: pytest.Pytester, tree: Path) -> None:
    assert outcomes(pytester) == {"passed": 4}


@pytest.mark.parametrize("conftest", [OVERRIDE, WRAPPED, OWN_CLASS])
def test_a_conftest(pytester: pytest.Pytester, tree: Path, conftest: str) -> None:
    pytester.makeconftest(conftest)
    assert outcomes(pytester).get("passed", 0) < 8
    found = outcomes(pytester)
    assert found.get("failed", 0) + found.get("errors", 0) == 4


@pytest.mark.parametrize("name", ["setup_module", "setUpModule"])
def test_the_set_up_of_a_package(pytester: pytest.Pytester, tree: Path, name: str) -> None:
    package = pytester.path / "package"
    package.mkdir()
    (package / "__init__.py").write_text(f"def {name}(): raise ValueError('no')\n")
    (pytester.path / recorded.TEST_FILE).rename(package / recorded.TEST_FILE)
    assert outcomes(pytester) == {"errors": 4}


def test_what_a_body_returns(pytester: pytest.Pytester, tree: Path) -> None:
    replace(pytester, "assert db.validate() == 1", "return db.validate() == 12345")
    found = outcomes(pytester, "-W", "error")
    assert found["failed"] >= 1


def test_what_a_thread_raises(pytester: pytest.Pytester, tree: Path) -> None:
    thread = "thread = threading.Thread(target=lambda: 1 / 0); thread.start(); thread.join()"
    first = "        db = dual_bitmap(nbits=100)\n"
    replace(pytester, first, f"        {thread}\n{first}")
    found = outcomes(pytester, "-W", "error")
    assert found["failed"] >= 1
    assert "errors" not in found


def test_no_capture_and_no_logging(pytester: pytest.Pytester, tree: Path) -> None:
    assert outcomes(pytester, "-p", "no:logging") == {"passed": 4}
    assert outcomes(pytester, "-p", "no:capture") == {"passed": 4}
