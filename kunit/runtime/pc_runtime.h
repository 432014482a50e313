/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every generated suite shares: guarded memory for bitmaps, damage done to
 * it, and the report of each observed value on the console.
 *
 * A case reports through kunit_info(), in lines of this form:
 *
 *   pc <case id> <line number, from 0> <tokens>
 *
 * The tokens are, in the order of the steps:
 *
 *   begin                  first line: the case is running
 *   b<n>.<hex>             n bits (1 to 64), the first one least significant
 *   <hex> or <hex>*<n>     a word, or n equal words
 *   end <count> <build>    last: values reported, and what the kernel was built from
 *   nomem <bitmap> <bytes> instead of the rest: no memory for that bitmap
 *
 * After the last step come the words of every bitmap, each one's primary first,
 * and a bit for each bitmap: whether the words around it are untouched.
 */
#ifndef _PC_RUNTIME_H
#define _PC_RUNTIME_H

#include <linux/types.h>

#include "pc_build_id.h"
#include "pc_span.h"

struct kunit;
struct pc_case;

struct pc_case *pc_begin(struct kunit *test, u64 id, unsigned int bitmaps);
void pc_end(struct pc_case *c, const struct pc_span *expected);

void *pc_zeroed(struct pc_case *c, size_t count, size_t size);
bool pc_allocate(struct pc_case *c, unsigned int bitmap, unsigned int nbits,
		 u8 fill, unsigned long *copies[PC_COPIES]);
unsigned long *pc_words_of(struct pc_case *c, unsigned int bitmap,
			   enum pc_copy copy);
void pc_swap_copies(struct pc_case *c, unsigned int bitmap);

void pc_bit(struct pc_case *c, unsigned int step, bool value, bool expected);
void pc_word(struct pc_case *c, unsigned int step, u64 value, u64 expected);
void pc_words(struct pc_case *c, unsigned int step, unsigned int bitmap,
	      enum pc_copy copy, const struct pc_span *expected);
void pc_guard(struct pc_case *c, unsigned int step, unsigned int bitmap);
void pc_unknown(struct pc_case *c, unsigned int step);

void pc_flip(struct pc_case *c, unsigned int bitmap, enum pc_copy copy,
	     unsigned long bit);
void pc_write_word(struct pc_case *c, unsigned int bitmap, enum pc_copy copy,
		   unsigned long index, unsigned long value);
void pc_scribble(struct pc_case *c, unsigned int bitmap, enum pc_copy copy,
		 unsigned long offset, const u8 *bytes, size_t count);

#endif /* _PC_RUNTIME_H */
