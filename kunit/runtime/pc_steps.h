/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Takes the steps of a case that is a table (pc_table.h), in a function called
 * PC_TAKE_STEPS.
 */
#ifndef _PC_STEPS_H
#define _PC_STEPS_H

#include <linux/string.h>

#include "pc_dual_bitmap.h"
#include "pc_table.h"

/* Eight bytes lie in a word, the first one least significant. */
static void pc_scribble_words(struct pc_case *c, unsigned int bitmap,
			      enum pc_copy copy, unsigned long offset,
			      const u64 *words, unsigned long count)
{
	unsigned long i;

	for (i = 0; i < count; i++) {
		u8 byte = words[i / 8] >> (i % 8 * 8);

		pc_scribble(c, bitmap, copy, offset + i, &byte, 1);
	}
}

static void pc_observe(struct pc_case *c, struct dual_bitmap *db,
		       const struct pc_step *step, const u64 *more,
		       unsigned int n)
{
	unsigned int bitmap = (u32)step->head >> 16;
	unsigned int flag = step->head >> 8 & 0xff;
	unsigned long bit = step->value;

	switch ((u8)step->head) {
	case PC_NEW_NULL:
		memset(db, 0, sizeof(*db));
		break;
	case PC_INIT:
		dual_bitmap_init(db);
		break;
	case PC_SET:
		pc_bit(c, n, dual_bitmap_set(db, bit), flag);
		break;
	case PC_CLEAR:
		pc_bit(c, n, dual_bitmap_clear(db, bit), flag);
		break;
	case PC_TEST:
		pc_bit(c, n, dual_bitmap_test(db, bit), flag);
		break;
	case PC_CONSISTENT:
		pc_bit(c, n, dual_bitmap_consistent(db, bit), flag);
		break;
	case PC_VALIDATE:
		pc_word(c, n, dual_bitmap_validate(db), bit);
		break;
	case PC_CONSISTENT_WORD:
		pc_bit(c, n, dual_bitmap_consistent_word(more[0], more[1]),
		       flag);
		break;
#ifdef _PC_WATCH_H
	case PC_CONSISTENT_RETRY:
		pc_watch(c, db, bitmap, flag, more[0], more[1]);
		pc_word(c, n, dual_bitmap_consistent(db, more[0]), more[2]);
		pc_watch_counts(c, n, more[3], more[4], more[5], more[6]);
		break;
	case PC_VALIDATE_RETRY:
		pc_watch(c, db, bitmap, flag, more[0], more[1]);
		pc_word(c, n, dual_bitmap_validate(db), more[2]);
		pc_watch_counts(c, n, more[3], more[4], more[5], more[6]);
		break;
#endif
	case PC_FLIP:
		pc_flip(c, bitmap, flag, bit);
		break;
	case PC_WRITE_WORD:
		pc_write_word(c, bitmap, flag, more[0], more[1]);
		break;
	case PC_SCRIBBLE:
		pc_scribble_words(c, bitmap, flag, more[0], more + 2, more[1]);
		break;
	case PC_WORD:
		pc_word(c, n, pc_words_of(c, bitmap, flag)[more[0]],
			more[1]);
		break;
	case PC_WORDS:
		pc_words(c, n, bitmap, flag,
			 (const struct pc_span *)(more + 1));
		break;
	case PC_GUARD:
		pc_guard(c, n, bitmap);
		break;
	default:
		pc_unknown(c, n);
	}
}

/* Returns false if there is no memory: the case is over then. */
static bool pc_take_step(struct pc_case *c, struct dual_bitmap *db,
			 const struct pc_step *step, const u64 *more,
			 unsigned int n)
{
	switch ((u8)step->head) {
	case PC_NEW:
		return pc_new(c, db, (u32)step->head >> 16, (u32)step->value,
			      step->value >> 32);
#ifdef _PC_CHECKER_STEPS_H
	case PC_BOOT ... PC_PANICS:
		return pc_checker_step(c, db, step, more, n);
#endif
	default:
		pc_observe(c, db, step, more, n);
		return true;
	}
}

void PC_TAKE_STEPS(struct kunit *test, const struct pc_table *table)
{
	struct pc_case *c = pc_begin(test, table->id, table->bitmaps);
	const struct pc_step *step = table->steps;
	const u64 *more = pc_more(table);
	struct dual_bitmap *dbs;
	unsigned int n;

	dbs = pc_zeroed(c, table->bitmaps, sizeof(*dbs));
	for (n = 1; n <= table->count; n++, step++) {
		u64 value = step->value;

		if (!pc_take_step(c, &dbs[(u32)step->head >> 16], step,
				  value < table->more ? more + value : NULL, n))
			return;
	}
	pc_end(c, pc_final(table));
}

#endif /* _PC_STEPS_H */
