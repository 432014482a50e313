# SPDX-License-Identifier: GPL-2.0-only
"""Whether the kernel that was built is the one that the oracle ran for, before it boots."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from pytest_pageconsistency.kernel.dwarf import DebugInfo
from pytest_pageconsistency.kernel.elf import ElfFacts, ElfImage, Symbol, open_elf
from pytest_pageconsistency.kernel.image_facts import ImageFacts
from pytest_pageconsistency.kernel.layout import (
    ENUMERATION,
    STRUCTURE,
    BuiltTypes,
    Layout,
    Member,
    built_types,
)
from pytest_pageconsistency.oracle import Abi
from pytest_pageconsistency.verdict import Kind, TargetError

_SUITES = ("__kunit_suites_start", "__kunit_suites_end")
_SUITE = "pc_suite"
_CASES = "pc_cases"
_SOURCE = "pageconsistency/pc_steps.c"
_ENUMERATORS = {
    "DUAL_BITMAP_PRIMARY": 0,
    "DUAL_BITMAP_SECONDARY": 1,
    "DUAL_BITMAP_COUNT": 2,
}
_NAMES_SHOWN = 3


def check_image(
    image: Path, *, abi: Abi, machine: str | None, functions: Collection[str]
) -> ImageFacts:
    """Compare the image that was built with what the oracle ran for, and with the suite.

    `machine` is an e_machine such as "EM_S390", None if it is not known; `functions` are the
    case functions of the suite. Raises TargetError: IMAGE_MISMATCH where the two differ,
    CONFIG_ERROR where the image cannot be read or lacks symbols or debug information.
    """
    with open_elf(image) as elf:
        _check_abi(elf.facts, abi, machine)
        cases = _check_registration(elf, functions)
        types = _types(elf, cases)
    layout, enumerators = _check_types(types, abi)
    return ImageFacts(
        machine=elf.facts.machine,
        bits_per_long=elf.facts.bits_per_long,
        byteorder=elf.facts.byteorder,
        sizeof_long=abi.bytes_per_long,
        layout=layout,
        enumerators=enumerators,
        cases=len(cases),
    )


def _check_abi(built: ElfFacts, abi: Abi, machine: str | None) -> None:
    if machine not in (None, built.machine):
        raise _mismatch(f"the kernel was built for {built.machine}, the target is {machine}")
    if (built.bits_per_long, built.byteorder) != (abi.bits_per_long, abi.byteorder):
        raise _mismatch(
            f"the kernel was built for {built.bits_per_long}-bit words, {built.byteorder}-endian; "
            f"the oracle ran for {abi.bits_per_long}-bit, {abi.byteorder}-endian"
        )


def _check_registration(elf: ElfImage, functions: Collection[str]) -> list[Symbol]:
    """The case functions as KUnit will run them: all that are wanted, and no other."""
    if not elf.symbols:
        raise TargetError(
            Kind.CONFIG_ERROR,
            f"{elf.path} has no symbols: build without options that strip them, such as -s",
        )
    if missing := set(functions) - {item.name for item in elf.symbols if item.is_function}:
        raise _mismatch(
            f"the built kernel lacks {_listed(missing)}: see that its options are enabled"
        )
    registered = _registered_cases(elf)
    if not registered:
        raise _mismatch("the suite is not registered in the kernel's section of KUnit suites")
    # A tree may hold an exported suite as well, which gives its own cases the same names.
    cases = max(registered, key=lambda items: _agreement(items, functions))
    if missing := set(functions) - {item.name for item in cases}:
        raise _mismatch(f"the registered suite does not run {_listed(missing)}")
    wanted = {item.address for item in cases if item.name in functions}
    if surplus := {item.name for item in cases if item.address not in wanted}:
        raise _mismatch(f"the registered suite also runs {_listed(surplus)}")
    return [item for item in cases if item.name in functions]


def _agreement(cases: list[Symbol], functions: Collection[str]) -> tuple[int, int]:
    names = {item.name for item in cases}
    return len(names & set(functions)), -len(names - set(functions))


def _registered_cases(elf: ElfImage) -> list[list[Symbol]]:
    """Of each suite of ours in the KUnit section, the functions that its table points to.

    The section holds pointers to suites, a suite points to its table of cases, and that to the
    case functions. Where in the structures these pointers stand is not asked: it changes with
    the kernel's version and configuration, and no other pointer has their values.
    """
    bounds = [item.address for name in _SUITES for item in elf.symbols if item.name == name]
    if len(bounds) != 2:
        raise _mismatch(
            "the built kernel has no section of KUnit suites: see that CONFIG_KUNIT is y"
        )
    section = set(elf.pointers(bounds[0], bounds[1] - bounds[0]).values())
    suites = [item for item in elf.symbols if item.name == _SUITE and item.address in section]
    tables = set().union(*(_pointers_in(elf, suite) for suite in suites))
    return [
        _functions_in(elf, table)
        for table in elf.symbols
        if table.name == _CASES and table.address in tables
    ]


def _functions_in(elf: ElfImage, table: Symbol) -> list[Symbol]:
    pointers = _pointers_in(elf, table)
    return [item for item in elf.symbols if item.is_function and item.address in pointers]


def _pointers_in(elf: ElfImage, symbol: Symbol) -> set[int]:
    return set(elf.pointers(symbol.address, symbol.size).values())


def _types(elf: ElfImage, cases: list[Symbol]) -> BuiltTypes:
    """The types under test as a unit was compiled that uses them: the cases', or the steps'."""
    debug = DebugInfo(elf)
    at_cases = debug.unit_at(elf.entry(cases[0])) if cases else None
    found = [built_types(unit) for unit in (at_cases, debug.unit_named(_SOURCE)) if unit]
    # Last come those that lack what is looked for: to say so.
    types = next((types for types in found if types.structure or types.enumerators), None)
    types = types or (found or [BuiltTypes()])[-1]
    if types == BuiltTypes():
        raise TargetError(
            Kind.CONFIG_ERROR,
            f"{elf.path} has no debug information of the suite: build without options that "
            "strip it or put it elsewhere",
        )
    return types


def _check_types(built: BuiltTypes, abi: Abi) -> tuple[Layout, Mapping[str, int]]:
    differences = [
        *_size_differences("sizeof(long)", built.sizeof_long, abi.bytes_per_long),
        *_layout_differences(built.structure, expected_layout(abi)),
        *_enumerator_differences(built.enumerators),
    ]
    if differences or built.structure is None or built.enumerators is None:
        raise TargetError(
            Kind.IMAGE_MISMATCH,
            f"the header under test is not what the oracle models: {'; '.join(differences)}",
            f"expected: {_listing(expected_layout(abi), _ENUMERATORS)}\n"
            f"built:    {_listing(built.structure, built.enumerators)}",
        )
    return built.structure, built.enumerators


def expected_layout(abi: Abi) -> Layout:
    """`struct dual_bitmap` as every C ABI of Linux lays it out."""
    word = abi.bytes_per_long
    # Rounded up to the alignment of a pointer. m68k's is 2, which gives the same 12 bytes.
    size = -(-(2 * word + 4) // word) * word
    members = (
        Member("bitmap", 0, "unsigned long *[2]"),
        Member("nbits", 2 * word, "unsigned int"),
    )
    return Layout(size, members)


def _layout_differences(built: Layout | None, expected: Layout) -> Iterable[str]:
    if built is None:
        yield f"there is no struct {STRUCTURE}"
        return
    members = {member.name: member for member in built.members}
    for member in expected.members:
        found = members.pop(member.name, None)
        if found is None:
            yield f"struct {STRUCTURE} has no member {member.name}"
        elif found != member:
            yield f"{member.name} is {_place(found)}, expected {_place(member)}"
    for name, member in members.items():
        yield f"struct {STRUCTURE} also has {name}, {_place(member)}"
    yield from _size_differences(f"sizeof(struct {STRUCTURE})", built.size, expected.size)


def _size_differences(what: str, built: int | None, expected: int) -> Iterable[str]:
    if built != expected:
        yield f"{what} is {'unknown' if built is None else built}, expected {expected}"


def _enumerator_differences(built: Mapping[str, int] | None) -> Iterable[str]:
    if built is None:
        yield f"there is no enum {ENUMERATION}"
        return
    for name, value in _ENUMERATORS.items():
        if built.get(name) != value:
            yield f"{name} is {built.get(name, 'missing')}, expected {value}"


def _place(member: Member) -> str:
    return f"{member.type!r} at offset {member.offset}"


def _listing(layout: Layout | None, enumerators: Mapping[str, int] | None) -> str:
    members = [f"{member.name} {_place(member)}" for member in layout.members] if layout else []
    size = [f"{layout.size} bytes"] if layout else []
    values = [f"{name} = {value}" for name, value in (enumerators or {}).items()]
    return ", ".join([*members, *size, *values])


def _listed(names: Iterable[str]) -> str:
    shown = sorted(names)
    return ", ".join(shown[:_NAMES_SHOWN]) + (", ..." if len(shown) > _NAMES_SHOWN else "")


def _mismatch(message: str) -> TargetError:
    return TargetError(Kind.IMAGE_MISMATCH, message)
