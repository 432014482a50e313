# SPDX-License-Identifier: GPL-2.0-only
"""What is removed from a build directory because make would take it for up to date."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from test_incremental import settle

from pytest_pageconsistency.kernel.changes import find_changes
from pytest_pageconsistency.kernel.clock import next_disk_time
from pytest_pageconsistency.kernel.inputs import look_again, take_record
from pytest_pageconsistency.kernel.paths import own_paths, paths_of
from pytest_pageconsistency.kernel.place import Configuration, Place
from pytest_pageconsistency.kernel.record import begin, read_record, write_record
from pytest_pageconsistency.kernel.stale import remove_stale
from pytest_pageconsistency.kernel.tree import Tree
from pytest_pageconsistency.kernel.whole import is_whole

OWN = ["include/linux/dual_bitmap.h", "mm/pageconsistency/suite.c"]
OBJECTS = {
    "mm/slab.o": ["mm/slab.c", "include/linux/slab.h"],
    "mm/util.o": ["mm/util.c", "include/linux/util.h", "include/uapi/linux/util.h"],
    "mm/pageconsistency/suite.o": ["mm/pageconsistency/suite.c", "include/linux/dual_bitmap.h"],
    "mm/table.o": ["mm/table.S"],
}
ELF = Path("/bin/true").read_bytes()


class Built:
    """A place with a kernel of four objects, and what is left of them after a change."""

    def __init__(self, directory: Path) -> None:
        self.tree = directory / "linux"
        self.place = Place(directory / "place")
        for name in ("scripts/x.sh", "Makefile", *(n for names in OBJECTS.values() for n in names)):
            write(self.tree / name, f"/* {name} */\n".encode())
        for name in OWN:
            write(self.place.shadow / name, b"/* ours */\n")
            (self.tree / name).unlink()
        write(self.tree / "mm/table.S", b'\t.incbin "table.bin", 0, 4\n')
        write(self.tree / "mm/table.bin", b"1234")
        (self.place.shadow / "mm").mkdir(exist_ok=True)
        (self.place.shadow / "mm/table.bin").symlink_to(self.tree / "mm/table.bin")
        self.place.build.mkdir()
        options = ("CC=/nonexistent/gcc", "HOSTCC=/nonexistent/gcc")
        self.configuration = Configuration(
            Tree(self.tree, "6.12"), "um", "um", "", "", (), options, "", directory
        )
        settle(self.tree)
        now = next_disk_time(self.place)
        for name, sources in OBJECTS.items():
            self.make(name, sources)
        write(self.place.build / "vmlinux", ELF)
        record = take_record(self.configuration, self.place, OWN, now, None)
        write_record(self.place, record)

    def make(self, name: str, sources: list[str]) -> None:
        write(self.place.build / name, ELF)
        first, *others = (f"{self.place.shadow}/{source}" for source in sources)
        for source in sources:
            link = self.place.shadow / source
            if not link.exists():
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(self.tree / source)
        listed = "".join(f"  {path} \\\n    $(wildcard include/config/X) \\\n" for path in others)
        text = f"savedcmd_{name} := gcc -c {first}\n\nsource_{name} := {first}\n\n"
        text += f"deps_{name} := \\\n{listed}\n{name}: $(deps_{name})\n\n$(deps_{name}):\n"
        directory, _, base = name.rpartition("/")
        write(self.place.build / directory / f".{base}.cmd", text.encode())

    def removed(self, *, unfinished: bool = False) -> set[str]:
        """The objects that are removed; all of them if the directory goes."""
        record, _finished = read_record(self.place)
        assert record is not None
        changes = find_changes(record, own_paths(self.place, OWN), next_disk_time(self.place))
        paths = paths_of(self.configuration, self.place, OWN)
        remove_stale(self.place, paths, record, changes, unfinished=unfinished)
        return {name for name in OBJECTS if not (self.place.build / name).exists()}


def write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


@pytest.fixture
def built(tmp_path: Path) -> Built:
    return Built(tmp_path)


def test_nothing_is_removed_for_nothing(built: Built) -> None:
    assert built.removed() == set()


@pytest.mark.parametrize("when", [None, 1e9, 4e9])
def test_objects_of_a_header_that_changed(built: Built, when: float | None) -> None:
    """However old it says it is."""
    header = built.tree / "include/linux/slab.h"
    header.write_text("/* edited */\n")
    if when is not None:
        os.utime(header, (when, when))
    assert built.removed() == {"mm/slab.o"}


def test_objects_of_a_file_that_was_replaced_by_an_older_one(built: Built) -> None:
    other = built.tree / "other"
    other.write_text("/* mm/slab.d */\n")
    os.utime(other, (1e9, 1e9))
    other.replace(built.tree / "mm/slab.c")
    assert built.removed() == {"mm/slab.o"}


def test_objects_of_a_file_that_is_gone(built: Built) -> None:
    (built.tree / "mm/slab.c").unlink()
    assert built.removed() == {"mm/slab.o"}


def test_objects_of_what_an_assembler_source_includes(built: Built) -> None:
    (built.tree / "mm/table.bin").write_bytes(b"4321")
    assert built.removed() == {"mm/table.o"}


def test_objects_of_our_own_files(built: Built) -> None:
    (built.place.shadow / OWN[0]).write_text("/* edited */\n")
    assert built.removed() == {"mm/pageconsistency/suite.o"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("include/util.h", {"mm/util.o"}),
        ("mm/util.h", {"mm/util.o"}),
        ("include/linux/new/util.h", {"mm/util.o"}),
        ("include/linux/another.h", set()),
    ],
)
def test_objects_of_a_header_that_may_be_hidden_now(
    built: Built, name: str, expected: set[str]
) -> None:
    write(built.tree / name, b"/* new */\n")
    assert built.removed() == expected


def test_objects_of_a_source_that_asks_for_headers(tmp_path: Path) -> None:
    source = tmp_path / "linux/mm/slab.c"
    built = Built(tmp_path)
    source.write_text("#if __has_include(<linux/x.h>)\n#endif\n")
    settle(built.tree)
    now = next_disk_time(built.place)
    write_record(built.place, take_record(built.configuration, built.place, OWN, now, None))
    assert built.removed() == set()
    write(built.tree / "include/linux/x.h", b"")
    assert built.removed() == {"mm/slab.o"}


def test_all_objects_of_a_script_that_make_would_not_see(built: Built) -> None:
    script = built.tree / "scripts/x.sh"
    script.write_text("edited\n")
    assert built.removed() == set()
    os.utime(script, (1e9, 1e9))
    assert built.removed() == set(OBJECTS)


def test_a_build_that_was_killed(built: Built) -> None:
    begin(built.place, next_disk_time(built.place))
    assert built.removed(unfinished=True) == set()
    assert not (built.place.build / "vmlinux").exists()


def test_an_object_that_was_written_after_its_command(built: Built) -> None:
    begin(built.place, next_disk_time(built.place))
    (built.place.build / "mm/slab.o").write_bytes(ELF)
    next_disk_time(built.place)
    (built.place.build / "mm/util.o").write_bytes(ELF)
    assert "mm/util.o" in built.removed(unfinished=True)


@pytest.mark.parametrize("content", [b"", ELF[:40], ELF[:-1], b"\0" * 100])
def test_half_an_object(built: Built, content: bytes) -> None:
    begin(built.place, next_disk_time(built.place))
    path = built.place.build / "mm/slab.o"
    times = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(times.st_mtime_ns, times.st_mtime_ns))
    assert not is_whole(path)
    assert built.removed(unfinished=True) == {"mm/slab.o"}


def test_an_object_made_by_a_killed_build_from_what_is_no_more(built: Built) -> None:
    """The record does not know the new header, and an older one takes its place."""
    header = built.tree / "include/linux/new.h"
    write(header, b"/* new */\n")
    begin(built.place, next_disk_time(built.place))
    built.make("mm/slab.o", ["mm/slab.c", "include/linux/new.h"])
    next_disk_time(built.place)
    header.write_text("/* other */\n")
    os.utime(header, (1e9, 1e9))
    assert built.removed(unfinished=True) == {"mm/slab.o"}


def test_a_link_that_led_elsewhere_during_a_killed_build(built: Built) -> None:
    """Neither file is new, and what the record knows is there again."""
    source = built.tree / "mm/slab.c"
    first, second = built.tree / "first", built.tree / "second"
    second.write_text("/* other */\n")
    source.rename(first)
    source.symlink_to(first)
    settle(built.tree)
    now = next_disk_time(built.place)
    write_record(built.place, take_record(built.configuration, built.place, OWN, now, None))
    assert built.removed() == set()
    begin(built.place, next_disk_time(built.place))
    source.unlink()
    source.symlink_to(second)
    built.make("mm/slab.o", OBJECTS["mm/slab.o"])
    source.unlink()
    source.symlink_to(first)
    assert built.removed(unfinished=True) == {"mm/slab.o"}


def test_a_directory_that_was_another_one_during_a_killed_build(built: Built) -> None:
    begin(built.place, next_disk_time(built.place))
    include = built.tree / "include/linux"
    include.rename(built.tree / "include/away")
    (built.tree / "include/away").rename(include)
    assert built.removed(unfinished=True) == {"mm/slab.o", "mm/util.o"}


def test_a_link_that_leads_elsewhere_when_a_build_ends(built: Built) -> None:
    """What was compiled nobody knows."""
    source = built.tree / "mm/slab.c"
    other = built.tree / "other"
    other.write_text("/* other */\n")
    settle(built.tree)
    now = next_disk_time(built.place)
    before, _finished = read_record(built.place)
    assert before is not None
    seen = look_again(before)
    source.unlink()
    source.symlink_to(other)
    record = take_record(built.configuration, built.place, OWN, now, before, seen)
    write_record(built.place, record)
    assert built.removed() == {"mm/slab.o"}


def test_a_script_that_changed_around_a_killed_build(built: Built) -> None:
    script = built.tree / "scripts/x.sh"
    next_disk_time(built.place)
    script.write_text("edited\n")
    next_disk_time(built.place)
    begin(built.place, next_disk_time(built.place))
    built.make("mm/slab.o", OBJECTS["mm/slab.o"])
    assert built.removed(unfinished=True) == set()
    next_disk_time(built.place)
    when = script.stat().st_mtime_ns + 1
    script.write_text("edited again\n")
    os.utime(script, ns=(when, when))
    assert built.removed(unfinished=True) == set(OBJECTS)


@pytest.mark.parametrize("content", [ELF, b"text", b"!<thin>\n"])
def test_whole_files(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.o"
    path.write_bytes(content)
    assert is_whole(path)
    assert is_whole(tmp_path / "absent.o")
