/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The machine that mm/page_consistency.c meets in a test: what it asks of the
 * rest of the kernel is answered from here, and what it says is kept.
 *
 * Cases run one after the other: one machine is enough.
 */
#ifndef _PC_MACHINE_H
#define _PC_MACHINE_H

#include <linux/completion.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/types.h>

struct dentry;
struct page;
struct pc_checker;

/* Messages of the checker, as the host counts them. */
enum pc_event_kind {
	PC_EVENT_NONE,
	PC_EVENT_CORRUPTION_BEFORE_ALLOC,
	PC_EVENT_CORRUPTION_BEFORE_FREE,
	PC_EVENT_DOUBLE_ALLOC,
	PC_EVENT_DOUBLE_FREE,
	PC_EVENT_VIOLATION,
	PC_EVENT_INVALID,
	PC_EVENT_VALID,
	PC_EVENT_INITIALISED,
	/* Not a message that the specification has. */
	PC_EVENT_OTHER,
};

/**
 * struct pc_event - one message
 * @kind: which one
 * @number: the page or the count in it
 */
struct pc_event {
	enum pc_event_kind kind;
	u64 number;
};

/* In place of a static key; it has the name of the part that holds the state. */
struct pc_key {
	bool key;
};

/* Of one call: a block of pages has two of each page at the most. */
#define PC_EVENTS_KEPT	4096

/* Bytes that are written to the debugfs file "validate". */
#define PC_WRITTEN	3

/* Copies of the bitmap, each in memory of its own. */
#define PC_ALLOCATIONS	2

/**
 * struct pc_machine - state of the surroundings
 * @checker: the build of mm/page_consistency.c that runs on it
 * @min_pfn: first page of memory
 * @max_pfn: the page after the last
 * @failing: which call of memblock_alloc() finds no memory; 0 for none
 * @memory: what the other calls get
 * @allocations: calls of memblock_alloc()
 * @bytes: what they asked for
 * @frees: calls of memblock_free() for memory that was handed out
 * @wrong_calls: calls of it for anything else, and of memblock_alloc() for
 *	memory that is not aligned to a cache line
 * @state: system_state
 * @starting: whether the checker starts: what it says in other words than the
 *	specified ones it says to people
 * @remarks: number of such messages
 * @warnings: messages of the current call that are of WARN()
 * @panics: calls of panic()
 * @done: the thread of the current call has ended
 * @events: messages of the current call
 * @event: the first ones
 * @stats: the debugfs file, NULL if there is none
 * @stats_data: what its inode has
 * @stats_mode: its permissions
 * @validate: likewise
 * @validate_data: likewise
 * @validate_mode: likewise
 */
struct pc_machine {
	const struct pc_checker *checker;
	unsigned long min_pfn;
	unsigned long max_pfn;
	unsigned int failing;
	void *memory[PC_ALLOCATIONS];
	unsigned int allocations;
	u64 bytes[PC_ALLOCATIONS];
	unsigned int frees;
	unsigned int wrong_calls;
	enum system_states state;
	bool starting;
	unsigned int remarks;
	unsigned int warnings;
	unsigned int panics;
	struct completion done;
	unsigned int events;
	struct pc_event event[PC_EVENTS_KEPT];
	const struct file_operations *stats;
	void *stats_data;
	umode_t stats_mode;
	const struct file_operations *validate;
	void *validate_data;
	umode_t validate_mode;
};

extern struct pc_machine pc_machine;

/**
 * struct pc_checker - one build of mm/page_consistency.c
 * @panics: whether it is built with CONFIG_DEBUG_PAGE_CONSISTENCY_PANIC
 * @enabled: its static key
 * @init: page_consistency_init()
 * @initcall: makes the debugfs files; points to NULL if there is none
 * @alloc: page_consistency_alloc()
 * @free: page_consistency_free()
 * @check_page: page_consistency_check_page()
 * @validate_all: page_consistency_validate_all()
 */
struct pc_checker {
	bool panics;
	bool *enabled;
	void (*init)(void);
	initcall_t *initcall;
	void (*alloc)(struct page *page, unsigned int order);
	void (*free)(struct page *page, unsigned int order);
	int (*check_page)(struct page *page);
	int (*validate_all)(void);
};

extern const struct pc_checker pc_checker_warn;
extern const struct pc_checker pc_checker_panic;

struct page *pc_page(unsigned long pfn);
unsigned long pc_page_to_pfn(const struct page *page);
bool pc_pfn_valid(unsigned long pfn);
void pc_dump_page(const struct page *page, const char *reason);
phys_addr_t pc_start_of_dram(void);
phys_addr_t pc_end_of_dram(void);
void *pc_memblock_alloc(phys_addr_t size, phys_addr_t align);
void pc_memblock_free(void *memory, size_t size);
struct dentry *pc_debugfs_create_dir(const char *name, struct dentry *parent);
struct dentry *pc_debugfs_create_file(const char *name, umode_t mode,
				      struct dentry *parent, void *data,
				      const struct file_operations *fops);
__printf(1, 2) void pc_message(const char *fmt, ...);
__printf(1, 2) void pc_warn(const char *fmt, ...);
__printf(1, 2) __noreturn void pc_panic(const char *fmt, ...);

/**
 * struct pc_stats - the numbers in the debugfs file "stats", in its order
 * @present: whether the file is there and reads as specified
 */
struct pc_stats {
	bool present;
	s64 pages_tracked;
	s64 alloc_count;
	s64 free_count;
	s64 violations_detected;
	s64 bitmap_size_bits;
	s64 min_pfn;
	s64 max_pfn;
};

void pc_call(void (*function)(void *data), void *data);
void pc_read_stats(struct pc_stats *stats);
long pc_write_validate(void);

#endif /* _PC_MACHINE_H */
