# SPDX-License-Identifier: GPL-2.0-only
"""Faults to seed into kunit/include/linux/dual_bitmap.h: each must be caught by the shipped suite.

Left out, because no caller that is alone can see them:

* non-atomic __set_bit() and __test_and_clear_bit(); a barrier after the last read;
* the enumerators of the copies swapped: every use swaps with them, and so does the runtime;
* the copies swapped within consistent() or validate(), or the order of the two reads: both
  compare symmetrically;
* `primary + secondary == ~0UL`: the sum is all ones for complements and for nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """Text `old`, which the header holds `count` times, is replaced by `new` at `occurrence`."""

    name: str
    old: str
    new: str
    occurrence: int = 1
    count: int = 1


def apply_mutant(mutant: Mutant, header: str) -> str:
    """Seed the fault; ValueError if the header does not hold `old` exactly `count` times."""
    pieces = header.split(mutant.old)
    if len(pieces) != mutant.count + 1:
        raise ValueError(
            f"{mutant.name}: {mutant.old!r} occurs {len(pieces) - 1} times, not {mutant.count}"
        )
    before = mutant.old.join(pieces[: mutant.occurrence])
    after = mutant.old.join(pieces[mutant.occurrence :])
    return before + mutant.new + after


P = "db->bitmap[DUAL_BITMAP_PRIMARY]"
S = "db->bitmap[DUAL_BITMAP_SECONDARY]"
BOUND = "if (WARN_ON_ONCE(bit >= db->nbits))"
REFUSE = "\t\treturn false;"
BIT = "bit % BITS_PER_LONG"
SET_PRIMARY = f"old = test_and_set_bit({BIT},\n\t\t\t       {P} + BIT_WORD(bit));"
SET_SECONDARY = f"\ttest_and_clear_bit({BIT},\n\t\t\t   {S} + BIT_WORD(bit));"
CLEAR_PRIMARY = f"old = test_and_clear_bit({BIT},\n\t\t\t\t {P} + BIT_WORD(bit));"
CLEAR_SECONDARY = f"\ttest_and_set_bit({BIT},\n\t\t\t {S} + BIT_WORD(bit));"
SET = "dual_bitmap_set(struct dual_bitmap *db, unsigned long bit)"
TEST = "dual_bitmap_test(const struct dual_bitmap *db,\n\t\t\t\t    unsigned long bit)"
CONSISTENT = "dual_bitmap_consistent(const struct dual_bitmap *db,\n\t\t\t\t\t  unsigned long bit)"
COMPARE = "return primary == ~secondary;"
WORDS = "words = BITS_TO_LONGS(db->nbits);"
ZERO = f"\tbitmap_zero({P}, db->nbits);"
FILL = f"\tbitmap_fill({S}, db->nbits);"
LOOKS = "DUAL_BITMAP_RETRY_COUNT\t3"
BITS_DIFFER = "test_bit(bit, primary) != test_bit(bit, secondary)"
LAST_LOOK = f"return {BITS_DIFFER};"
LAST_WORDS = (
    "\t\tif (!dual_bitmap_consistent_word(READ_ONCE(primary[i]),\n"
    "\t\t\t\t\t\t READ_ONCE(secondary[i])))\n"
    "\t\t\tviolations++;"
)


def narrowed(signature: str) -> str:
    """The function takes its bit number as an unsigned int."""
    return signature.replace("unsigned long bit", "unsigned int bit")


def in_each(name: str, old: str, new: str, functions: tuple[str, ...]) -> list[Mutant]:
    """The same fault in one function after the other."""
    return [
        Mutant(f"{name} in {function}", old, new, number, len(functions))
        for number, function in enumerate(functions, 1)
    ]


BIT_FUNCTIONS = ("set", "clear", "test", "consistent")

MUTANTS = [
    # set() and clear()
    Mutant("set leaves the secondary", SET_SECONDARY, ""),
    Mutant("clear leaves the secondary", CLEAR_SECONDARY, ""),
    Mutant("set leaves the primary", SET_PRIMARY, f"old = test_bit(bit, {P});"),
    Mutant("clear leaves the primary", CLEAR_PRIMARY, f"old = test_bit(bit, {P});"),
    Mutant(
        "set swaps the copies",
        f"{SET_PRIMARY}\n{SET_SECONDARY}",
        f"old = test_and_set_bit(bit, {S});\n\ttest_and_clear_bit(bit, {P});",
    ),
    Mutant(
        "clear swaps the copies",
        f"{CLEAR_PRIMARY}\n{CLEAR_SECONDARY}",
        f"old = test_and_clear_bit(bit, {S});\n\ttest_and_set_bit(bit, {P});",
    ),
    Mutant("set clears the primary", SET_PRIMARY, CLEAR_PRIMARY),
    Mutant("clear sets the primary", CLEAR_PRIMARY, SET_PRIMARY),
    Mutant("set does not heal", SET_SECONDARY, f"\tif (!old)\n\t{SET_SECONDARY}"),
    Mutant("clear does not heal", CLEAR_SECONDARY, f"\tif (old)\n\t{CLEAR_SECONDARY}"),
    Mutant(
        "set returns the secondary's old bit", SET_SECONDARY, f"\told = !{SET_SECONDARY.lstrip()}"
    ),
    Mutant(
        "clear returns the secondary's old bit", CLEAR_SECONDARY, f"\told = !{CLEAR_SECONDARY[1:]}"
    ),
    *in_each("inverted result", "return old;", "return !old;", ("set", "clear")),
    # Bits out of range
    *in_each("nbits in range", BOUND, BOUND.replace(">=", ">"), BIT_FUNCTIONS),
    Mutant("no bound in clear", BOUND, "if (0)", 2, 4),
    Mutant("no bound in consistent", BOUND, "if (0)", 4, 4),
    *in_each("true out of range", REFUSE, "\t\treturn true;", BIT_FUNCTIONS),
    Mutant("set compares 32 bits", BOUND, BOUND.replace("(bit", "((u32)bit"), 1, 4),
    Mutant("test compares signed", BOUND, "if (WARN_ON_ONCE((long)bit >= (long)db->nbits))", 3, 4),
    Mutant("nbits - 1 wraps", BOUND, "if (WARN_ON_ONCE(bit > db->nbits - 1))", 1, 4),
    Mutant("set takes 32 bits", SET, narrowed(SET)),
    Mutant("test takes 32 bits", TEST, narrowed(TEST)),
    # test(), consistent_word() and consistent()
    Mutant(
        "test reads the secondary", f"return test_bit(bit, {P});", f"return test_bit(bit, {S});"
    ),
    Mutant("no complement", COMPARE, "return primary == secondary;"),
    Mutant("both zero is fine", COMPARE, "return !(primary & secondary);"),
    Mutant("both one is fine", COMPARE, "return (primary | secondary) == ~0UL;"),
    Mutant("half a word", COMPARE, "return (u32)primary == (u32)~secondary;"),
    Mutant("equal bits are consistent", f"if ({BITS_DIFFER})", f"if (!({BITS_DIFFER}))"),
    Mutant("the last look wants equal bits", LAST_LOOK, f"return !({BITS_DIFFER});"),
    # Tries
    Mutant("no tries", LOOKS, LOOKS.replace("3", "0")),
    Mutant("two tries", LOOKS, LOOKS.replace("3", "2")),
    Mutant("four tries", LOOKS, LOOKS.replace("3", "4")),
    *in_each("no cpu_relax", "cpu_relax();", "barrier();", ("consistent", "validate")),
    *in_each("no smp_rmb", "smp_rmb();", "barrier();", ("consistent", "validate")),
    Mutant("consistent has no last look", LAST_LOOK, "return false;"),
    Mutant("validate has no last look", LAST_WORDS, "\t\tviolations++;"),
    Mutant("validate reads plainly", LAST_WORDS, LAST_WORDS.replace("READ_ONCE", "")),
    # Words of validate()
    Mutant("words for bits", WORDS, "words = db->nbits;"),
    Mutant("bytes for words", WORDS, "words = BITS_TO_BYTES(db->nbits);"),
    Mutant("no tail", WORDS, "words = db->nbits / BITS_PER_LONG;"),
    Mutant("one word more", WORDS, "words = BITS_TO_LONGS(db->nbits) + 1;"),
    Mutant("one word short", WORDS, "words = db->nbits ? BITS_TO_LONGS(db->nbits) - 1 : 0;"),
    Mutant("full words get another", WORDS, "words = db->nbits / BITS_PER_LONG + 1;"),
    Mutant("validate starts at word 1", "for (i = 0; i < words", "for (i = 1; i < words"),
    Mutant("a healthy word ends validate", "\t\t\tcontinue;", "\t\t\tbreak;"),
    Mutant("validate stops at the first", "\t\t\tviolations++;", "\t\t\treturn 1;"),
    Mutant("validate says whether", "return violations;", "return !!violations;"),
    Mutant(
        "validate counts bits",
        "violations++;",
        "violations += hweight_long(~(primary[i] ^ secondary[i]));",
    ),
    # init()
    Mutant("init without zero", ZERO, ""),
    Mutant("init without fill", FILL, ""),
    Mutant("init fills the primary", FILL, FILL.replace("SECONDARY", "PRIMARY")),
    Mutant(
        "init swaps the copies",
        f"{ZERO}\n{FILL}",
        f"\tbitmap_zero({S}, db->nbits);\n\tbitmap_fill({P}, db->nbits);",
    ),
    Mutant("init zeroes an eighth", ZERO, ZERO.replace("db->nbits", "db->nbits / 8")),
    Mutant("init fills an eighth", FILL, FILL.replace("db->nbits", "db->nbits / 8")),
    Mutant("init zeroes one bit more", ZERO, ZERO.replace("db->nbits", "db->nbits + 1")),
    Mutant("init fills one bit more", FILL, FILL.replace("db->nbits", "db->nbits + 1")),
    Mutant("init leaves the primary's tail", ZERO, f"\tbitmap_clear({P}, 0, db->nbits);"),
    Mutant("init leaves the secondary's tail", FILL, f"\tbitmap_set({S}, 0, db->nbits);"),
    Mutant("init fills bytes", FILL, f"\tmemset({S}, 0xff, BITS_TO_BYTES(db->nbits));"),
]
