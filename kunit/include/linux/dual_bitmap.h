/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two complementary bitmaps that make silent corruption of allocation state
 * visible: the primary holds 1 for allocated, the secondary its complement.
 *
 * For every word, primary == ~secondary. A writer updates one bitmap after the
 * other, so a reader may meet a word in between and tries again before it
 * believes in corruption.
 */
#ifndef _LINUX_DUAL_BITMAP_H
#define _LINUX_DUAL_BITMAP_H

#include <linux/bitmap.h>
#include <linux/bitops.h>
#include <linux/bug.h>
#include <linux/compiler.h>
#include <linux/processor.h>
#include <linux/types.h>
#include <asm/barrier.h>

/* Reads that may find a pair inconsistent before the last, decisive one. */
#define DUAL_BITMAP_RETRY_COUNT	3

enum dual_bitmap_index {
	DUAL_BITMAP_PRIMARY = 0,
	DUAL_BITMAP_SECONDARY = 1,
	DUAL_BITMAP_COUNT = 2,
};

/**
 * struct dual_bitmap - a bitmap and its complement
 * @bitmap: both copies, BITS_TO_LONGS(@nbits) words each, owned by the caller
 * @nbits: number of bits in use
 */
struct dual_bitmap {
	unsigned long *bitmap[DUAL_BITMAP_COUNT];
	unsigned int nbits;
};

/**
 * dual_bitmap_consistent_word() - compare one word of either copy
 * @primary: word of the primary bitmap
 * @secondary: word of the secondary bitmap
 *
 * Return: true if the words are complements.
 */
static inline bool dual_bitmap_consistent_word(unsigned long primary,
					       unsigned long secondary)
{
	return primary == ~secondary;
}

/**
 * dual_bitmap_set() - mark a bit allocated
 * @db: the pair
 * @bit: bit number
 *
 * Two atomic operations, not one: see dual_bitmap_consistent().
 *
 * Return: the primary's old bit; false if @bit is out of range.
 */
static inline bool dual_bitmap_set(struct dual_bitmap *db, unsigned long bit)
{
	bool old;

	if (WARN_ON_ONCE(bit >= db->nbits))
		return false;

	/* Some architectures take an int here, which large numbers do not fit. */
	old = test_and_set_bit(bit % BITS_PER_LONG,
			       db->bitmap[DUAL_BITMAP_PRIMARY] + BIT_WORD(bit));
	test_and_clear_bit(bit % BITS_PER_LONG,
			   db->bitmap[DUAL_BITMAP_SECONDARY] + BIT_WORD(bit));

	return old;
}

/**
 * dual_bitmap_clear() - mark a bit free
 * @db: the pair
 * @bit: bit number
 *
 * Return: the primary's old bit; false if @bit is out of range.
 */
static inline bool dual_bitmap_clear(struct dual_bitmap *db, unsigned long bit)
{
	bool old;

	if (WARN_ON_ONCE(bit >= db->nbits))
		return false;

	/* As in dual_bitmap_set(). */
	old = test_and_clear_bit(bit % BITS_PER_LONG,
				 db->bitmap[DUAL_BITMAP_PRIMARY] + BIT_WORD(bit));
	test_and_set_bit(bit % BITS_PER_LONG,
			 db->bitmap[DUAL_BITMAP_SECONDARY] + BIT_WORD(bit));

	return old;
}

/**
 * dual_bitmap_test() - read a bit of the primary
 * @db: the pair
 * @bit: bit number
 *
 * Return: the bit; false if @bit is out of range.
 */
static inline bool dual_bitmap_test(const struct dual_bitmap *db,
				    unsigned long bit)
{
	if (WARN_ON_ONCE(bit >= db->nbits))
		return false;

	return test_bit(bit, db->bitmap[DUAL_BITMAP_PRIMARY]);
}

/**
 * dual_bitmap_consistent() - compare one bit of either copy
 * @db: the pair
 * @bit: bit number
 *
 * A writer between its two updates looks like corruption; a few more reads
 * give it time to finish.
 *
 * Return: true if the bits differ; false if they do not, or if @bit is out of
 * range.
 */
static inline bool dual_bitmap_consistent(const struct dual_bitmap *db,
					  unsigned long bit)
{
	const unsigned long *primary = db->bitmap[DUAL_BITMAP_PRIMARY];
	const unsigned long *secondary = db->bitmap[DUAL_BITMAP_SECONDARY];
	unsigned int try;

	if (WARN_ON_ONCE(bit >= db->nbits))
		return false;

	for (try = 0; try < DUAL_BITMAP_RETRY_COUNT; try++) {
		if (test_bit(bit, primary) != test_bit(bit, secondary))
			return true;
		cpu_relax();
	}

	/* Whatever the writer stored before must be visible to the last look. */
	smp_rmb();

	return test_bit(bit, primary) != test_bit(bit, secondary);
}

/**
 * dual_bitmap_validate() - compare the copies word by word
 * @db: the pair
 *
 * Whole words are compared, bits past @nbits in the last one included.
 *
 * Return: the number of inconsistent words.
 */
static inline unsigned long dual_bitmap_validate(const struct dual_bitmap *db)
{
	const unsigned long *primary = db->bitmap[DUAL_BITMAP_PRIMARY];
	const unsigned long *secondary = db->bitmap[DUAL_BITMAP_SECONDARY];
	unsigned long words = BITS_TO_LONGS(db->nbits);
	unsigned long violations = 0;
	unsigned long i;

	for (i = 0; i < words; i++) {
		unsigned int try;

		for (try = 0; try < DUAL_BITMAP_RETRY_COUNT; try++) {
			if (dual_bitmap_consistent_word(READ_ONCE(primary[i]),
							READ_ONCE(secondary[i])))
				break;
			cpu_relax();
		}
		if (try < DUAL_BITMAP_RETRY_COUNT)
			continue;

		/* As in dual_bitmap_consistent(). */
		smp_rmb();
		if (!dual_bitmap_consistent_word(READ_ONCE(primary[i]),
						 READ_ONCE(secondary[i])))
			violations++;
	}

	return violations;
}

/**
 * dual_bitmap_init() - mark every bit free
 * @db: the pair, its memory in any state
 */
static inline void dual_bitmap_init(struct dual_bitmap *db)
{
	bitmap_zero(db->bitmap[DUAL_BITMAP_PRIMARY], db->nbits);
	bitmap_fill(db->bitmap[DUAL_BITMAP_SECONDARY], db->nbits);
}

#endif /* _LINUX_DUAL_BITMAP_H */
