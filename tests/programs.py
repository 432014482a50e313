# SPDX-License-Identifier: GPL-2.0-only
"""Programs that several test modules generate, run and report."""

from __future__ import annotations

from pytest_pageconsistency.cases import CheckerRecorder, Program, Recorder, record
from pytest_pageconsistency.oracle import Abi
from pytest_pageconsistency.target import Target

UM = Target("um", Abi(64, "little"))


def short(dual_bitmap: Recorder) -> None:
    """Every operation once: a case that is written out."""
    db = dual_bitmap(nbits=100)
    db.set(5)
    db.test(5)
    db.consistent(5)
    db.flip("secondary", 104)
    db.validate()
    db.clear(2**40)
    db.write_word("secondary", 1, db._model.abi.ulong_max)
    db.consistent_word(1, db._model.abi.ulong_max - 1)
    db.consistent_retry(99, 3)
    db.validate_retry(127, 4, "primary")
    db.scribble("primary", 3, b"abc")
    db.word("primary", 0)
    db.words("primary")
    db.init()
    db.guard()
    null = dual_bitmap.without_memory()
    null.init()
    null.validate()


def long(dual_bitmap: Recorder) -> None:
    """Every operation, many times: a case that becomes a table."""
    db, empty = dual_bitmap(200), dual_bitmap(0, dirty=0x11)
    for bit in range(0, 200, 13):
        db.set(bit)
        db.clear(bit - bit % 2)
    for bad_reads in range(5):
        db.consistent_retry(7, bad_reads)
        db.validate_retry(199, bad_reads, "primary")
    db.scribble("secondary", 6, b"\0\x01\x02\x03")
    db.test(7)
    db.consistent(49)
    db.words("secondary")
    db.word("primary", 1)
    db.consistent_word(0, 0)
    db.write_word("secondary", 0, 0)
    db.flip("primary", 255)
    db.validate()
    db.guard()
    null = dual_bitmap.without_memory()
    null.init()
    null.guard()
    null.set(0)
    null.words("primary")
    empty.init()
    empty.words("primary")
    empty.set(0)
    empty.validate()


def programs(abi: Abi = UM.abi) -> list[Program]:
    """Both, under ids that hold what C comments must not."""
    return [
        record(short, abi, "tests/test_a.py::TestA::test_short[um-é*/ \U0001f600]"),
        record(long, abi, "tests/test_a.py::test_long[um]"),
    ]


def checked(recorder: Recorder) -> None:
    """Every call of the page consistency checker, and a retry in its bitmap."""
    pc = CheckerRecorder(recorder)
    for panic in (False, True):
        pc.boot(256, 356, panic=panic)
        pc.alloc(300, 2)
        pc.running()
        pc.bitmap.validate_retry(44, 2)
        pc.stats()
        pc.flip("primary", 355)
        pc.check(355)
        pc.validate_all()
        pc.write_validate()
        pc.violations()
        pc.free(355)
        pc.panics()
    pc.boot(256, 256)
    pc.free(300)


def checker_program(abi: Abi = UM.abi) -> Program:
    """A case of the page consistency checker."""
    return record(checked, abi, "tests/test_a.py::test_checked[um]")
