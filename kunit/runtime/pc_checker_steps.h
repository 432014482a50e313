/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The steps of the page consistency checker, beside those of pc_steps.h.
 */
#ifndef _PC_CHECKER_STEPS_H
#define _PC_CHECKER_STEPS_H

#include <linux/errno.h>
#include <linux/string.h>

#include "pc_dual_bitmap.h"
#include "pc_machine.h"
#include "pc_table.h"

/* Of memory that is handed out and not to be used: a fault may write to it. */
#define PC_UNUSED_WORDS	1024

/* The counters when the machine was booted: a build's own are never reset. */
static struct pc_stats pc_before;

/* A call of the checker, with its arguments and its result. */
struct pc_checker_call {
	enum pc_op op;
	unsigned long pfn;
	unsigned int order;
	long result;
};

static void pc_make_call(void *data)
{
	const struct pc_checker *checker = pc_machine.checker;
	struct pc_checker_call *call = data;

	switch (call->op) {
	case PC_ALLOC:
		checker->alloc(pc_page(call->pfn), call->order);
		call->result = 0;
		break;
	case PC_FREE:
		checker->free(pc_page(call->pfn), call->order);
		call->result = 0;
		break;
	case PC_CHECK:
		call->result = checker->check_page(pc_page(call->pfn));
		break;
	case PC_VALIDATE_ALL:
		call->result = checker->validate_all();
		break;
	default:
		call->result = pc_write_validate();
	}
}

/*
 * @expected counts the events of the oracle, then has the kind and the number of
 * each: as many are reported, whatever was seen.
 */
static void pc_report_events(struct pc_case *c, unsigned int n,
			     const u64 *expected)
{
	u64 i, count = *expected++;

	pc_word(c, n, pc_machine.events, count);
	for (i = 0; i < count; i++) {
		struct pc_event event = { PC_EVENT_NONE };

		if (i < pc_machine.events && i < PC_EVENTS_KEPT)
			event = pc_machine.event[i];
		pc_word(c, n, event.kind, *expected++);
		pc_word(c, n, event.number, *expected++);
	}
	for (; i < pc_machine.events && i < PC_EVENTS_KEPT; i++)
		pr_info("one event more: %d of %llu\n", pc_machine.event[i].kind,
			pc_machine.event[i].number);
}

/* A dead kernel's counters are nobody's: no change is reported of them. */
static void pc_observe_call(struct pc_case *c, unsigned int n,
			    struct pc_checker_call call, const u64 *expected)
{
	struct pc_stats before, after;
	unsigned int panics = pc_machine.panics;

	pc_machine.events = 0;
	pc_machine.warnings = 0;
	pc_read_stats(&before);
	pc_call(pc_make_call, &call);
	pc_read_stats(&after);
	panics = pc_machine.panics - panics;
	if (panics) {
		call.result = 0;
		after = before;
	}
	pc_word(c, n, (s64)call.result, expected[0]);
	pc_word(c, n, after.violations_detected - before.violations_detected,
		expected[1]);
	pc_word(c, n, after.pages_tracked - before.pages_tracked, expected[2]);
	pc_word(c, n, after.alloc_count - before.alloc_count, expected[3]);
	pc_word(c, n, after.free_count - before.free_count, expected[4]);
	pc_word(c, n, panics, expected[5]);
	/* Whether a message that only tells is a warning is not specified. */
	pc_word(c, n, call.op == PC_ALLOC || call.op == PC_FREE ?
		      pc_machine.warnings : 0, expected[6]);
	pc_report_events(c, n, expected + 7);
}

static bool pc_is_zero(const unsigned long *words, unsigned int nbits)
{
	return !memchr_inv(words, 0, BITS_TO_LONGS(nbits) * sizeof(*words));
}

/*
 * The memory of the checker's bitmaps is that of a dual bitmap of the case. Which
 * allocation is which copy shows in what init() wrote to it.
 */
static bool pc_prepare_memory(struct pc_case *c, struct dual_bitmap *db,
			      unsigned int bitmap, u64 nbits)
{
	if (!nbits)
		return true;
	if (!pc_new(c, db, bitmap, nbits, 0))
		return false;
	pc_machine.memory[0] = db->bitmap[DUAL_BITMAP_PRIMARY];
	pc_machine.memory[1] = db->bitmap[DUAL_BITMAP_SECONDARY];

	return true;
}

static void pc_name_copies(struct pc_case *c, struct dual_bitmap *db,
			   unsigned int bitmap)
{
	unsigned long **copies = db->bitmap;

	if (!db->nbits || pc_is_zero(copies[DUAL_BITMAP_PRIMARY], db->nbits) ||
	    !pc_is_zero(copies[DUAL_BITMAP_SECONDARY], db->nbits))
		return;
	swap(copies[DUAL_BITMAP_PRIMARY], copies[DUAL_BITMAP_SECONDARY]);
	pc_swap_copies(c, bitmap);
}

