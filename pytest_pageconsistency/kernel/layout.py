# SPDX-License-Identifier: GPL-2.0-only
"""How the compiler laid out the types under test, from a unit's debug information."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

STRUCTURE = "dual_bitmap"
ENUMERATION = "dual_bitmap_index"

_LONG = frozenset({"long", "unsigned long"})
_TYPES_LIMIT = 200_000
_DEPTH_LIMIT = 16
_TRANSPARENT = frozenset(
    f"DW_TAG_{name}_type" for name in ("const", "volatile", "restrict", "atomic")
) | {"DW_TAG_typedef"}
_TAGGED = {
    "DW_TAG_structure_type": "struct",
    "DW_TAG_union_type": "union",
    "DW_TAG_enumeration_type": "enum",
}


@dataclass(frozen=True)
class Member:
    """A member of a structure: its offset in bytes, and its type in C.

    The type is the one that the ABI sees: typedefs are followed, qualifiers left out.
    """

    name: str
    offset: int
    type: str


@dataclass(frozen=True)
class Layout:
    """A structure: its size in bytes, and its members in their order."""

    size: int
    members: tuple[Member, ...]


@dataclass(frozen=True)
class BuiltTypes:
    """What a unit says of the types under test; what it does not tell is None.

    `sizeof_long` and the size of `structure` are in bytes; `enumerators` maps names to values.
    """

    sizeof_long: int | None = None
    structure: Layout | None = None
    enumerators: Mapping[str, int] | None = None


def built_types(unit: Any) -> BuiltTypes:
    """Find `struct dual_bitmap`, `enum dual_bitmap_index` and `long` in a unit of `dwarf`.

    Looks no further than needed: a kernel unit has thousands of types.
    """
    sizeof_long = structure = enumerators = None
    for die in _types(unit):
        name = _name(die)
        if die.tag == "DW_TAG_base_type" and _c_name(name) in _LONG:
            sizeof_long = _number(die, "DW_AT_byte_size")
        elif die.tag == "DW_TAG_structure_type" and name == STRUCTURE:
            structure = _layout(die)
        elif die.tag == "DW_TAG_enumeration_type" and name == ENUMERATION:
            enumerators = {
                _name(child): _number(child, "DW_AT_const_value") for child in die.iter_children()
            }
        if None not in (sizeof_long, structure, enumerators):
            break
    return BuiltTypes(sizeof_long, structure, enumerators)


def _types(unit: Any) -> Iterator[Any]:
    """The complete types at the unit's top level."""
    entries = unit.iter_DIE_children(unit.get_top_DIE())
    for die in itertools.islice(entries, _TYPES_LIMIT):
        if "DW_AT_byte_size" in die.attributes:
            yield die


def _layout(structure: Any) -> Layout:
    members = tuple(
        Member(_name(child), _offset(child), _member_type(child))
        for child in structure.iter_children()
        if child.tag == "DW_TAG_member"
    )
    return Layout(_number(structure, "DW_AT_byte_size"), members)


def _offset(member: Any) -> int:
    """In bytes; the first member of a union and of some structures goes without saying."""
    if "DW_AT_data_bit_offset" in member.attributes:
        return _number(member, "DW_AT_data_bit_offset") // 8
    return _number(member, "DW_AT_data_member_location", 0)


def _member_type(member: Any) -> str:
    text = type_text(member)
    bits = _number(member, "DW_AT_bit_size", 0)
    return f"{text} : {bits}" if bits else text


def type_text(die: Any, depth: int = 0) -> str:
    """The type that `die` refers to, in C: "unsigned long *[2]"."""
    if "DW_AT_type" not in die.attributes:
        return "void"
    if depth == _DEPTH_LIMIT:
        return "..."
    kind = die.get_DIE_from_attribute("DW_AT_type")
    if kind.tag in _TRANSPARENT:
        return type_text(kind, depth + 1)
    if kind.tag == "DW_TAG_base_type":
        return _c_name(_name(kind))
    if kind.tag in _TAGGED:
        return f"{_TAGGED[kind.tag]} {_name(kind)}"
    if kind.tag == "DW_TAG_subroutine_type":
        return "function"
    inner = type_text(kind, depth + 1)
    if kind.tag == "DW_TAG_pointer_type":
        return f"{inner}*" if inner.endswith("*") else f"{inner} *"
    if kind.tag == "DW_TAG_array_type":
        return inner + "".join(f"[{count}]" for count in _counts(kind))
    return f"{kind.tag} of {inner}"


def _counts(array: Any) -> Iterator[str]:
    for child in array.iter_children():
        if "DW_AT_count" in child.attributes:
            yield str(_number(child, "DW_AT_count"))
        elif "DW_AT_upper_bound" in child.attributes:
            yield str(_number(child, "DW_AT_upper_bound") + 1)
        else:
            yield ""


def _c_name(base: str) -> str:
    """A base type's name as people write it: gcc says "long unsigned int"."""
    words = base.split()
    if "int" in words and {"long", "short"} & set(words):
        words.remove("int")
    return " ".join(sorted(words, key=lambda word: word not in ("unsigned", "signed")))


def _name(die: Any) -> str:
    attribute = die.attributes.get("DW_AT_name")
    return "" if attribute is None else bytes(attribute.value).decode("utf-8", "backslashreplace")


def _number(die: Any, attribute: str, default: int | None = None) -> int:
    """A constant attribute; ValueError where it is another kind of value, KeyError without one."""
    if default is not None and attribute not in die.attributes:
        return default
    value = die.attributes[attribute].value
    if not isinstance(value, int):
        raise ValueError(f"{attribute} is no constant")
    return value
