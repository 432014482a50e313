/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Most cases are tables of steps; the operations are numbered as the host does.
 */
#ifndef _PC_TABLE_H
#define _PC_TABLE_H

#include <linux/types.h>

#include "pc_span.h"

enum pc_op {
	PC_NEW,
	PC_NEW_NULL,
	PC_INIT,
	PC_SET,
	PC_CLEAR,
	PC_TEST,
	PC_CONSISTENT,
	PC_VALIDATE,
	PC_CONSISTENT_WORD,
	PC_CONSISTENT_RETRY,
	PC_VALIDATE_RETRY,
	PC_FLIP,
	PC_WRITE_WORD,
	PC_SCRIBBLE,
	PC_WORD,
	PC_WORDS,
	PC_GUARD,
	/* Of the page consistency checker (pc_checker_steps.h). */
	PC_BOOT,
	PC_RUNNING,
	PC_ALLOC,
	PC_FREE,
	PC_CHECK,
	PC_VALIDATE_ALL,
	PC_WRITE_VALIDATE,
	PC_STATS,
	PC_VIOLATIONS,
	PC_PANICS,
};

/**
 * struct pc_step - one operation
 * @head: which one (bits 0 to 7); the bit that is expected, or the copy that is
 *	meant (8 to 15); number of the dual bitmap (16 to 31)
 * @value: the bit number, or the count that is expected; for an operation that
 *	needs more, where that begins in the case's further words
 */
struct pc_step {
	u64 head;
	u64 value;
};

/**
 * struct pc_table - a case, as the host packs it
 * @id: identifies the case on the console
 * @count: number of steps
 * @bitmaps: number of dual bitmaps
 * @more: number of further words: arguments, then expectations, of the steps
 *	that have them
 * @steps: in their order; behind them the further words, then the words of all
 *	bitmaps at the end as struct pc_span
 */
struct pc_table {
	u64 id;
	u64 count;
	u64 bitmaps;
	u64 more;
	struct pc_step steps[];
};

static inline const u64 *pc_more(const struct pc_table *table)
{
	return (const u64 *)(table->steps + table->count);
}

static inline const struct pc_span *pc_final(const struct pc_table *table)
{
	return (const struct pc_span *)(pc_more(table) + table->more);
}

struct kunit;

void pc_take_steps(struct kunit *test, const struct pc_table *table);
/* The same, where the functions under test are watched (pc_watch.h). */
void pc_take_watched_steps(struct kunit *test, const struct pc_table *table);
/* The same, with those of the checker. */
void pc_take_checker_steps(struct kunit *test, const struct pc_table *table);

#endif /* _PC_TABLE_H */
