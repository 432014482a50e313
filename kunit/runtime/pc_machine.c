// SPDX-License-Identifier: GPL-2.0-only
/*
 * See pc_machine.h.
 */
#include <linux/cache.h>
#include <linux/ctype.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/kthread.h>
#include <linux/limits.h>
#include <linux/mm_types.h>
#include <linux/module.h>
#include <linux/pfn.h>
#include <linux/printk.h>
#include <linux/seq_file.h>
#include <linux/string.h>

#include "pc_machine.h"

#define PC_PREFIX	"page_consistency: "
#define PC_MESSAGE_SIZE	256
#define PC_STATS_SIZE	512

/* Where debugfs would have its directory; nobody looks behind it. */
#define PC_DIRECTORY	((struct dentry *)ERR_PTR(-ENODEV))
#define PC_ELSEWHERE	((struct dentry *)ERR_PTR(-ENOENT))

struct pc_machine pc_machine;

/**
 * pc_page() - the page structure of a page that is not there
 * @pfn: its number
 *
 * Page structures lie one after the other, none at address 0; none is read.
 *
 * Return: where it would be.
 */
struct page *pc_page(unsigned long pfn)
{
	return (struct page *)((pfn + 1) * sizeof(struct page));
}

/**
 * pc_page_to_pfn() - the inverse of pc_page()
 * @page: a page structure
 *
 * Return: the page's number.
 */
unsigned long pc_page_to_pfn(const struct page *page)
{
	return (unsigned long)page / sizeof(struct page) - 1;
}

/**
 * pc_pfn_valid() - in place of pfn_valid()
 * @pfn: a page's number
 *
 * Return: true: a case may have memory anywhere.
 */
bool pc_pfn_valid(unsigned long pfn)
{
	return true;
}

/**
 * pc_dump_page() - in place of dump_page()
 * @page: a page structure that is not there
 * @reason: why it would be printed
 */
void pc_dump_page(const struct page *page, const char *reason)
{
}

/**
 * pc_start_of_dram() - in place of memblock_start_of_DRAM()
 *
 * Return: address of the first page.
 */
phys_addr_t pc_start_of_dram(void)
{
	return PFN_PHYS(pc_machine.min_pfn);
}

/**
 * pc_end_of_dram() - in place of memblock_end_of_DRAM()
 *
 * Return: address behind the last page.
 */
phys_addr_t pc_end_of_dram(void)
{
	return PFN_PHYS(pc_machine.max_pfn);
}

/**
 * pc_memblock_alloc() - in place of memblock_alloc()
 * @size: in bytes
 * @align: likewise
 *
 * Return: zeroed memory that the case has prepared, or NULL.
 */
void *pc_memblock_alloc(phys_addr_t size, phys_addr_t align)
{
	unsigned int call = pc_machine.allocations++;

	if (align != SMP_CACHE_BYTES)
		pc_machine.wrong_calls++;
	if (call >= PC_ALLOCATIONS)
		return NULL;
	pc_machine.bytes[call] = size;
	if (pc_machine.failing == call + 1)
		return NULL;

	return pc_machine.memory[call];
}

/**
 * pc_memblock_free() - in place of memblock_free()
 * @memory: what pc_memblock_alloc() has handed out
 * @size: in bytes, as it was asked for
 */
void pc_memblock_free(void *memory, size_t size)
{
	if (memory && memory == pc_machine.memory[0] &&
	    size == pc_machine.bytes[0])
		pc_machine.frees++;
	else
		pc_machine.wrong_calls++;
}

/**
 * pc_debugfs_create_dir() - in place of debugfs_create_dir()
 * @name: of the directory
 * @parent: where it would lie
 *
 * Return: what debugfs gives where it is not there.
 */
struct dentry *pc_debugfs_create_dir(const char *name, struct dentry *parent)
{
	return parent || strcmp(name, "page_consistency") ? PC_ELSEWHERE :
							    PC_DIRECTORY;
}

/**
 * pc_debugfs_create_file() - in place of debugfs_create_file()
 * @name: of the file
 * @mode: its permissions
 * @parent: where it would lie
 * @data: what its inode would have
 * @fops: what it does
 *
 * Return: what debugfs gives where it is not there.
 */