static void pc_start(void *unused)
{
	const struct pc_checker *checker = pc_machine.checker;

	checker->init();
	if (*checker->initcall)
		(*checker->initcall)();
}

/* @more: min_pfn, max_pfn, the failing allocation, a count, what is expected. */
static bool pc_boot(struct pc_case *c, struct dual_bitmap *db,
		    unsigned int bitmap, bool panic, const u64 *more,
		    unsigned int n)
{
	const struct pc_checker *checker = panic ? &pc_checker_panic :
						   &pc_checker_warn;
	const u64 *expected = more + 4;

	memset(&pc_machine, 0, sizeof(pc_machine));
	pc_machine.checker = checker;
	pc_machine.min_pfn = more[0];
	pc_machine.max_pfn = more[1];
	pc_machine.failing = more[2];
	/* The last of the phases that are not running yet. */
	pc_machine.state = SYSTEM_RUNNING - 1;
	*checker->enabled = false;
	if (!pc_prepare_memory(c, db, bitmap,
			       expected[0] ? more[1] - more[0] : 0))
		return false;
	/* The first allocation succeeds, to be freed again. */
	if (!expected[0] && expected[1])
		pc_machine.memory[0] = pc_zeroed(c, PC_UNUSED_WORDS,
						 sizeof(unsigned long));

	pc_machine.starting = true;
	pc_call(pc_start, NULL);
	pc_machine.starting = false;
	pc_name_copies(c, db, bitmap);
	pc_read_stats(&pc_before);

	pc_word(c, n, *checker->enabled, expected[0]);
	pc_word(c, n, pc_machine.allocations, expected[1]);
	pc_word(c, n, pc_machine.bytes[0], expected[2]);
	pc_word(c, n, pc_machine.bytes[1], expected[3]);
	pc_word(c, n, pc_machine.frees + pc_machine.wrong_calls * 100,
		expected[4]);
	pc_word(c, n, pc_machine.stats_mode, expected[5]);
	pc_word(c, n, pc_machine.validate_mode, expected[6]);
	pc_word(c, n, !!pc_machine.remarks, expected[7]);
	pc_report_events(c, n, expected + 8);
	/* A checker that is on where it should be off would write anywhere. */
	if (!expected[0])
		*checker->enabled = false;

	return true;
}

static void pc_observe_stats(struct pc_case *c, unsigned int n,
			     const u64 *expected)
{
	struct pc_stats now;

	pc_read_stats(&now);
	pc_word(c, n, now.present, expected[0]);
	pc_word(c, n, now.pages_tracked - pc_before.pages_tracked, expected[1]);
	pc_word(c, n, now.alloc_count - pc_before.alloc_count, expected[2]);
	pc_word(c, n, now.free_count - pc_before.free_count, expected[3]);
	pc_word(c, n, now.violations_detected - pc_before.violations_detected,
		expected[4]);
	pc_word(c, n, now.bitmap_size_bits, expected[5]);
	pc_word(c, n, now.min_pfn, expected[6]);
	pc_word(c, n, now.max_pfn, expected[7]);
}

/* Returns false if there is no memory: the case is over then. */
static bool pc_checker_step(struct pc_case *c, struct dual_bitmap *db,
			    const struct pc_step *step, const u64 *more,
			    unsigned int n)
{
	struct pc_checker_call call = {
		.op = (u8)step->head,
		/* Of a call that was never made. */
		.result = -ENOENT,
	};
	struct pc_stats now;

	switch (call.op) {
	case PC_BOOT:
		return pc_boot(c, db, (u32)step->head >> 16,
			       step->head >> 8 & 0xff, more, n);
	case PC_RUNNING:
		/* This one and those that follow it are all of a running system. */
		pc_machine.state = SYSTEM_RUNNING + step->value;
		break;
	case PC_ALLOC:
	case PC_FREE:
		call.pfn = more[0];
		call.order = more[1];
		pc_observe_call(c, n, call, more + 3);
		break;
	case PC_CHECK:
		call.pfn = more[0];
		pc_observe_call(c, n, call, more + 2);
		break;
	case PC_VALIDATE_ALL:
	case PC_WRITE_VALIDATE:
		pc_observe_call(c, n, call, more + 1);
		break;
	case PC_STATS:
		pc_observe_stats(c, n, more + 1);
		break;
	case PC_VIOLATIONS:
		pc_read_stats(&now);
		pc_word(c, n, now.violations_detected -
			      pc_before.violations_detected, step->value);
		break;
	case PC_PANICS:
		pc_word(c, n, pc_machine.panics, step->value);
		break;
	default:
		pc_unknown(c, n);
	}

	return true;
}

#endif /* _PC_CHECKER_STEPS_H */
