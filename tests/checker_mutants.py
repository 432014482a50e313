# SPDX-License-Identifier: GPL-2.0-only
"""Faults to seed into kunit/mm/page_consistency.c: the checker's suite must catch each.

Left out, because no caller that is alone can see them: counters that are not atomic, and max_pfn
as the first page of a block, which the number of its pages keeps out as well.
"""

from __future__ import annotations

from mutants import Mutant

COUNTED = "\tatomic64_inc(&violations_detected);\n\n"
PANICS = "\tif (IS_ENABLED(CONFIG_DEBUG_PAGE_CONSISTENCY_PANIC))\n"
TRACKED = (
    "\treturn pfn >= tracked.min_pfn && pfn < tracked.max_pfn &&\n"
    "\t       (1UL << order) <= tracked.max_pfn - pfn;"
)
CHECK_ALLOC = '\tcheck_before("alloc", pfn);\n'
CHECK_FREE = '\tcheck_before("free", pfn);\n'
SET = "if (!dual_bitmap_set(&tracked.bitmaps, pfn - tracked.min_pfn))"
CLEAR = "if (dual_bitmap_clear(&tracked.bitmaps, pfn - tracked.min_pfn))"
DOUBLE_ALLOC = '\treport_violation("DOUBLE-ALLOC detected: PFN %lu", pfn);\n'
DOUBLE_FREE = '\t\treport_violation("DOUBLE-FREE detected: PFN %lu", pfn);\n'
RUNNING = "if (system_state >= SYSTEM_RUNNING)"
IGNORES = "\tif (!is_tracked(pfn, order))\n\t\treturn;\n"
ALLOC_LOOP = "\tfor (i = 0; i < 1UL << order; i++)\n\t\ttaken += track_alloc(pfn + i);\n"
FREE_LOOP = "\tfor (i = 0; i < 1UL << order; i++)\n\t\tgiven += track_free(pfn + i);\n"
SPAN = "if (!span || span > SPAN_LIMIT) {"
BYTES = "bytes = BITS_TO_LONGS(span) * sizeof(*primary);"
GIVEN_BACK = "\t\tmemblock_free(primary, bytes);\n"
ENABLED = "\tstatic_branch_enable(&page_consistency_enabled);\n"
VALIDATED = "atomic64_add(words, &violations_detected);"
VIOLATION = (
    "\tatomic64_inc(&violations_detected);\n"
    '\tpr_err("Consistency violation for PFN %lu\\n", pfn);\n'
)

PFN = "unsigned long pfn = page_to_pfn(page);"
PR_DISABLED = (
    '\t\tpr_warn("Cannot track PFN range [%lu-%lu), disabled\\n",\n\t\t\tstart_pfn, end_pfn);\n'
)

