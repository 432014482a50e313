/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Cases that are too long to be written out are tables of steps.
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
};

/**
 * struct pc_step - one operation
 * @op: which one
 * @flag: the bit that is expected, or the copy that is meant
 * @bitmap: number of the dual bitmap
 * @value: the bit number, or the count that is expected; for an operation that
 *	needs more, where that begins in the case's words
 */
struct pc_step {
	u8 op;
	u8 flag;
	u16 bitmap;
	unsigned long value;
};

/**
 * struct pc_table - a case
 * @steps: in their order
 * @count: number of them
 * @bitmaps: number of dual bitmaps
 * @word_count: number of @words
 * @words: further arguments, then further expectations, of the steps that have
 *	them
 * @bytes: what PC_SCRIBBLE writes
 * @spans: what PC_WORDS expects
 * @final: words of all bitmaps at the end
 */
struct pc_table {
	const struct pc_step *steps;
	unsigned int count;
	unsigned int bitmaps;
	unsigned int word_count;
	const unsigned long *words;
	const u8 *bytes;
	const struct pc_span *spans;
	const struct pc_span *final;
};

/* Further arguments and expectations of a step; NULL where it cannot have any. */
static inline const unsigned long *pc_more(const struct pc_table *table,
					   const struct pc_step *step)
{
	return step->value < table->word_count ? table->words + step->value : NULL;
}

#endif /* _PC_TABLE_H */
