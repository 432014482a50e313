// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guarded memory and the report of observed values; see pc_runtime.h.
 */
#include <kunit/test.h>
#include <linux/bitops.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>
#ifdef CONFIG_UML
#include <os.h>
#endif

#include "pc_runtime.h"

/* Words before and after each copy, which nothing may touch. */
#define PC_GUARD_WORDS	2
#define PC_GUARD_VALUE	(~0UL / 0xff * 0x9d)

/* A printk record holds about 1000 characters; the case's name needs some. */
#define PC_TEXT_SIZE	600
#define PC_TOKEN_SIZE	48

/* A bitmap may be too large for the machine: fail, do not fight for memory. */
#define PC_GFP		(GFP_KERNEL | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)

/* A broken header fails at every step: the first few tell enough. */
#define PC_FAILURES_SHOWN	4

struct pc_memory {
	unsigned long *block[PC_COPIES];
	unsigned long words;
};

struct pc_case {
	struct kunit *test;
	struct pc_memory *memory;
	unsigned int bitmaps;
	u64 id;
	unsigned int line;
	unsigned int failures;
	unsigned long values;
	/* Not yet a token: bits, or equal words. */
	u64 bits;
	unsigned int bit_count;
	struct pc_span span;
	size_t used;
	char text[PC_TEXT_SIZE];
};

static void pc_print_line(struct pc_case *c)
{
	if (!c->used)
		return;
	kunit_info(c->test, "pc %010llx %u%s\n", c->id, c->line, c->text);
	/* kunit_info() evaluates its arguments more than once. */
	c->line++;
	c->used = 0;
}

#define pc_token(c, fmt, ...)						\
do {									\
	struct pc_case *_c = (c);					\
									\
	if (_c->used + PC_TOKEN_SIZE > PC_TEXT_SIZE)			\
		pc_print_line(_c);					\
	_c->used += scnprintf(_c->text + _c->used,			\
			      PC_TEXT_SIZE - _c->used, " " fmt,		\
			      ##__VA_ARGS__);				\
} while (0)

static void pc_flush_bits(struct pc_case *c)
{
	if (c->bit_count)
		pc_token(c, "b%u.%llx", c->bit_count, c->bits);
	c->bits = 0;
	c->bit_count = 0;
}

static void pc_flush_span(struct pc_case *c)
{
	if (c->span.count == 1)
		pc_token(c, "%llx", c->span.value);
	else if (c->span.count)
		pc_token(c, "%llx*%llu", c->span.value, c->span.count);
	c->span.count = 0;
}

static void pc_report_bit(struct pc_case *c, bool value)
{
	pc_flush_span(c);
	c->bits |= (u64)value << c->bit_count++;
	c->values++;
	if (c->bit_count == 64)
		pc_flush_bits(c);
}

static void pc_report_word(struct pc_case *c, u64 value)
{
	pc_flush_bits(c);
	if (c->span.count && c->span.value != value)
		pc_flush_span(c);
	c->span.value = value;
	c->span.count++;
	c->values++;
}

static void pc_disagree(struct pc_case *c, unsigned int step, u64 value,
			u64 expected)
{
	if (c->failures++ < PC_FAILURES_SHOWN)
		KUNIT_FAIL(c->test, "step %u: observed %#llx, expected %#llx",
			   step, value, expected);
}

/* Let no line of a report get lost. */
static void pc_settle_console(void)
{
#ifdef CONFIG_UML
	/*
	 * User Mode Linux drops what its standard output, a pipe to kunit.py,
	 * has no room for, unless it may wait.
	 */
	os_set_fd_block(1, 1);
#endif
}

/**
 * pc_begin() - start a case
 * @test: the KUnit case
 * @id: identifies the case on the console
 * @bitmaps: dual bitmaps that the case will allocate
 *
 * Return: what the other functions want; owned by @test.
 */
struct pc_case *pc_begin(struct kunit *test, u64 id, unsigned int bitmaps)
{
	struct pc_case *c = kunit_kzalloc(test, sizeof(*c), GFP_KERNEL);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, c);
	c->test = test;
	c->id = id;
	c->bitmaps = bitmaps;
	c->memory = kunit_kcalloc(test, bitmaps, sizeof(*c->memory), GFP_KERNEL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, c->memory);
	pc_settle_console();
	pc_token(c, "begin");
	pc_print_line(c);

	return c;
}

