# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import pytest

from pytest_pageconsistency.kernel.tools import require_tools
from pytest_pageconsistency.verdict import Kind, TargetError


def lacking(*missing: str, options: tuple[str, ...] = ()) -> str:
    """The message on a machine that has all but `missing`."""
    with pytest.raises(TargetError) as caught:
        require_tools(options, lambda tool: None if tool in missing else f"/bin/{tool}")
    assert caught.value.verdict.kind is Kind.TOOL_MISSING
    return caught.value.verdict.message


def test_nothing_missing() -> None:
    require_tools((), lambda tool: f"/bin/{tool}")


def test_one_missing() -> None:
    assert lacking("flex") == "flex is missing; install it with: apt-get install flex"


def test_all_missing_at_once_in_one_line() -> None:
    assert lacking("flex", "bison", "ld", "nm") == (
        "flex, bison, ld and nm are missing; install them with: apt-get install binutils bison flex"
    )


@pytest.mark.parametrize(
    ("options", "missing", "package"),
    [
        (("CC=gcc-12",), "gcc-12", "gcc-12"),
        (("CC=ccache gcc-12 -pipe",), "gcc-12", "gcc-12"),
        (("CC=ccache gcc",), "ccache", "ccache"),
        (("HOSTCC=clang",), "clang", "clang"),
        (("LLVM=1",), "clang", "clang"),
        (("LLVM=1",), "ld.lld", "lld"),
        (("LLVM=-15",), "llvm-ar-15", "llvm-15"),
        (("LLVM=-15",), "ld.lld-15", "lld-15"),
        (("LLVM=1", "LD=ld.bfd"), "ld.bfd", "ld.bfd"),
        (("CROSS_COMPILE=s390x-linux-gnu-",), "s390x-linux-gnu-gcc", "gcc-s390x-linux-gnu"),
        (
            ("CROSS_COMPILE=arm-linux-gnueabihf-",),
            "arm-linux-gnueabihf-ld",
            "binutils-arm-linux-gnueabihf",
        ),
        (("CROSS_COMPILE=s390x-linux-gnu-",), "gcc", "gcc"),
    ],
)
def test_make_options_decide_what_is_needed(
    options: tuple[str, ...], missing: str, package: str
) -> None:
    expected = f"{missing} is missing; install it with: apt-get install {package}"
    assert lacking(missing, options=options) == expected


@pytest.mark.parametrize(
    ("options", "unneeded"), [(("LLVM=1",), "gcc"), (("LLVM=1",), "ld"), (("LLVM=0",), "clang")]
)
def test_what_make_would_not_call_is_not_asked_for(options: tuple[str, ...], unneeded: str) -> None:
    require_tools(options, lambda tool: None if tool == unneeded else f"/bin/{tool}")


def test_a_path_is_no_package() -> None:
    with pytest.raises(TargetError, match="/opt/cc is missing; correct the make options") as caught:
        require_tools(("CC=/opt/cc",), lambda tool: None if tool == "/opt/cc" else f"/bin/{tool}")
    assert caught.value.verdict.kind is Kind.CONFIG_ERROR
