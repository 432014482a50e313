# SPDX-License-Identifier: GPL-2.0-only
"""Whose word width and byte order are known before anything is built."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

import pytest
from test_kunit_runner import changed, request_for

from pytest_pageconsistency.cores import Cores
from pytest_pageconsistency.kernel.probe import read_abi
from pytest_pageconsistency.oracle import Abi
from pytest_pageconsistency.progress import SilentProgress
from pytest_pageconsistency.verdict import TargetError

PLAIN = {"kconfig": (), "make_options": ()}


def probe(tmp_path: Path, **fields: Any) -> Abi:
    request = changed(request_for(tmp_path, config_stderr="asked"), **{**PLAIN, **fields})
    return read_abi(request.configuration, {"Kconfig": b""}, Cores(1), SilentProgress())


def test_user_mode_linux_is_what_the_machine_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    assert probe(tmp_path) == Abi(64, "little")
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("machine", "fields"),
    [
        ("i686", {}),
        ("x86_64", {"arch": "i386"}),
        ("x86_64", {"make_options": ("SUBARCH=i386",)}),
        ("x86_64", {"kconfig": ("CONFIG_64BIT=n",)}),
    ],
)
def test_all_others_are_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, machine: str, fields: dict[str, Any]
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)
    with pytest.raises(TargetError, match="asked"):
        probe(tmp_path, **fields)