static void pc_free(struct pc_case *c)
{
	unsigned int i;

	for (i = 0; i < c->bitmaps; i++) {
		kvfree(c->memory[i].block[PC_PRIMARY]);
		kvfree(c->memory[i].block[PC_SECONDARY]);
	}
}

/* Walks through spans word by word. */
struct pc_cursor {
	const struct pc_span *span;
	unsigned long used;
};

static unsigned long pc_next(struct pc_cursor *cursor)
{
	if (cursor->used == cursor->span->count) {
		cursor->span++;
		cursor->used = 0;
	}
	cursor->used++;

	return cursor->span->value;
}

static void pc_final_words(struct pc_case *c, unsigned int bitmap,
			   enum pc_copy copy, struct pc_cursor *expected)
{
	unsigned long *words = pc_words_of(c, bitmap, copy);
	unsigned long i;

	for (i = 0; i < c->memory[bitmap].words; i++) {
		unsigned long value = READ_ONCE(words[i]);
		unsigned long want = pc_next(expected);

		pc_report_word(c, value);
		if (value != want && c->failures++ < PC_FAILURES_SHOWN)
			KUNIT_FAIL(c->test,
				   "final word %lu of bitmap %u, copy %u: observed %#lx, expected %#lx",
				   i, bitmap, copy, value, want);
	}
}

/**
 * pc_end() - report the final words and the guards, then end the case
 * @c: the case
 * @expected: the words of every bitmap in turn, each one's primary first
 */
void pc_end(struct pc_case *c, const struct pc_span *expected)
{
	struct pc_cursor cursor = { .span = expected };
	unsigned int bitmap, copy;

	for (bitmap = 0; bitmap < c->bitmaps; bitmap++)
		for (copy = 0; copy < PC_COPIES; copy++)
			pc_final_words(c, bitmap, copy, &cursor);
	for (bitmap = 0; bitmap < c->bitmaps; bitmap++)
		pc_guard(c, 0, bitmap);
	pc_flush_bits(c);
	pc_flush_span(c);
	pc_token(c, "end %lu %s", c->values, pc_build_id);
	pc_print_line(c);
	pc_free(c);
}

/**
 * pc_allocate() - memory for a dual bitmap, between guard words
 * @c: the case
 * @bitmap: number of the bitmap within the case
 * @nbits: number of bits
 * @fill: every byte of the memory, until something is written to it
 * @copies: where the two copies start
 *
 * Return: false if there is no memory; the case is over then.
 */
bool pc_allocate(struct pc_case *c, unsigned int bitmap, unsigned int nbits,
		 u8 fill, unsigned long *copies[PC_COPIES])
{
	struct pc_memory *memory = &c->memory[bitmap];
	unsigned long words = BITS_TO_LONGS(nbits);
	size_t total = words + 2 * PC_GUARD_WORDS;
	unsigned int copy, i;

	memory->words = words;
	for (copy = 0; copy < PC_COPIES; copy++) {
		unsigned long *block;

		block = kvmalloc_array(total, sizeof(*block), PC_GFP);
		if (!block) {
			pc_token(c, "nomem %u %zu", bitmap, total * sizeof(*block));
			pc_print_line(c);
			pc_free(c);
			KUNIT_FAIL(c->test, "no memory for bitmap %u", bitmap);
			return false;
		}
		memory->block[copy] = block;
		copies[copy] = block + PC_GUARD_WORDS;
		memset(copies[copy], fill, words * sizeof(*block));
		for (i = 0; i < PC_GUARD_WORDS; i++) {
			block[i] = PC_GUARD_VALUE;
			copies[copy][words + i] = PC_GUARD_VALUE;
		}
	}

	return true;
}

/**
 * pc_zeroed() - memory for anything else
 * @c: the case
 * @count: number of elements
 * @size: of an element, in bytes
 *
 * Return: zeroed memory, owned by the test; where there is none, the test ends.
 */
void *pc_zeroed(struct pc_case *c, size_t count, size_t size)
{
	void *memory = kunit_kcalloc(c->test, count, size, GFP_KERNEL);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(c->test, memory);

	return memory;
}

/**
 * pc_words_of() - where a copy starts
 * @c: the case
 * @bitmap: number of the bitmap
 * @copy: which copy of it
 *
 * Return: the first word; NULL for a bitmap without memory.
 */
unsigned long *pc_words_of(struct pc_case *c, unsigned int bitmap,
			   enum pc_copy copy)
{
	unsigned long *block = c->memory[bitmap].block[copy];

