/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counts the reads, the calls of cpu_relax() and those of smp_rmb() that a
 * dual bitmap function makes, and heals a flipped bit under its eyes.
 *
 * To be included before <linux/dual_bitmap.h> and after whatever that includes,
 * so that only the functions under test are watched.
 */
#ifndef _PC_WATCH_H
#define _PC_WATCH_H

#include <linux/bitmap.h>
#include <linux/bitops.h>
#include <linux/bug.h>
#include <linux/compiler.h>
#include <linux/processor.h>
#include <linux/string.h>
#include <asm/barrier.h>

/* Cases run one after the other: one watch is enough. */
static struct {
	const unsigned long *copies[2];
	unsigned long words;
	unsigned long reads[2];
	unsigned long relaxes;
	unsigned long barriers;
	/* Calls of cpu_relax() until the bit heals: each follows a bad read. */
	unsigned long bad_reads;
	unsigned long *flipped;
	unsigned long mask;
} pc_watched;

static inline void pc_watch_flip(void)
{
	unsigned long *word = pc_watched.flipped;

	WRITE_ONCE(*word, READ_ONCE(*word) ^ pc_watched.mask);
}

static inline void pc_watch_read(const void *address)
{
	const unsigned long *word = address;
	unsigned int copy;

	for (copy = 0; copy < 2; copy++)
		if (word >= pc_watched.copies[copy] &&
		    word < pc_watched.copies[copy] + pc_watched.words)
			pc_watched.reads[copy]++;
}

static inline bool pc_watch_test_bit(unsigned long bit,
				     const unsigned long *words)
{
	pc_watch_read(words + BIT_WORD(bit));
	return test_bit(bit, words);
}

static inline void pc_watch_relax(void)
{
	pc_watched.relaxes++;
	if (pc_watched.flipped && pc_watched.relaxes == pc_watched.bad_reads) {
		pc_watch_flip();
		pc_watched.flipped = NULL;
	}
	cpu_relax();
}

static inline void pc_watch_rmb(void)
{
	pc_watched.barriers++;
	/* The barrier itself, as the function under test wants it. */
	smp_rmb();
}

/* Flip @bit in @words, one of the two copies, until it was read @bad_reads times. */
static inline void pc_watch_begin(const unsigned long *primary,
				  const unsigned long *secondary,
				  unsigned int nbits, unsigned long *words,
				  unsigned long bit, unsigned long bad_reads)
{
	memset(&pc_watched, 0, sizeof(pc_watched));
	pc_watched.copies[0] = primary;
	pc_watched.copies[1] = secondary;
	pc_watched.words = BITS_TO_LONGS(nbits);
	if (!bad_reads)
		return;
	pc_watched.bad_reads = bad_reads;
	pc_watched.flipped = words + BIT_WORD(bit);
	pc_watched.mask = BIT_MASK(bit);
	pc_watch_flip();
}

/* Stop counting, and heal what did not heal under way. */
static inline void pc_watch_end(void)
{
	if (pc_watched.flipped)
		pc_watch_flip();
	pc_watched.flipped = NULL;
	pc_watched.words = 0;
}

#undef READ_ONCE
#define READ_ONCE(x)							\
({									\
	const typeof(x) *_pc_at = &(x);					\
									\
	pc_watch_read((const void *)_pc_at);				\
	__READ_ONCE(*_pc_at);						\
})

#undef test_bit
#define test_bit(bit, words)	pc_watch_test_bit(bit, (const unsigned long *)(words))

#undef cpu_relax
#define cpu_relax()		pc_watch_relax()

#undef smp_rmb
/* The barrier under test, seen from inside. */
#define smp_rmb()		pc_watch_rmb()

#endif /* _PC_WATCH_H */
