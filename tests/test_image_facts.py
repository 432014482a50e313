# SPDX-License-Identifier: GPL-2.0-only
"""Facts of an image are kept until the image, or what is asked of it, is another."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_pageconsistency.kernel.image_facts import ImageFacts, ImageRecord, image_record
from pytest_pageconsistency.kernel.layout import Layout, Member
from pytest_pageconsistency.oracle import Abi

ABI = Abi(64, "little")
LAYOUT = Layout(24, (Member("bitmap", 0, "unsigned long *[2]"), Member("nbits", 16, "u")))
FACTS = ImageFacts("EM_X86_64", 64, "little", 8, LAYOUT, {"DUAL_BITMAP_PRIMARY": 0}, 2)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    image = tmp_path / "vmlinux"
    image.write_bytes(b"kernel")
    return image


def of(image: Path, abi: Abi = ABI, *functions: str) -> ImageRecord:
    record = image.with_name("image.json")
    return image_record(record, image, abi, "EM_X86_64", functions or ("pc_a", "pc_b"))


def test_facts_are_kept(image: Path) -> None:
    assert of(image).read() is None
    of(image).write(FACTS)
    assert of(image, ABI, "pc_b", "pc_a").read() == FACTS


def test_other_questions_have_no_answer(image: Path) -> None:
    of(image).write(FACTS)
    assert of(image, Abi(32, "little")).read() is None
    assert of(image, ABI, "pc_a").read() is None


def test_another_image_has_no_facts(image: Path) -> None:
    of(image).write(FACTS)
    times = image.stat()
    image.write_bytes(b"KERNEL")
    # Put back in time, of the same size and at the same place.
    os.utime(image, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert of(image).read() is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"key": 1}'])
def test_a_record_that_is_none(image: Path, text: str) -> None:
    of(image).write(FACTS)
    image.with_name("image.json").write_text(text)
    assert of(image).read() is None