	return block ? block + PC_GUARD_WORDS : NULL;
}

/**
 * pc_swap_copies() - take the primary for the secondary, and the other way round
 * @c: the case
 * @bitmap: number of the bitmap
 */
void pc_swap_copies(struct pc_case *c, unsigned int bitmap)
{
	unsigned long **block = c->memory[bitmap].block;

	swap(block[PC_PRIMARY], block[PC_SECONDARY]);
}

/**
 * pc_bit() - report a bool
 * @c: the case
 * @step: number of the step, from 1
 * @value: observed
 * @expected: what the oracle says
 */
void pc_bit(struct pc_case *c, unsigned int step, bool value, bool expected)
{
	pc_report_bit(c, value);
	if (value != expected)
		pc_disagree(c, step, value, expected);
}

/**
 * pc_word() - report a word, or a number of 64 bits
 * @c: the case
 * @step: number of the step, from 1
 * @value: observed
 * @expected: what the oracle says
 */
void pc_word(struct pc_case *c, unsigned int step, u64 value, u64 expected)
{
	pc_report_word(c, value);
	if (value != expected)
		pc_disagree(c, step, value, expected);
}

/**
 * pc_words() - report all words of a copy
 * @c: the case
 * @step: number of the step, from 1
 * @bitmap: number of the bitmap
 * @copy: which copy of it
 * @expected: what the oracle says
 */
void pc_words(struct pc_case *c, unsigned int step, unsigned int bitmap,
	      enum pc_copy copy, const struct pc_span *expected)
{
	struct pc_cursor cursor = { .span = expected };
	unsigned long *words = pc_words_of(c, bitmap, copy);
	unsigned long i;

	for (i = 0; i < c->memory[bitmap].words; i++)
		pc_word(c, step, READ_ONCE(words[i]), pc_next(&cursor));
}

/**
 * pc_guard() - report whether the words around both copies are untouched
 * @c: the case
 * @step: number of the step, from 1
 * @bitmap: number of the bitmap
 */
void pc_guard(struct pc_case *c, unsigned int step, unsigned int bitmap)
{
	struct pc_memory *memory = &c->memory[bitmap];
	bool intact = true;
	unsigned int copy, i;

	for (copy = 0; copy < PC_COPIES; copy++) {
		unsigned long *before = memory->block[copy];
		unsigned long *after;

		if (!before)
			continue;
		after = before + PC_GUARD_WORDS + memory->words;
		for (i = 0; i < PC_GUARD_WORDS; i++)
			if (READ_ONCE(before[i]) != PC_GUARD_VALUE ||
			    READ_ONCE(after[i]) != PC_GUARD_VALUE)
				intact = false;
	}
	pc_bit(c, step, intact, true);
}

/**
 * pc_unknown() - fail for a step that is none
 * @c: the case
 * @step: number of the step, from 1
 */
void pc_unknown(struct pc_case *c, unsigned int step)
{
	KUNIT_FAIL(c->test, "step %u: unknown operation", step);
}

/**
 * pc_flip() - damage one bit, in range or in the tail
 * @c: the case
 * @bitmap: number of the bitmap
 * @copy: which copy of it
 * @bit: bit number, within the copy's words
 */
void pc_flip(struct pc_case *c, unsigned int bitmap, enum pc_copy copy,
	     unsigned long bit)
{
	unsigned long *word = pc_words_of(c, bitmap, copy) + BIT_WORD(bit);

	WRITE_ONCE(*word, READ_ONCE(*word) ^ BIT_MASK(bit));
}

/**
 * pc_write_word() - damage one word
 * @c: the case
 * @bitmap: number of the bitmap
 * @copy: which copy of it
 * @index: number of the word
 * @value: what to write
 */
void pc_write_word(struct pc_case *c, unsigned int bitmap, enum pc_copy copy,
		   unsigned long index, unsigned long value)
{
	WRITE_ONCE(pc_words_of(c, bitmap, copy)[index], value);
}

/**
 * pc_scribble() - damage bytes in memory order
 * @c: the case
 * @bitmap: number of the bitmap
 * @copy: which copy of it
 * @offset: in bytes from the copy's start
 * @bytes: what to write
 * @count: how many
 */
void pc_scribble(struct pc_case *c, unsigned int bitmap, enum pc_copy copy,
		 unsigned long offset, const u8 *bytes, size_t count)
{
	memcpy((u8 *)pc_words_of(c, bitmap, copy) + offset, bytes, count);
}
