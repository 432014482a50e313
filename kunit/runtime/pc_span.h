/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The copies of a dual bitmap, and words that are expected of them.
 */
#ifndef _PC_SPAN_H
#define _PC_SPAN_H

#include <linux/types.h>

enum pc_copy {
	PC_PRIMARY,
	PC_SECONDARY,
	PC_COPIES,
};

/**
 * struct pc_span - a number of equal words
 * @value: each word
 * @count: how many
 *
 * Of one size everywhere, as the host packs it.
 */
struct pc_span {
	u64 value;
	u64 count;
};

#endif /* _PC_SPAN_H */