struct dentry *pc_debugfs_create_file(const char *name, umode_t mode,
				      struct dentry *parent, void *data,
				      const struct file_operations *fops)
{
	if (parent != PC_DIRECTORY)
		return PC_ELSEWHERE;
	if (!strcmp(name, "stats")) {
		pc_machine.stats = fops;
		pc_machine.stats_data = data;
		pc_machine.stats_mode = mode;
	} else if (!strcmp(name, "validate")) {
		pc_machine.validate = fops;
		pc_machine.validate_data = data;
		pc_machine.validate_mode = mode;
	}

	return PC_DIRECTORY;
}

/* Returns what follows the number, NULL if there is none. */
static const char *pc_read_digits(const char *text, u64 *number)
{
	if (!isdigit(*text))
		return NULL;
	for (*number = 0; isdigit(*text); text++)
		*number = *number * 10 + (*text - '0');

	return text;
}

/* The specified texts. */
static const struct {
	enum pc_event_kind kind;
	const char *before;
	bool numbered;
	const char *after;
} pc_texts[] = {
	{ PC_EVENT_CORRUPTION_BEFORE_ALLOC, "bitmap corruption at PFN ", true,
	  " before alloc" },
	{ PC_EVENT_CORRUPTION_BEFORE_FREE, "bitmap corruption at PFN ", true,
	  " before free" },
	{ PC_EVENT_DOUBLE_ALLOC, "DOUBLE-ALLOC detected: PFN ", true, "" },
	{ PC_EVENT_DOUBLE_FREE, "DOUBLE-FREE detected: PFN ", true, "" },
	{ PC_EVENT_VIOLATION, "Consistency violation for PFN ", true, "" },
	{ PC_EVENT_INVALID, "Validation found ", true, " inconsistent words" },
	{ PC_EVENT_VALID, "Validation passed: ", true, " bits checked" },
	{ PC_EVENT_INITIALISED,
	  "Initialized successfully, tracking enabled", false, "" },
};

static enum pc_event_kind pc_kind_of(const char *text, u64 *number)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(pc_texts); i++) {
		const char *rest = text;

		if (strncmp(rest, pc_texts[i].before, strlen(pc_texts[i].before)))
			continue;
		rest += strlen(pc_texts[i].before);
		if (pc_texts[i].numbered)
			rest = pc_read_digits(rest, number);
		if (rest && !strcmp(rest, pc_texts[i].after))
			return pc_texts[i].kind;
	}
	*number = 0;

	return PC_EVENT_OTHER;
}

static void pc_add_event(char *line)
{
	struct pc_event event = { .kind = PC_EVENT_OTHER };
	size_t prefix = strlen(PC_PREFIX);

	if (line[0] == KERN_SOH_ASCII && line[1])
		line += 2;
	line[strcspn(line, "\n")] = '\0';
	if (!strncmp(line, PC_PREFIX, prefix))
		event.kind = pc_kind_of(line + prefix, &event.number);
	if (event.kind == PC_EVENT_OTHER) {
		pc_machine.remarks += pc_machine.starting;
		if (pc_machine.starting)
			return;
		pr_info("the checker says \"%s\"\n", line);
	}
	if (pc_machine.events < PC_EVENTS_KEPT)
		pc_machine.event[pc_machine.events] = event;
	pc_machine.events++;
}

static __printf(1, 0) void pc_hear(const char *fmt, va_list args)
{
	char line[PC_MESSAGE_SIZE];

	vscnprintf(line, sizeof(line), fmt, args);
	pc_add_event(line);
}

/**
 * pc_message() - in place of printk()
 * @fmt: the format, with its level if it has one
 */
void pc_message(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	pc_hear(fmt, args);
	va_end(args);
}

/**
 * pc_warn() - what WARN() prints
 * @fmt: the format
 */
void pc_warn(const char *fmt, ...)
{
	va_list args;

	pc_machine.warnings++;
	va_start(args, fmt);
	pc_hear(fmt, args);
	va_end(args);
}

/**
 * pc_panic() - in place of panic()
 * @fmt: the format
 *
 * Ends the thread of pc_call(). A checker that was built without PANIC takes the
 * kernel with it.
 */
