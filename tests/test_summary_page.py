# SPDX-License-Identifier: GPL-2.0-only
"""The matrix as a page."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from environments import UM, Damage, anonymous, document, four, outcomes_of, passed, put, run
from golden import check_golden
from page_parser import Page

from pytest_pageconsistency.matrix import page

__all__ = ["four", "passed"]  # fixtures


@pytest.fixture
def html(four: Path, tmp_path: Path) -> str:
    assert run(four, "--html", tmp_path / "page.html") == 1
    return (tmp_path / "page.html").read_text(encoding="utf-8")


class TestPage:
    def test_is_as_it_was(self, request: pytest.FixtureRequest, html: str) -> None:
        check_golden(request, "summary.html", anonymous(html))

    def test_asks_nothing_of_the_network(self, html: str) -> None:
        parsed = Page(html)
        assert "script" not in {tag for tag, _ in parsed.tags}
        assert not parsed.attributes("src")
        assert all(link == "data:," or link.startswith("#") for link in parsed.attributes("href"))
        assert "url(" not in html
        assert "@import" not in html
        assert "default-src 'none'" in html

    def test_every_link_leads_somewhere(self, html: str) -> None:
        parsed = Page(html)
        identities = parsed.attributes("id")
        assert len(identities) == len(set(identities))
        links = [link[1:] for link in parsed.attributes("href") if link.startswith("#")]
        assert set(links) <= set(identities)
        assert {each for each in identities if each.startswith("cell-")} <= set(links)

    def test_failures_come_first(self, html: str) -> None:
        places = [html.index(f'id="{name}"') for name in ("failed", "matrix", "environments")]
        assert places == sorted(places)
        assert html.index("TestReads::test_bad") < html.index('id="matrix"')

    def test_the_row_that_differs_is_marked(self, html: str) -> None:
        (row,) = re.findall(r'<tr class="differs">.*barriers=5.*</tr>', html)
        assert "<mark>barriers=5</mark> <em>differs</em>" in row
        assert "<td>5</td>" in row

    def test_a_crash_shows_where_the_report_ends(self, html: str) -> None:
        assert html.count("the kernel&#39;s report ends here") == 1

    def test_all_green(self, tmp_path: Path, passed: dict[str, Any]) -> None:
        put(tmp_path / "um", passed, outcomes_of(passed))
        assert run(tmp_path, "--html", tmp_path / "page.html") == 0
        text = (tmp_path / "page.html").read_text()
        assert "<title>pageconsistency: all 7 cells are green</title>" in text
        assert 'id="failed"' not in text
        assert "<details open" not in text
        assert '<details class="file" open' not in text
        Page(text)

    def test_what_is_not_in_the_step_table_is_counted(
        self, tmp_path: Path, passed: dict[str, Any]
    ) -> None:
        content = document(UM, Damage(values={"test_fill.py::test_fill[70]": (71, 1)}))
        case = next(case for case in content["cases"] if "step_table" in case)
        case["step_table"] |= {"before": 123, "after": 456}
        put(tmp_path / "um", content, outcomes_of(content))
        run(tmp_path, "--html", tmp_path / "page.html")
        text = (tmp_path / "page.html").read_text()
        assert "123 before these are not shown" in text
        assert "456 after these are not shown" in text

    def test_a_page_stays_within_what_a_browser_takes(
        self, monkeypatch: pytest.MonkeyPatch, four: Path, tmp_path: Path
    ) -> None:
        monkeypatch.setattr(page, "MOST_DETAILS", 3)
        monkeypatch.setattr(page, "MOST_STEP_ROWS", 20)
        monkeypatch.setattr(page, "MOST_NAMES", 1)
        run(four, "--html", tmp_path / "page.html")
        text = (tmp_path / "page.html").read_text()
        assert "5 more failed cells stand in the matrix alone" in text
        assert "no room for more step tables on this page" in text
        Page(text)

    def test_an_older_result_has_no_step_table(self, four: Path, tmp_path: Path) -> None:
        for path in four.rglob("result.json"):
            content = json.loads(path.read_text())
            for case in content["cases"]:
                for key in ("case", "step_table", "report", "console", "command"):
                    case.pop(key, None)
            path.write_text(json.dumps(content))
        assert run(four, "--html", tmp_path / "page.html") == 1
        text = (tmp_path / "page.html").read_text()
        assert "steps are not in result.json" in text
        assert "kernel and oracle disagree at step 5 of 5" in text


def test_five_thousand_rows_take_seconds(tmp_path: Path, passed: dict[str, Any]) -> None:
    case = passed["cases"][0]
    for arch in ("um", "arm"):
        cases = [
            case | {"id": f"t{n % 9}.py::test_a[{arch}-{n}]", "case": f"t{n % 9}.py::test_a[{n}]"}
            for n in range(5000)
        ]
        content = passed | {"target": passed["target"] | {"arch": arch}, "cases": cases}
        put(tmp_path / arch, content, outcomes_of(content))
    assert run(tmp_path, "--html", tmp_path / "page.html") == 0
    assert (tmp_path / "page.html").stat().st_size < 2_000_000
