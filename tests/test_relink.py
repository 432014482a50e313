# SPDX-License-Identifier: GPL-2.0-only
"""Compiling and linking without make, with commands that copy and concatenate files."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from test_stale import write

from pytest_pageconsistency.background import Cancelled
from pytest_pageconsistency.kernel.clock import next_disk_time
from pytest_pageconsistency.kernel.files import Files
from pytest_pageconsistency.kernel.inputs import ENVIRONMENT, renew_record, take_record
from pytest_pageconsistency.kernel.paths import paths_of
from pytest_pageconsistency.kernel.place import Configuration, Place
from pytest_pageconsistency.kernel.record import Record
from pytest_pageconsistency.kernel.relink import keep_no_secrets, relink
from pytest_pageconsistency.kernel.tree import Tree
from pytest_pageconsistency.progress import SilentProgress

SUITE = "mm/pageconsistency"
HEADER = "include/linux/dual_bitmap.h"
OWN = [HEADER, f"{SUITE}/Makefile", f"{SUITE}/one.c", f"{SUITE}/two.S", f"{SUITE}/two.bin"]
FIXDEP = """\
#!/bin/sh
printf 'savedcmd_%s := %s\\n\\n' "$2" "$3"
sed "s|^|source_$2 := |; q" "$1"
echo
printf 'deps_%s := \\\\\\n' "$2"
sed '1d; s|.*|  & \\\\|' "$1"
printf '\\n%s: $(deps_%s)\\n\\n$(deps_%s):\\n' "$2" "$2" "$2"
"""
LINK = """\
#!/bin/sh
echo "$1" > vmlinux
echo "$GREETING" >> vmlinux
cat mm/pageconsistency/*.o >> vmlinux
$MAKE never
echo > .vmlinux.d
"""


class Kernel:
    """A kernel of two objects, of which only the first includes the header."""

    def __init__(self, directory: Path) -> None:
        self.tree = directory / "linux"
        self.place = Place(directory / "place")
        self.shadow, self.build = self.place.shadow, self.place.build
        for name in OWN:
            write(self.shadow / name, f"{name}\n".encode())
        write(self.shadow / SUITE / "two.S", b'\t.incbin "two.bin", 0, 4\n')
        write(self.tree / "include/linux/types.h", b"")
        (self.shadow / "include/linux/types.h").symlink_to(self.tree / "include/linux/types.h")
        write(self.build / ".config", b"CONFIG_KUNIT=y\n")
        write(self.build / ENVIRONMENT, b"GREETING=hello\0PATH=/usr/bin:/bin\0MAKE=make\0")
        self.script(self.build / "scripts/basic/fixdep", FIXDEP)
        self.script(self.shadow / "scripts/link-vmlinux.sh", LINK)
        write(
            self.build / ".vmlinux.cmd",
            f'savedcmd_vmlinux := {self.shadow}/scripts/link-vmlinux.sh "a $$(pound)1";  true\n'
            .replace("$$", "$").encode(),
        )  # fmt: skip
        self.object("one", "c", [HEADER, "include/linux/types.h"])
        self.object("two", "S", [])
        write(self.build / "vmlinux", b"old\n")
        configuration = Configuration(
            Tree(self.tree, "6.12"), "um", "um", "", "", (), ("CC=/no/gcc", "HOSTCC=/no/gcc"), "",
            directory,
        )  # fmt: skip
        self.began = next_disk_time(self.place)
        self.paths = paths_of(configuration, self.place, OWN)
        self.record = take_record(configuration, self.place, OWN, self.began, None)

    def script(self, path: Path, text: str) -> None:
        write(path, text.encode())
        path.chmod(0o755)

    def object(self, name: str, suffix: str, included: list[str]) -> None:
        """Make an object that is what its source and the header are."""
        source = self.shadow / SUITE / f"{name}.{suffix}"
        header = self.shadow / HEADER
        listed = "".join(f"{self.shadow}/{path}\\n" for path in included)
        make = f"cat {source} {header if included else ''} > {SUITE}/{name}.o"
        saved = f"{make}; printf '{source}\\n{listed}' > {SUITE}/.{name}.o.d"
        saved += '; test "$$NOT_SET$(pound)" = "#"'
        write(self.build / SUITE / f"{name}.o", b"old object\n")
        target = f"{SUITE}/{name}.o"
        deps = "".join(f"  {self.shadow}/{path} \\\n" for path in included)
        write(
            self.build / SUITE / f".{name}.o.cmd",
            f"savedcmd_{target} := {saved}\n\nsource_{target} := {source}\n\n"
            f"deps_{target} := \\\n{deps}\n{target}: $(deps_{target})\n\n$(deps_{target}):\n"
            .encode(),
        )  # fmt: skip

    def edit(self, *names: str) -> frozenset[str]:
        for name in names:
            path = self.shadow / name
            path.write_text(path.read_text() + "edited\n")
        return frozenset(f"{self.shadow}/{name}" for name in names)

    def relink(self, changed: frozenset[str], record: Record | None = None) -> bool:
        record = record or self.record
        return relink(self.place, self.paths, record, changed, 2, SilentProgress())

    def content(self, name: str) -> str:
        return (self.build / name).read_text()


@pytest.fixture
def kernel(tmp_path: Path) -> Kernel:
    return Kernel(tmp_path)


def test_what_includes_the_header_is_compiled_and_all_linked(kernel: Kernel) -> None:
    commands = kernel.content(f"{SUITE}/.one.o.cmd")
    assert kernel.relink(kernel.edit(HEADER))
    assert kernel.content("vmlinux") == (
        f"a #1\nhello\n{SUITE}/one.c\n{HEADER}\nedited\nold object\n"
    )
    assert (kernel.build / "vmlinux").samefile(kernel.build / "linux")
    assert kernel.content(f"{SUITE}/.one.o.cmd") == commands
    assert not (kernel.build / SUITE / ".one.o.d").exists()
    assert not (kernel.build / ".vmlinux.d").exists()


def test_several_objects(kernel: Kernel) -> None:
    assert kernel.relink(kernel.edit(f"{SUITE}/one.c", f"{SUITE}/two.S"))
    assert "old object" not in kernel.content("vmlinux")


def test_what_is_assembled_as_it_is(kernel: Kernel) -> None:
    assert kernel.relink(kernel.edit(f"{SUITE}/two.bin"))
    assert "incbin" in kernel.content("vmlinux")


def test_the_record_afterwards(kernel: Kernel) -> None:
    write(kernel.tree / "include/linux/more.h", b"")
    (kernel.shadow / "include/linux/more.h").symlink_to(kernel.tree / "include/linux/more.h")
    commands = kernel.build / SUITE / ".one.o.cmd"
    more = f"{kernel.shadow}/include/linux/more.h\\n"
    commands.write_text(commands.read_text().replace("types.h\\n", f"types.h\\n{more}"))
    began = next_disk_time(kernel.place)
    record = replace(kernel.record, targets=Files())
    assert kernel.relink(kernel.edit(HEADER), record)
    renewed = renew_record(record, kernel.place, kernel.paths, began)
    assert renewed is not None
    new = set(renewed.dependencies.paths) - set(record.dependencies.paths)
    assert new == {f"{kernel.tree}/include/linux/more.h"}
    assert not list(renewed.own.differing())
    assert not list(renewed.made.differing())


def test_a_makefile_is_for_make(kernel: Kernel) -> None:
    assert not kernel.relink(kernel.edit(HEADER, f"{SUITE}/Makefile"))
    assert kernel.content("vmlinux") == "old\n"


def test_a_header_that_others_include_is_for_make(kernel: Kernel) -> None:
    kernel.record.shared.append(f"{kernel.shadow}/{HEADER}")
    assert not kernel.relink(kernel.edit(HEADER))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (f"{SUITE}/.one.o.cmd", "#SYMVER validate 0x0\n"),
        (f"{SUITE}/one.o", "\0.export_symbol\0"),
        (f"{SUITE}/one.o", "\0__ksymtab\0"),
        (f"{SUITE}/two.o", "changed by somebody else"),
        (".config", "CONFIG_LTO=y\n"),
        (".config", "CONFIG_MODVERSIONS=y\n"),
    ],
)
def test_what_make_does_more_is_for_make(kernel: Kernel, name: str, text: str) -> None:
    with (kernel.build / name).open("a") as file:
        file.write(text)
    assert not kernel.relink(kernel.edit(HEADER))
    assert kernel.content("vmlinux") == "old\n"


@pytest.mark.parametrize(
    "name", [ENVIRONMENT, ".vmlinux.cmd", f"{SUITE}/one.o", f"{SUITE}/.one.o.cmd"]
)
def test_what_is_missing_is_for_make(kernel: Kernel, name: str) -> None:
    (kernel.build / name).unlink()
    assert not kernel.relink(kernel.edit(f"{SUITE}/one.c"))
    assert kernel.content("vmlinux") == "old\n"


def test_an_error_is_for_make_to_tell(kernel: Kernel) -> None:
    changed = kernel.edit(HEADER)
    (kernel.shadow / SUITE / "one.c").unlink()
    assert not kernel.relink(changed)
    assert kernel.content("vmlinux") == "old\n"


def test_a_link_that_fails_is_for_make(kernel: Kernel) -> None:
    kernel.script(kernel.shadow / "scripts/link-vmlinux.sh", "#!/bin/sh\nexit 1\n")
    assert not kernel.relink(kernel.edit(HEADER))


def test_it_can_be_cancelled(kernel: Kernel) -> None:
    class Impatient(SilentProgress):
        def tick(self, text: str) -> None:
            raise Cancelled

    kernel.script(kernel.shadow / "scripts/link-vmlinux.sh", "#!/bin/sh\nsleep 60\n")
    began = time.monotonic()
    with pytest.raises(Cancelled):
        relink(kernel.place, kernel.paths, kernel.record, kernel.edit(HEADER), 2, Impatient())
    assert time.monotonic() - began < 20


def test_what_is_kept_of_the_environment_is_what_make_added(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEPLOY_TOKEN", "very secret")
    path = kernel.build / ENVIRONMENT
    path.write_text(f"GREETING=hello\0DEPLOY_TOKEN=very secret\0PATH={os.environ['PATH']}:/x\0")
    keep_no_secrets(kernel.place)
    assert path.read_text() == f"GREETING=hello\0PATH={os.environ['PATH']}:/x\0"
    assert kernel.relink(kernel.edit(HEADER))
    assert "hello" in kernel.content("vmlinux")
