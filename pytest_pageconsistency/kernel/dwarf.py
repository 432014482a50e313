# SPDX-License-Identifier: GPL-2.0-only
"""Debug information of an image: the unit of one source file among thousands, read alone."""

from __future__ import annotations

import bisect
import functools
import itertools
import struct
from collections.abc import Iterator
from typing import Any

from elftools.dwarf.dwarfinfo import DebugSectionDescriptor, DwarfConfig, DWARFInfo

from pytest_pageconsistency.kernel.elf import ElfImage

_READ = ("info", "abbrev", "str", "line", "addr", "str_offsets", "line_str")
_UNREAD = ("aranges", "frame", "loc", "ranges", "loclists", "rnglists", "types")
_UNREAD_TABLES = ("pubtypes", "pubnames", "sup")
_UNITS_TRIED = 64


class DebugInfo:
    """The DWARF of an image, as pyelftools reads it; `elf.open_elf` says what goes wrong here.

    A kernel with CONFIG_DEBUG_INFO has hundreds of megabytes of it, so nothing is read that is
    not asked for: pyelftools itself would copy every section into memory first.
    """

    def __init__(self, image: ElfImage) -> None:
        self._image = image
        self._dwarf = _dwarf_info(image)

    def unit_at(self, address: int) -> Any | None:
        """The compilation unit whose code holds `address`, None where no table tells of one."""
        if not self._dwarf.has_debug_info:
            return None
        ranges = self._ranges
        index = bisect.bisect_right(ranges, (address, float("inf"))) - 1
        if index < 0 or address >= ranges[index][1]:
            return None
        return self._dwarf.get_CU_at(ranges[index][2])

    def unit_named(self, ending: str) -> Any | None:
        """The unit whose source file's name ends like this, None if the first ones do not.

        Slow where there are many units, for compilers that make no table of addresses.
        """
        if not self._dwarf.has_debug_info:
            return None
        units = itertools.islice(self._dwarf.iter_CUs(), _UNITS_TRIED)
        return next((unit for unit in units if unit_name(unit).endswith(ending)), None)

    def line_program(self, unit: Any) -> Any | None:
        """The unit's program of lines, None if it has none."""
        return self._dwarf.line_program_for_CU(unit)

    @functools.cached_property
    def _ranges(self) -> list[tuple[int, int, int]]:
        """Ranges of code, sorted: where each begins and ends, and its unit's offset."""
        section = self._image.elf.get_section_by_name(".debug_aranges")
        if section is None:
            return []
        return sorted(_address_ranges(self._image.content(section), self._image.order))


def unit_name(unit: Any) -> str:
    """The name of a unit's source file as the compiler was given it, empty if it has none."""
    attribute = unit.get_top_DIE().attributes.get("DW_AT_name")
    return "" if attribute is None else bytes(attribute.value).decode("utf-8", "backslashreplace")


def _dwarf_info(image: ElfImage) -> Any:
    elf = image.elf
    sections: dict[str, DebugSectionDescriptor | None] = {
        f"debug_{name}_sec": _section(image, f".debug_{name}") for name in _READ
    }
    sections |= {f"debug_{name}_sec": None for name in (*_UNREAD, *_UNREAD_TABLES)}
    config = DwarfConfig(
        little_endian=elf.little_endian,
        machine_arch=elf.get_machine_arch(),
        default_address_size=elf.elfclass // 8,
    )
    return DWARFInfo(config=config, eh_frame_sec=None, gnu_debugaltlink_sec=None, **sections)


def _section(image: ElfImage, name: str) -> DebugSectionDescriptor | None:
    section = image.elf.get_section_by_name(name)
    if section is None:
        return None
    return DebugSectionDescriptor(
        stream=image.window(section),
        name=name,
        global_offset=section["sh_offset"],
        size=section.data_size,
        address=section["sh_addr"],
    )


def _address_ranges(table: bytes, order: str) -> Iterator[tuple[int, int, int]]:
    """Read .debug_aranges, which has a set of ranges for each unit.

    Yields where each range begins and ends, and the offset of its unit in .debug_info.
    pyelftools takes seconds for the table of a kernel that has debug information throughout.
    """
    position = 0
    while position + 12 <= len(table):
        wide = table[position : position + 4] == b"\xff" * 4
        header = struct.Struct(order + ("4xQHQBB" if wide else "IHIBB"))
        length, _, unit, width, _ = header.unpack_from(table, position)
        if not length:
            return
        end = position + (12 if wide else 4) + length
        pair = struct.Struct(order + ("QQ" if width == 8 else "II"))
        # Pairs stand at multiples of their own size from where the set begins.
        begin = position + -(-header.size // pair.size) * pair.size
        content = table[begin:end]
        for start, size in pair.iter_unpack(content[: len(content) - len(content) % pair.size]):
            if size:
                yield start, start + size, unit
        position = end
