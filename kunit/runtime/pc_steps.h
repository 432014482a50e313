/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Takes the steps of a case that is a table; see pc_table.h.
 */
#ifndef _PC_STEPS_H
#define _PC_STEPS_H

#include <linux/string.h>

#include "pc_dual_bitmap.h"
#include "pc_table.h"

static inline void pc_observe(struct pc_case *c, struct dual_bitmap *db,
			      const struct pc_table *table,
			      const struct pc_step *step, unsigned int n)
{
	const unsigned long *more = pc_more(table, step);
	unsigned int bitmap = step->bitmap;
	unsigned long bit = step->value;

	switch (step->op) {
	case PC_NEW_NULL:
		memset(db, 0, sizeof(*db));
		break;
	case PC_INIT:
		dual_bitmap_init(db);
		break;
	case PC_SET:
		pc_bit(c, n, dual_bitmap_set(db, bit), step->flag);
		break;
	case PC_CLEAR:
		pc_bit(c, n, dual_bitmap_clear(db, bit), step->flag);
		break;
	case PC_TEST:
		pc_bit(c, n, dual_bitmap_test(db, bit), step->flag);
		break;
	case PC_CONSISTENT:
		pc_bit(c, n, dual_bitmap_consistent(db, bit), step->flag);
		break;
	case PC_VALIDATE:
		pc_word(c, n, dual_bitmap_validate(db), step->value);
		break;
	case PC_CONSISTENT_WORD:
		pc_bit(c, n, dual_bitmap_consistent_word(more[0], more[1]),
		       step->flag);
		break;
#ifdef _PC_WATCH_H
	case PC_CONSISTENT_RETRY:
		pc_watch(c, db, bitmap, step->flag, more[0], more[1]);
		pc_word(c, n, dual_bitmap_consistent(db, more[0]), more[2]);
		pc_watch_counts(c, n, more[3], more[4], more[5], more[6]);
		break;
	case PC_VALIDATE_RETRY:
		pc_watch(c, db, bitmap, step->flag, more[0], more[1]);
		pc_word(c, n, dual_bitmap_validate(db), more[2]);
		pc_watch_counts(c, n, more[3], more[4], more[5], more[6]);
		break;
#endif
	case PC_FLIP:
		pc_flip(c, bitmap, step->flag, bit);
		break;
	case PC_WRITE_WORD:
		pc_write_word(c, bitmap, step->flag, more[0], more[1]);
		break;
	case PC_SCRIBBLE:
		pc_scribble(c, bitmap, step->flag, more[0],
			    table->bytes + more[1], more[2]);
		break;
	case PC_WORD:
		pc_word(c, n, pc_words_of(c, bitmap, step->flag)[more[0]],
			more[1]);
		break;
	case PC_WORDS:
		pc_words(c, n, bitmap, step->flag, table->spans + step->value);
		break;
	case PC_GUARD:
		pc_guard(c, n, bitmap);
		break;
	default:
		KUNIT_FAIL(pc_test_of(c), "step %u: unknown operation", n);
	}
}

static inline void pc_take_steps(struct kunit *test, u64 id,
				 const struct pc_table *table)
{
	struct pc_case *c = pc_begin(test, id, table->bitmaps);
	const struct pc_step *step = table->steps;
	struct dual_bitmap *dbs;
	unsigned int n;

	dbs = kunit_kcalloc(test, table->bitmaps, sizeof(*dbs), GFP_KERNEL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, dbs);
	for (n = 1; n <= table->count; n++, step++) {
		struct dual_bitmap *db = &dbs[step->bitmap];
		const unsigned long *more = pc_more(table, step);

		if (step->op != PC_NEW)
			pc_observe(c, db, table, step, n);
		else if (!pc_new(c, db, step->bitmap, more[0], more[1]))
			return;
	}
	pc_end(c, table->final);
}

#endif /* _PC_STEPS_H */
