# SPDX-License-Identifier: GPL-2.0-only
"""How items are split: each is in one shard, and which one depends on nothing but its name."""

from __future__ import annotations

import subprocess
import sys
from itertools import chain
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_pageconsistency.shard import Key, Shard, members, parse_directory, parse_shard

ARCHITECTURES = st.sampled_from(["", "um", "s390", "m68k"])
KEYS = st.lists(st.tuples(ARCHITECTURES, st.text()), unique=True)


def split(keys: list[Key], of: int) -> list[list[Key]]:
    """The keys of each shard."""
    return [
        [keys[position] for position in members(keys, Shard(number, of))]
        for number in range(1, of + 1)
    ]


@given(KEYS, st.integers(1, 50))
def test_each_item_is_in_one_shard(keys: list[Key], of: int) -> None:
    assert sorted(chain(*split(keys, of))) == sorted(keys)


@given(KEYS, st.integers(1, 9), st.randoms())
def test_the_order_of_collection_does_not_matter(keys: list[Key], of: int, random: Random) -> None:
    shuffled = list(keys)
    random.shuffle(shuffled)
    assert list(map(set, split(shuffled, of))) == list(map(set, split(keys, of)))


@given(KEYS, st.integers(1, 9))
def test_items_keep_their_order(keys: list[Key], of: int) -> None:
    for of_shard in split(keys, of):
        assert of_shard == [key for key in keys if key in of_shard]


@given(st.lists(st.text(), unique=True), st.integers(1, 50))
def test_sizes_of_one_architecture_differ_by_one(case_ids: list[str], of: int) -> None:
    sizes = [len(each) for each in split([("um", case_id) for case_id in case_ids], of)]
    assert max(sizes) - min(sizes) <= 1


@given(
    st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), st.integers(0, 300)), st.integers(1, 9)
)
def test_sizes_of_several_architectures_differ_by_few(sizes: dict[str, int], of: int) -> None:
    keys = [(arch, f"{number}") for arch, size in sizes.items() for number in range(size)]
    for each in split(keys, of):
        assert abs(len(each) - len(keys) / of) <= len(keys) / of / 8 + 1


@given(st.integers(1, 6), st.integers(100, 140), st.integers(100, 140))
def test_a_shard_builds_no_kernel_for_a_few_cases(of: int, first: int, second: int) -> None:
    """Those that apply to one architecture alone must not shift all others."""
    sizes = {"a": 1000 + first, "b": 1000 + second}
    keys = [(arch, f"{number}") for arch, size in sizes.items() for number in range(size)]
    kernels = sum(len({arch for arch, _ in each}) for each in split(keys, of))
    assert kernels == max(of, 2) + (of % 2 if of > 1 else 0)


def test_hashes_do_not_matter() -> None:
    code = (
        "from pytest_pageconsistency.shard import Shard, members\n"
        "keys = sorted({('um', f't.py::test[{n}]') for n in range(100)})\n"
        "print(hash('a') and [members(keys, Shard(n, 3)) for n in (1, 2, 3)])"
    )
    command = [sys.executable, "-c", code]
    outputs = {
        subprocess.run(
            command, env={"PYTHONHASHSEED": seed}, check=True, capture_output=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1


@pytest.mark.parametrize(
    "text", ["", "1", "0/2", "3/2", "-1/2", "1/0", "1/2/3", "1 / 2", "a/b", "²/3", "1/9999999"]
)
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="I/N with 1 <= I <= N, not "):
        parse_shard(text)


def test_names() -> None:
    shard = parse_shard("2/12")
    assert shard == Shard(2, 12)
    assert shard.directory == "shard-2-of-12"
    assert parse_directory("shard-2-of-12") == shard
    assert parse_directory("shard-13-of-12") is None
    assert parse_directory("shard-2") is None
