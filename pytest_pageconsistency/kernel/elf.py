# SPDX-License-Identifier: GPL-2.0-only
"""What an ELF file says about itself: the ABI it was built for, its symbols and its memory."""

from __future__ import annotations

import contextlib
import functools
import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple

from elftools.common.exceptions import DWARFError, ELFCompressionError, ELFError
from elftools.elf.elffile import ELFFile

from pytest_pageconsistency.verdict import Kind, TargetError

MALFORMED = (
    ELFError,
    DWARFError,
    struct.error,
    zlib.error,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    NotImplementedError,
    RecursionError,
    MemoryError,
)
"""What pyelftools raises, meant or not, for a file that is damaged or unknown to it."""

# Bytes of a section that are read into memory, and sections: far from what kernels have.
_SECTION_LIMIT = 256 * 1024 * 1024
_SECTIONS_LIMIT = 100_000
_DEFINED = 1
_FUNCTION = 2
_ALLOCATED = 2


@dataclass(frozen=True)
class ElfFacts:
    """The ABI of an ELF file.

    `machine` is the file's e_machine, such as "EM_X86_64"; `bits_per_long` is 32 or 64.
    """

    machine: str
    bits_per_long: int
    byteorder: Literal["little", "big"]


class Symbol(NamedTuple):
    """A symbol that the file defines; `size` is in bytes, 0 where nobody said.

    For 64-bit PowerPC's first ABI the address of a function is that of its descriptor, for Arm's
    Thumb it has bit 0 set: as pointers to it have.
    """

    name: str
    address: int
    size: int
    is_function: bool


class ElfImage:
    """An ELF file that is open, see `open_elf`, which explains what goes wrong in here."""

    def __init__(self, path: Path, elf: Any) -> None:
        self.path = path
        self.elf = elf
        self.facts = ElfFacts(
            machine=str(elf.header["e_machine"]),
            bits_per_long=int(elf.elfclass),
            byteorder="little" if elf.little_endian else "big",
        )
        self.order = "<" if elf.little_endian else ">"
        if elf.num_sections() > _SECTIONS_LIMIT:
            raise ValueError(f"it has {elf.num_sections()} sections")

    @functools.cached_property
    def symbols(self) -> list[Symbol]:
        """The symbols that the file defines, static ones too; empty for a stripped file.

        Reads the table whole: pyelftools' objects take seconds for a kernel.
        """
        table = self.elf.get_section_by_name(".symtab")
        if table is None:
            return []
        strings = self.content(self.elf.get_section(table["sh_link"]))
        return [
            Symbol(_string(strings, name), address, size, info & 0xF == _FUNCTION)
            for name, info, section, address, size in self._symbol_entries(self.content(table))
            if section >= _DEFINED and name
        ]

    def _symbol_entries(self, table: bytes) -> Iterator[tuple[int, int, int, int, int]]:
        """Entries as (offset of the name, info, section index, value, size)."""
        if self.facts.bits_per_long == 64:
            for name, info, _, section, value, size in _records(self.order + "IBBHQQ", table):
                yield name, info, section, value, size
        else:
            for name, value, size, info, _, section in _records(self.order + "IIIBBH", table):
                yield name, info, section, value, size

    def content(self, section: Any) -> bytes:
        """The bytes of a section, decompressed; ValueError if there are too many."""
        if max(section["sh_size"], section.data_size) > _SECTION_LIMIT:
            raise ValueError(f"section {section.name} is too large")
        try:
            return bytes(section.data())
        except ELFCompressionError as error:
            message = f"cannot decompress {section.name} of {self.path}: switch its compression off"
            raise TargetError(Kind.CONFIG_ERROR, message, str(error)) from error

    def window(self, section: Any) -> IO[bytes]:
        """A stream of a section's bytes that reads no more of a large one than is asked for."""
        if section.compressed:
            return io.BytesIO(self.content(section))
        return io.BufferedReader(_Window(section.stream, section["sh_offset"], section["sh_size"]))

    def memory(self, address: int, size: int) -> bytes:
        """What lies at an address when the image is loaded, before it is relocated.

        ValueError where the file holds no such bytes.
        """
        for start, length, offset in self._loaded:
            if start <= address <= address + size <= start + length and size <= _SECTION_LIMIT:
                self.elf.stream.seek(offset + address - start)
                found = bytes(self.elf.stream.read(size))
                if len(found) == size:
                    return found
        raise ValueError(f"it has no {size} bytes at {address:#x}")

    @functools.cached_property
    def _loaded(self) -> list[tuple[int, int, int]]:
        """Sections that are loaded from the file: address, size and offset in the file."""
        return [
            (section["sh_addr"], section["sh_size"], section["sh_offset"])
            for section in self.elf.iter_sections()
            if section["sh_flags"] & _ALLOCATED and section["sh_type"] != "SHT_NOBITS"
        ]

    def pointers(self, address: int, size: int) -> dict[int, int]:
        """Values of the words in a range of memory, by their addresses, relocated.

        `address` is aligned for a pointer; ValueError where the file holds no such range.
        """
        memory = self.memory(address, size) if size else b""
        width = self.facts.bits_per_long // 8
        word = struct.Struct(self.order + ("Q" if width == 8 else "I"))
        alignment = 2 if self.facts.machine == "EM_68K" else width
        found = {
            address + offset: word.unpack_from(memory, offset)[0]
            for offset in range(0, size - width + 1, alignment)
        }
        relocations = self._relocations
        found.update((place, relocations[place]) for place in found if place in relocations)
        return found

    def entry(self, function: Symbol) -> int:
        """The address of a function's first instruction, see `Symbol`."""
        if self.facts.machine == "EM_ARM":
            return function.address & ~1
        start, end = self._descriptors
        if start <= function.address < end:
            return self.pointers(function.address, 8)[function.address]
        return function.address

    @functools.cached_property
    def _descriptors(self) -> tuple[int, int]:
        """Where the function descriptors of 64-bit PowerPC's first ABI begin and end."""
        section = self.elf.get_section_by_name(".opd")
        if self.facts.machine != "EM_PPC64" or section is None:
            return 0, 0
        return section["sh_addr"], section["sh_addr"] + section["sh_size"]

    @functools.cached_property
    def _relocations(self) -> dict[int, int]:
        """Addresses of the words that the kernel relocates itself, and what they will point to.

        Of a relocatable arm64 kernel, for one, these words are zero in the file.
        """
        wide = self.facts.bits_per_long == 64
        layout, symbol_shift = (self.order + "QQq", 32) if wide else (self.order + "IIi", 8)
        mask = (1 << self.facts.bits_per_long) - 1
        found: dict[int, int] = {}
        for section in self.elf.iter_sections():
            if section["sh_type"] == "SHT_RELA" and section["sh_flags"] & _ALLOCATED:
                found.update(
                    (place, addend & mask)
                    for place, info, addend in _records(layout, self.content(section))
                    if info >> symbol_shift == 0
                )
        return found


