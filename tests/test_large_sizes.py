# SPDX-License-Identifier: GPL-2.0-only
"""Sizes that no kernel of ours has the memory for: tried on our C, without a kernel around it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from user_space import compiled

MAIN = """\
#include "kernel.h"
#include "page_consistency.c"

int main(int argc, char **argv)
{
	start = strtoull(argv[1], NULL, 0);
	end = strtoull(argv[2], NULL, 0);
	page_consistency_init();
	return page_consistency_enabled || page_consistency_check_page(pages + start) !=
		PAGE_CONSISTENCY_NOT_TRACKED;
}
"""
WIDE = """\
#include "kernel.h"
#include "page_consistency.c"

int main(void)
{
	unsigned long bit = (1UL << 31) + 5;
	unsigned long words[2] = { 0, ~0UL };
	struct dual_bitmap db = { .nbits = UINT_MAX };
	bool old;

	db.bitmap[DUAL_BITMAP_PRIMARY] = &words[0] - bit / 64;
	db.bitmap[DUAL_BITMAP_SECONDARY] = &words[1] - bit / 64;
	old = dual_bitmap_set(&db, bit);
	printf("%d %lx %lx %d\\n", old, words[0], words[1], dual_bitmap_consistent(&db, bit));
	old = dual_bitmap_clear(&db, bit);
	printf("%d %lx %lx %d\\n", old, words[0], words[1], dual_bitmap_consistent(&db, bit));
	return 0;
}
"""
WORDS = 1 << 26
REFUSED = "Cannot track PFN range [{}-{}), disabled"


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(tmp_path_factory.mktemp("ours"), MAIN)


@pytest.fixture(scope="module")
def conforming(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With the original's behaviour."""
    return compiled(tmp_path_factory.mktemp("conforming"), MAIN, conforming=True)


def init(checker: Path, start: int, span: int) -> str:
    """What it says when a system with this span boots, and memblock has no memory."""
    command = [str(checker), str(start), str(start + span)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout.replace("page_consistency: ", "").partition("\n")[0]


def outcome(start: int, span: int, words: int) -> str:
    """Memory for a first bitmap of so many words is asked for, or none is."""
    return f"allocate {8 * words}" if words else REFUSED.format(start, start + span)


@pytest.mark.parametrize("start", [0, 256])
@pytest.mark.parametrize(
    ("span", "words"),
    [(0, 0), (1, 1), (64, 1), (65, 2), (0xFFFFFFC0, WORDS - 1), (1 << 32, 0), (5 + (1 << 32), 0)],
)
def test_spans(ours: Path, conforming: Path, start: int, span: int, words: int) -> None:
    assert init(ours, start, span) == outcome(start, span, words)
    assert init(conforming, start, span) == outcome(start, span, words)


@pytest.mark.parametrize("span", [0xFFFFFFC1, 0xFFFFFFFF])
def test_a_span_whose_size_wraps(ours: Path, conforming: Path, span: int) -> None:
    """bitmap_zero() and bitmap_fill() would write nothing."""
    assert init(ours, 0, span) == outcome(0, span, 0)
    assert init(conforming, 0, span) == outcome(0, span, WORDS)


def test_a_bit_past_int(tmp_path: Path) -> None:
    """What some architectures have for an atomic operation takes the bit's number as an int."""
    program = compiled(tmp_path, WIDE)
    done = subprocess.run([program], check=True, capture_output=True, text=True)
    assert done.stdout == "0 20 ffffffffffffffdf 1\n1 0 ffffffffffffffff 1\n"
