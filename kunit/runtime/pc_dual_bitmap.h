/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Dual bitmaps over the runtime's guarded memory.
 */
#ifndef _PC_DUAL_BITMAP_H
#define _PC_DUAL_BITMAP_H

/* What nearly every file has included before it comes to the header. */
#include <linux/kernel.h>
#include <linux/dual_bitmap.h>

#include "pc_runtime.h"

static inline bool pc_new(struct pc_case *c, struct dual_bitmap *db,
			  unsigned int bitmap, unsigned int nbits, u8 fill)
{
	unsigned long *copies[PC_COPIES];

	if (!pc_allocate(c, bitmap, nbits, fill, copies))
		return false;
	db->bitmap[DUAL_BITMAP_PRIMARY] = copies[PC_PRIMARY];
	db->bitmap[DUAL_BITMAP_SECONDARY] = copies[PC_SECONDARY];
	db->nbits = nbits;

	return true;
}

#ifdef _PC_WATCH_H
static inline void pc_watch(struct pc_case *c, struct dual_bitmap *db,
			    unsigned int bitmap, enum pc_copy copy,
			    unsigned long bit, unsigned long bad_reads)
{
	pc_watch_begin(pc_words_of(c, bitmap, PC_PRIMARY),
		       pc_words_of(c, bitmap, PC_SECONDARY), db->nbits,
		       pc_words_of(c, bitmap, copy), bit, bad_reads);
}

static inline void pc_watch_counts(struct pc_case *c, unsigned int step,
				   unsigned long primary_reads,
				   unsigned long secondary_reads,
				   unsigned long relaxes, unsigned long barriers)
{
	pc_watch_end();
	pc_word(c, step, pc_watched.reads[0], primary_reads);
	pc_word(c, step, pc_watched.reads[1], secondary_reads);
	pc_word(c, step, pc_watched.relaxes, relaxes);
	pc_word(c, step, pc_watched.barriers, barriers);
}
#endif /* _PC_WATCH_H */

#endif /* _PC_DUAL_BITMAP_H */