@contextlib.contextmanager
def open_elf(path: Path) -> Iterator[ElfImage]:
    """Open an ELF file to read from it.

    Whatever the reading raises because the file is missing, no ELF file or damaged becomes a
    TargetError (CONFIG_ERROR).
    """
    try:
        with path.open("rb") as stream:
            yield ElfImage(path, ELFFile(stream))
    except FileNotFoundError as error:
        message = f"{path} is missing: the build made no image"
        raise TargetError(Kind.CONFIG_ERROR, message) from error
    except OSError as error:
        message = f"cannot read {path} ({error.strerror}): remove it and build again"
        raise TargetError(Kind.CONFIG_ERROR, message) from error
    except MALFORMED as error:
        message = f"{path} is not a sound ELF file: remove it and build again"
        raise TargetError(Kind.CONFIG_ERROR, message, str(error)) from error


class _Window(io.RawIOBase):
    """A part of a file as a stream of its own."""

    def __init__(self, file: IO[bytes], start: int, size: int) -> None:
        self._file = file
        self._start = start
        self._size = size
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, origin + offset)
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: Any) -> int:
        wanted = max(0, min(len(buffer), self._size - self._position))
        self._file.seek(self._start + self._position)
        found = self._file.read(wanted)
        buffer[: len(found)] = found
        self._position += len(found)
        return len(found)


def _records(layout: str, table: bytes) -> Iterator[tuple[Any, ...]]:
    record = struct.Struct(layout)
    return record.iter_unpack(table[: len(table) - len(table) % record.size])


def _string(strings: bytes, start: int) -> str:
    return strings[start : strings.find(b"\0", start)].decode("utf-8", "backslashreplace")