void pc_panic(const char *fmt, ...)
{
	char line[PC_MESSAGE_SIZE];
	va_list args;

	va_start(args, fmt);
	vscnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	if (!pc_machine.checker->panics)
		panic("the checker panics, built without PANIC: %s", line);
	pc_add_event(line);
	pc_machine.panics++;
	kthread_complete_and_exit(&pc_machine.done, 0);
}

struct pc_thread_call {
	void (*function)(void *data);
	void *data;
};

static int pc_thread(void *data)
{
	struct pc_thread_call *call = data;

	call->function(call->data);
	kthread_complete_and_exit(&pc_machine.done, 0);
}

/**
 * pc_call() - call what may panic
 * @function: calls the checker
 * @data: for it
 *
 * Returns when the function has returned, or has panicked.
 */
void pc_call(void (*function)(void *data), void *data)
{
	struct pc_thread_call call = { function, data };

	if (!pc_machine.checker->panics) {
		function(data);
		return;
	}
	init_completion(&pc_machine.done);
	if (IS_ERR(kthread_run(pc_thread, &call, "pc_call")))
		pr_err("pc_machine: no thread for a call\n");
	else
		wait_for_completion(&pc_machine.done);
}

/* What follows @label, at the start of a line or, with @within, in one. */
static const char *pc_skip(const char *text, const char *label, bool within)
{
	if (strncmp(text, label, strlen(label)))
		return NULL;
	text += strlen(label);

	return within || isspace(*text) ? skip_spaces(text) : NULL;
}

static const char *pc_read_number(const char *text, s64 *number)
{
	bool negative = *text == '-';
	u64 digits = 0;

	text = pc_read_digits(text + negative, &digits);
	*number = negative ? -digits : digits;

	/* A negative number that is printed as an unsigned one is none. */
	return digits > S64_MAX ? NULL : text;
}

static bool pc_parse_stats(const char *text, struct pc_stats *stats)
{
	const struct {
		const char *label;
		s64 *number;
		bool ends_line;
		bool within;
	} parts[] = {
		{ "pages_tracked:", &stats->pages_tracked, true },
		{ "alloc_count:", &stats->alloc_count, true },
		{ "free_count:", &stats->free_count, true },
		{ "violations_detected:", &stats->violations_detected, true },
		{ "bitmap_size_bits:", &stats->bitmap_size_bits, true },
		{ "pfn_range:" },
		{ "[", &stats->min_pfn, false, true },
		{ "-", &stats->max_pfn, false, true },
		{ ")\n", NULL, false, true },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		text = pc_skip(text, parts[i].label, parts[i].within);
		if (text && parts[i].number)
			text = pc_read_number(text, parts[i].number);
		if (text && parts[i].ends_line)
			text = *text == '\n' ? text + 1 : NULL;
		if (!text)
			return false;
	}

	return !*text;
}

/**
 * pc_read_stats() - read the debugfs file "stats"
 * @stats: its numbers; zeros where it is absent or reads otherwise
 */
void pc_read_stats(struct pc_stats *stats)
{
	static struct inode inode;
	static struct file file;
	static char text[PC_STATS_SIZE];
	struct seq_file *seq;

	memset(stats, 0, sizeof(*stats));
	memset(&file, 0, sizeof(file));
	if (!pc_machine.stats)
		return;
	inode.i_private = pc_machine.stats_data;
	if (pc_machine.stats->read != seq_read ||
	    pc_machine.stats->open(&inode, &file)) {
		pr_err("pc_machine: stats is no file of one seq_file show()\n");
		return;
	}
	seq = file.private_data;
	seq->buf = text;
	seq->size = sizeof(text);
	if (!seq->op->show(seq, NULL) && !seq_has_overflowed(seq)) {
		text[seq->count] = '\0';
		stats->present = pc_parse_stats(text, stats);
	}
	seq->buf = NULL;
	pc_machine.stats->release(&inode, &file);
	if (!stats->present)
		memset(stats, 0, sizeof(*stats));
}

/**
 * pc_write_validate() - write PC_WRITTEN bytes to the debugfs file "validate"
 *
 * Return: what write() would, -ENOENT if there is no such file.
 */
long pc_write_validate(void)
{
	static struct file file;
	loff_t position = 0;

	if (!pc_machine.validate)
		return -ENOENT;

	file.private_data = pc_machine.validate_data;

	return pc_machine.validate->write(&file, NULL, PC_WRITTEN, &position);
}