CHECKER_MUTANTS = [
    # What is a violation, and what it leads to
    Mutant("violations are not counted", COUNTED, ""),
    Mutant("PANIC does not panic", PANICS, "\tif (false)\n"),
    Mutant("always panics", PANICS, "\tif (true)\n"),
    Mutant("alloc does not check", CHECK_ALLOC, ""),
    Mutant("free does not check", CHECK_FREE, ""),
    Mutant("alloc calls itself free", CHECK_ALLOC, CHECK_FREE),
    Mutant(
        "alloc checks afterwards",
        f"{CHECK_ALLOC}\t{SET}\n\t\treturn true;\n",
        f"\tbool taken = !{SET[5:-1]};\n\n{CHECK_ALLOC}\tif (taken)\n\t\treturn true;\n",
    ),
    Mutant("free sets the bit", CLEAR, CLEAR.replace("_clear", "_set")),
    Mutant("alloc clears the bit", SET, SET.replace("_set", "_clear")),
    Mutant("alloc takes each page for new", SET, SET.replace("if (!", "if (1 || ")),
    Mutant("alloc looks, and does not set", SET, SET.replace("_set", "_test")),
    Mutant("free looks, and does not clear", CLEAR, CLEAR.replace("_clear", "_test")),
    Mutant("no DOUBLE-ALLOC", DOUBLE_ALLOC, ""),
    Mutant("no DOUBLE-FREE", f"\t{RUNNING}\n{DOUBLE_FREE}", ""),
    Mutant("DOUBLE-FREE while booting", RUNNING, "if (true)"),
    Mutant("running begins later", RUNNING, RUNNING.replace(">=", ">")),
    Mutant(
        "running begins with init memory", RUNNING, RUNNING.replace("_RUNNING", "_FREEING_INITMEM")
    ),
    Mutant("running begins with scheduling", RUNNING, RUNNING.replace("_RUNNING", "_SCHEDULING")),
    Mutant(
        "DOUBLE-ALLOC names the bit",
        DOUBLE_ALLOC,
        DOUBLE_ALLOC.replace(", pfn", ", pfn - tracked.min_pfn"),
    ),
    Mutant(
        "a double allocation is new",
        f"{DOUBLE_ALLOC}\treturn false;",
        f"{DOUBLE_ALLOC}\treturn true;",
    ),
    Mutant(
        "a double free is real", f"{DOUBLE_FREE}\treturn false;", f"{DOUBLE_FREE}\treturn true;"
    ),
    # Ranges and blocks
    Mutant("the first page is not", "pfn >= tracked.min_pfn", "pfn > tracked.min_pfn"),
    Mutant("no lower end", "pfn >= tracked.min_pfn && ", ""),
    Mutant("no upper end", TRACKED, "\treturn pfn >= tracked.min_pfn;"),
    Mutant("only the first page counts", TRACKED, TRACKED.replace("(1UL << order)", "1UL")),
    Mutant("the last page is one off", "(1UL << order) <=", "(1UL << order) <"),
    Mutant("the range is wider by one", "(1UL << order) <=", "(1UL << order) - 1 <="),
    Mutant("alloc takes one page", ALLOC_LOOP, ALLOC_LOOP.replace("1UL << order", "1")),
    Mutant("free takes one page", FREE_LOOP, FREE_LOOP.replace("1UL << order", "1")),
    Mutant("alloc takes order pages", ALLOC_LOOP, ALLOC_LOOP.replace("1UL << order", "order")),
    Mutant("alloc takes the same page", ALLOC_LOOP, ALLOC_LOOP.replace("pfn + i", "pfn")),
    Mutant(
        "alloc leaves the last page",
        ALLOC_LOOP,
        ALLOC_LOOP.replace("1UL << order;", "(1UL << order) - 1;"),
    ),
    Mutant("free goes one page too far", FREE_LOOP, FREE_LOOP.replace("i = 0; i <", "i = 0; i <=")),
    Mutant("alloc is never ignored", IGNORES, "", 1, 2),
    # Counters
    Mutant("pages_tracked counts pages", "atomic64_add(taken, ", "atomic64_add(1UL << order, "),
    Mutant("pages_tracked counts calls", "atomic64_sub(given, ", "atomic64_sub(1, "),
    Mutant("pages_tracked only grows", "atomic64_sub(given, ", "atomic64_add(given, "),
    Mutant(
        "alloc_count counts pages",
        "atomic64_inc(&alloc_count)",
        "atomic64_add(taken, &alloc_count)",
    ),
    Mutant(
        "alloc_count counts success",
        "\tatomic64_inc(&alloc_count)",
        "\tif (taken)\n\t\tatomic64_inc(&alloc_count)",
    ),
    Mutant("free counts as alloc", "atomic64_inc(&free_count)", "atomic64_inc(&alloc_count)"),
    Mutant("stats swaps the counters", "atomic64_read(&alloc_count)", "atomic64_read(&free_count)"),
    Mutant("pages_tracked is unsigned", '"pages_tracked:       %lld', '"pages_tracked:       %llu'),
    Mutant("stats forgets a label", "free_count:          ", "frees:               "),
    Mutant("stats shows a closed range", '[%lu-%lu)\\n", tracked', '[%lu-%lu]\\n", tracked'),
    # Looking
    Mutant("check_page does not count", VIOLATION, VIOLATION.partition("\n")[2]),
    Mutant("check_page says nothing", VIOLATION, f"{VIOLATION.partition(chr(10))[0]}\n"),
    Mutant(
        "check_page takes all for fine",
        "return PAGE_CONSISTENCY_MISMATCH;",
        "return PAGE_CONSISTENCY_OK;",
        1,
        2,
    ),
    Mutant(
        "no page is outside",
        "\t\treturn PAGE_CONSISTENCY_NOT_TRACKED;",
        "\t\treturn PAGE_CONSISTENCY_OK;",
    ),
    Mutant("validate_all counts once", VALIDATED, "atomic64_inc(&violations_detected);"),
    Mutant("validate_all does not count", VALIDATED, ";"),
    Mutant(
        "validate_all takes all for fine",
        "return PAGE_CONSISTENCY_MISMATCH;",
        "return PAGE_CONSISTENCY_OK;",
        2,
        2,
    ),
    Mutant("a write never fails", "\t\treturn -EIO;", "\t\treturn count;"),
    Mutant("a write fails otherwise", "\t\treturn -EIO;", "\t\treturn -EINVAL;"),
    Mutant("a write writes nothing", "\treturn count;", "\treturn 0;"),
    # The start
    Mutant("no pages are enough", SPAN, SPAN.replace("!span || ", "")),
    Mutant("any span will do", SPAN, "if (!span) {"),
    Mutant("a span is 32 bits wide", "unsigned long span = ", "unsigned int span = "),
    Mutant("memory is too small", BYTES, "bytes = span / BITS_PER_BYTE;"),
    Mutant("memory for bits, not bytes", BYTES, "bytes = BITS_TO_LONGS(span) * BITS_PER_LONG;"),
    Mutant("the primary is lost", GIVEN_BACK, ""),
    Mutant(
        "goes on without a secondary",
        f'{GIVEN_BACK}\t\tpr_warn("Cannot allocate secondary bitmap, disabled\\n");\n\t\treturn;\n',
        "",
    ),
    Mutant("no init", "\tdual_bitmap_init(&tracked.bitmaps);\n", ""),
    Mutant("never enabled", ENABLED, ""),
    Mutant("one bit short", "tracked.bitmaps.nbits = span;", "tracked.bitmaps.nbits = span - 1;"),
    Mutant(
        "one copy for both",
        "[DUAL_BITMAP_SECONDARY] = secondary;",
        "[DUAL_BITMAP_SECONDARY] = primary;",
    ),
    Mutant("the range begins at 0", "tracked.min_pfn = start_pfn;", "tracked.min_pfn = 0;"),
    Mutant(
        "debugfs while it is off",
        "if (!static_branch_unlikely(&page_consistency_enabled))",
        "if (0)",
    ),
    Mutant("stats are writable", '"stats", 0444', '"stats", 0644'),
    Mutant("anybody may validate", '"validate", 0200', '"validate", 0222'),
    # What else the specification says
    Mutant("running is one state", RUNNING, RUNNING.replace(">=", "==")),
    Mutant(
        "suspended is not running",
        RUNNING,
        f"{RUNNING[:-1]} &&\n\t    system_state != SYSTEM_SUSPEND)",
    ),
    Mutant("a write writes one byte", "\treturn count;", "\treturn 1;"),
    Mutant("alloc's page is 32 bits", PFN, PFN.replace("long", "int"), 1, 3),
    Mutant("free's page is 32 bits", PFN, PFN.replace("long", "int"), 2, 3),
    Mutant("check_page's page is 32 bits", PFN, PFN.replace("long", "int"), 3, 3),
    Mutant(
        "DOUBLE-FREE names 32 bits",
        DOUBLE_FREE,
        DOUBLE_FREE.replace("%lu", "%u").replace(", pfn", ", (u32)pfn"),
    ),
    Mutant("debugfs has another directory", '"page_consistency", NULL', '"page_check", NULL'),
    Mutant("files in debugfs' root", '"stats", 0444, directory', '"stats", 0444, NULL'),
    Mutant(
        "stats has one line",
        '%lld\\n",\n\t\t   atomic64_read(&alloc_count)',
        '%lld",\n\t\t   atomic64_read(&alloc_count)',
    ),
    Mutant("no space in stats", '"free_count:          %lld', '"free_count:%lld'),
    Mutant("off in silence", PR_DISABLED, ""),
    Mutant(
        "violations are printed",
        'WARN(1, pr_fmt("%pV\\n"), &message)',
        'printk(KERN_ERR pr_fmt("%pV\\n"), &message)',
    ),
    Mutant(
        "bitmaps are not aligned",
        "secondary = memblock_alloc(bytes, SMP_CACHE_BYTES)",
        "secondary = memblock_alloc(bytes, 1)",
    ),
]
