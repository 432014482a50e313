# SPDX-License-Identifier: GPL-2.0-only
"""What an ELF file says about itself: the ABI it was built for and its functions."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from pytest_pageconsistency.verdict import Kind, TargetError

_SECTION_LIMIT = 256 * 1024 * 1024
_FUNCTION = 2


@dataclass(frozen=True)
class ElfFacts:
    """The ABI of an ELF file.

    `machine` is the file's e_machine, such as "EM_X86_64"; `bits_per_long` is 32 or 64.
    """

    machine: str
    bits_per_long: int
    byteorder: Literal["little", "big"]


def describe(path: Path) -> ElfFacts:
    """Read the ABI that `path` was built for; TargetError (CONFIG_ERROR) if it is no ELF file."""
    with _opened(path) as elf:
        return ElfFacts(
            machine=str(elf.header["e_machine"]),
            bits_per_long=int(elf.elfclass),
            byteorder="little" if elf.little_endian else "big",
        )


def function_symbols(path: Path) -> set[str]:
    """Names of the functions that `path` defines, static ones too.

    Empty for a stripped file; TargetError (CONFIG_ERROR) if it is no sound ELF file. Reads
    the symbol table whole: pyelftools' objects take seconds for a kernel.
    """
    with _opened(path) as elf:
        table = elf.get_section_by_name(".symtab")
        if table is None:
            return set()
        names = elf.get_section(table["sh_link"])
        if max(table["sh_size"], names["sh_size"]) > _SECTION_LIMIT:
            raise _no_elf(path, "its symbol table is too large")
        symbols, strings = table.data(), names.data()
        order = "<" if elf.little_endian else ">"
        layout = struct.Struct(order + ("IBBHQQ" if elf.elfclass == 64 else "IIIBBH"))
        usable = len(symbols) - len(symbols) % layout.size
        info, section = (1, 3) if elf.elfclass == 64 else (3, 5)
        return {
            _string(strings, symbol[0])
            for symbol in layout.iter_unpack(symbols[:usable])
            if symbol[info] & 0xF == _FUNCTION and symbol[section] != 0
        }


def _string(strings: bytes, start: int) -> str:
    return strings[start : strings.find(b"\0", start)].decode("utf-8", "backslashreplace")


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with path.open("rb") as stream:
            yield ELFFile(stream)
    except FileNotFoundError as error:
        message = f"{path} is missing: the build made no image"
        raise TargetError(Kind.CONFIG_ERROR, message) from error
    except (ELFError, struct.error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _no_elf(path, str(error)) from error


def _no_elf(path: Path, why: str) -> TargetError:
    message = f"{path} is not a sound ELF file: remove it and build again"
    return TargetError(Kind.CONFIG_ERROR, message, why)
