# SPDX-License-Identifier: GPL-2.0-only
"""From an address in an image to its function, source file and line."""

from __future__ import annotations

import bisect
import functools
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from pytest_pageconsistency.kernel.dwarf import DebugInfo, unit_name
from pytest_pageconsistency.kernel.elf import MALFORMED, ElfImage
from pytest_pageconsistency.verdict import TargetError

_OUR_FUNCTION = "pc_begin"
_OUR_SOURCE = "mm/pageconsistency/pc_runtime.c"
_UNITS_LIMIT = 32


@dataclass(frozen=True)
class Place:
    """Where code lies: `offset` is in bytes from the function's start.

    `source` is "file:line", relative to the kernel tree; empty without debug information. Of
    inlined code it is where that was written, not the function that it went into.
    """

    function: str
    offset: int
    source: str

    def __str__(self) -> str:
        name = f"{self.function}+{self.offset:#x}"
        return f"{name} ({self.source})" if self.source else name


class _Function(NamedTuple):
    start: int
    size: int
    name: str


class Places:
    """Finds places in an image. Reads the lines of a file once, and those of few files."""

    def __init__(self, image: ElfImage) -> None:
        self._image = image
        self._functions = sorted(
            _Function(image.entry(item), item.size, item.name)
            for item in image.symbols
            if item.is_function
        )
        self._starts = [function.start for function in self._functions]
        self._tables: dict[int, _LineTable | None] = {}

    def find(self, address: int, *, is_return: bool = False) -> Place | None:
        """The place of an address, None if it is in no function.

        A return address belongs to the call before it: what follows may be another line. The
        start of a function is none, but a pointer to it that was found on the stack.
        """
        function = self._function_at(address)
        if is_return and (function is None or function.start < address):
            called = self._function_at(address - 1)
            if called is not None:
                return Place(called.name, address - called.start, self._source(address - 1))
        if function is None:
            return None
        return Place(function.name, address - function.start, self._source(address))

    def _function_at(self, address: int) -> _Function | None:
        index = bisect.bisect_right(self._starts, address) - 1
        if index < 0:
            return None
        function = self._functions[index]
        end = function.start + function.size
        if not function.size and index + 1 < len(self._starts):
            # Assembly that does not say its size reaches to the next function.
            end = self._starts[index + 1]
        return function if address < end else None

    def _source(self, address: int) -> str:
        try:
            unit = self._debug.unit_at(address)
            table = None if unit is None else self._table(unit)
            return table.find(address) if table else ""
        except (*MALFORMED, TargetError):
            # Lines that cannot be read must not cost the functions' names.
            return ""

    @functools.cached_property
    def _debug(self) -> DebugInfo:
        return DebugInfo(self._image)

    def _table(self, unit: Any) -> _LineTable | None:
        key = unit.cu_offset
        if key not in self._tables and len(self._tables) < _UNITS_LIMIT:
            # One that cannot be read is not tried again.
            self._tables[key] = None
            program = self._debug.line_program(unit)
            if program is not None:
                self._tables[key] = _LineTable(program, self._root)
        return self._tables.get(key)

    @functools.cached_property
    def _root(self) -> str:
        """The kernel tree as the names of source files begin with it, empty if unknown."""
        for symbol in self._image.symbols:
            if symbol.name == _OUR_FUNCTION and symbol.is_function:
                unit = self._debug.unit_at(self._image.entry(symbol))
                name = "" if unit is None else unit_name(unit)
                if name.endswith(_OUR_SOURCE):
                    return name.removesuffix(_OUR_SOURCE)
        return ""


class _Row(NamedTuple):
    """From `address` to that of the next row the code is of this line, of none if not `known`."""

    address: int
    known: bool
    file: int
    line: int


class _LineTable:
    """The lines of one unit."""

    def __init__(self, program: Any, root: str) -> None:
        self._header = program.header
        self._root = root
        # Of rows with one address the last counts; a sequence may begin where another ends.
        self._rows = sorted(_rows(program), key=lambda row: (row.address, row.known))

    def find(self, address: int) -> str:
        """The source of an address as "file:line", empty if the table does not know it."""
        index = bisect.bisect_right(self._rows, address, key=lambda row: row.address) - 1
        if index < 0:
            return ""
        row = self._rows[index]
        return f"{self._file(row.file)}:{row.line}" if row.known and row.line else ""

    def _file(self, number: int) -> str:
        header = self._header
        if header["version"] >= 5:
            directories, file = header["include_directory"], header["file_entry"][number]
        else:
            # Here files count from 1, and directory 0, that of the build, is not written down.
            directories = [b"", *header["include_directory"]]
            file = header["file_entry"][number - 1]
        path = posixpath.join(_text(directories[file.dir_index]), _text(file.name))
        return posixpath.normpath(path.removeprefix(self._root))


def _rows(program: Any) -> Iterator[_Row]:
    for entry in program.get_entries():
        state = entry.state
        if state is not None:
            yield _Row(state.address, not state.end_sequence, state.file, state.line)


def _text(name: Any) -> str:
    return bytes(name).decode("utf-8", "backslashreplace")
