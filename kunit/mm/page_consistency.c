// SPDX-License-Identifier: GPL-2.0-only
/*
 * Track which pages are allocated in a dual bitmap, and report what cannot be:
 * a page that is allocated or freed twice, and a bitmap that changed by itself.
 *
 * See Documentation/mm/page_consistency.rst.
 */
#define pr_fmt(fmt) "page_consistency: " fmt

#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/bug.h>
#include <linux/cache.h>
#include <linux/debugfs.h>
#include <linux/dual_bitmap.h>
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/jump_label.h>
#include <linux/kconfig.h>
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/math.h>
#include <linux/memblock.h>
#include <linux/mm.h>
#include <linux/page_consistency.h>
#include <linux/panic.h>
#include <linux/pfn.h>
#include <linux/printk.h>
#include <linux/seq_file.h>
#include <linux/sizes.h>
#include <linux/stdarg.h>
#include <linux/types.h>

/*
 * bitmap_zero() and bitmap_fill() round up to whole longs in unsigned int. A
 * larger number of bits wraps to a size of zero: nothing would be initialised,
 * and every word be taken for corrupt.
 */
#define SPAN_LIMIT							\
	(IS_ENABLED(CONFIG_DEBUG_PAGE_CONSISTENCY_CONFORMING) ?		\
		UINT_MAX : round_down(UINT_MAX, BITS_PER_LONG))

/* Every bit stands for a page: bit 0 for min_pfn, the last for max_pfn - 1. */
static struct {
	struct dual_bitmap bitmaps;
	unsigned long min_pfn;
	unsigned long max_pfn;
} tracked __ro_after_init;

/* Signed, and below zero after corruption that a free took for a page. */
static atomic64_t pages_tracked = ATOMIC64_INIT(0);
static atomic64_t alloc_count = ATOMIC64_INIT(0);
static atomic64_t free_count = ATOMIC64_INIT(0);
static atomic64_t violations_detected = ATOMIC64_INIT(0);

DEFINE_STATIC_KEY_FALSE(page_consistency_enabled);

static __printf(1, 2) void report_violation(const char *fmt, ...)
{
	struct va_format message;
	va_list args;

	atomic64_inc(&violations_detected);

	va_start(args, fmt);
	message.fmt = fmt;
	message.va = &args;
	if (IS_ENABLED(CONFIG_DEBUG_PAGE_CONSISTENCY_PANIC))
		panic(pr_fmt("%pV"), &message);
	else
		WARN(1, pr_fmt("%pV\n"), &message);
	va_end(args);
}

/* Whether all pages of the block have a bit; no sum here can wrap. */
static bool is_tracked(unsigned long pfn, unsigned int order)
{
	return pfn >= tracked.min_pfn && pfn < tracked.max_pfn &&
	       (1UL << order) <= tracked.max_pfn - pfn;
}

static void check_before(const char *operation, unsigned long pfn)
{
	if (!dual_bitmap_consistent(&tracked.bitmaps, pfn - tracked.min_pfn))
		report_violation("bitmap corruption at PFN %lu before %s",
				 pfn, operation);
}

/* Returns whether the page was free. */
static bool track_alloc(unsigned long pfn)
{
	check_before("alloc", pfn);
	if (!dual_bitmap_set(&tracked.bitmaps, pfn - tracked.min_pfn))
		return true;

	report_violation("DOUBLE-ALLOC detected: PFN %lu", pfn);
	return false;
}

/* Returns whether the page was allocated. */
static bool track_free(unsigned long pfn)
{
	check_before("free", pfn);
	if (dual_bitmap_clear(&tracked.bitmaps, pfn - tracked.min_pfn))
		return true;

	/* Boot hands over to the allocator, by freeing it, what it never had. */
	if (system_state >= SYSTEM_RUNNING)
		report_violation("DOUBLE-FREE detected: PFN %lu", pfn);
	return false;
}

/**
 * __page_consistency_alloc() - note that a block was allocated
 * @page: its first page
 * @order: it has 2^@order pages
 *
 * A block that is not tracked from its first page to its last is ignored.
 */
void __page_consistency_alloc(struct page *page, unsigned int order)
{
	unsigned long pfn = page_to_pfn(page);
	unsigned long taken = 0;
	unsigned long i;

	if (!is_tracked(pfn, order))
		return;

	for (i = 0; i < 1UL << order; i++)
		taken += track_alloc(pfn + i);

	atomic64_add(taken, &pages_tracked);
	atomic64_inc(&alloc_count);
}

/**
 * __page_consistency_free() - note that a block was freed
 * @page: its first page
 * @order: it has 2^@order pages
 *
 * A block that is not tracked from its first page to its last is ignored.
 */
void __page_consistency_free(struct page *page, unsigned int order)
{
	unsigned long pfn = page_to_pfn(page);
	unsigned long given = 0;
	unsigned long i;

	if (!is_tracked(pfn, order))
		return;

	for (i = 0; i < 1UL << order; i++)
		given += track_free(pfn + i);

	atomic64_sub(given, &pages_tracked);
	atomic64_inc(&free_count);
}

/**
 * page_consistency_check_page() - compare both copies of a page's bit
 * @page: the page
 *
 * Only looks, and never panics; a mismatch is counted at every call.
 *
 * Return: PAGE_CONSISTENCY_OK, PAGE_CONSISTENCY_MISMATCH, or
 * PAGE_CONSISTENCY_NOT_TRACKED for a page without a bit.
 */
enum page_consistency_result page_consistency_check_page(struct page *page)
{
	unsigned long pfn = page_to_pfn(page);

	if (!is_tracked(pfn, 0))
		return PAGE_CONSISTENCY_NOT_TRACKED;

	if (dual_bitmap_consistent(&tracked.bitmaps, pfn - tracked.min_pfn))
		return PAGE_CONSISTENCY_OK;

	atomic64_inc(&violations_detected);
	pr_err("Consistency violation for PFN %lu\n", pfn);
	return PAGE_CONSISTENCY_MISMATCH;
}

/**
 * page_consistency_validate_all() - compare both copies word by word
 *
 * Only looks, and never panics; each inconsistent word is counted as one
 * violation at every call.
 *
 * Return: PAGE_CONSISTENCY_OK or PAGE_CONSISTENCY_MISMATCH.
 */
enum page_consistency_result page_consistency_validate_all(void)
{
	unsigned long words = dual_bitmap_validate(&tracked.bitmaps);

	if (!words) {
		pr_info("Validation passed: %u bits checked\n",
			tracked.bitmaps.nbits);
		return PAGE_CONSISTENCY_OK;
	}

	atomic64_add(words, &violations_detected);
	pr_err("Validation found %lu inconsistent words\n", words);
	return PAGE_CONSISTENCY_MISMATCH;
}

/**
 * page_consistency_init() - begin to track all pages of DRAM
 *
 * Must run while memblock can still allocate, and before it hands its free
 * memory to the page allocator. On failure says so, and nothing is tracked.
 */
void __init page_consistency_init(void)
{
	unsigned long start_pfn = PHYS_PFN(memblock_start_of_DRAM());
	unsigned long end_pfn = PHYS_PFN(memblock_end_of_DRAM());
	unsigned long span = end_pfn - start_pfn;
	unsigned long *primary, *secondary;
	size_t bytes;

	if (!span || span > SPAN_LIMIT) {
		pr_warn("Cannot track PFN range [%lu-%lu), disabled\n",
			start_pfn, end_pfn);
		return;
	}

	bytes = BITS_TO_LONGS(span) * sizeof(*primary);
	primary = memblock_alloc(bytes, SMP_CACHE_BYTES);
	if (!primary) {
		pr_warn("Cannot allocate primary bitmap, disabled\n");
		return;
	}
	secondary = memblock_alloc(bytes, SMP_CACHE_BYTES);
	if (!secondary) {
		memblock_free(primary, bytes);
		pr_warn("Cannot allocate secondary bitmap, disabled\n");
		return;
	}

	tracked.bitmaps.bitmap[DUAL_BITMAP_PRIMARY] = primary;
	tracked.bitmaps.bitmap[DUAL_BITMAP_SECONDARY] = secondary;
	tracked.bitmaps.nbits = span;
	tracked.min_pfn = start_pfn;
	tracked.max_pfn = end_pfn;
	dual_bitmap_init(&tracked.bitmaps);
	pr_info("PFN range [%lu-%lu), %u bits, %zu KB per bitmap\n", start_pfn,
		end_pfn, tracked.bitmaps.nbits, DIV_ROUND_UP(bytes, SZ_1K));

	static_branch_enable(&page_consistency_enabled);
	pr_info("Initialized successfully, tracking enabled\n");
}

static int page_consistency_stats_show(struct seq_file *m, void *unused)
{
	seq_printf(m, "pages_tracked:       %lld\n",
		   atomic64_read(&pages_tracked));
	seq_printf(m, "alloc_count:         %lld\n",
		   atomic64_read(&alloc_count));
	seq_printf(m, "free_count:          %lld\n",
		   atomic64_read(&free_count));
	seq_printf(m, "violations_detected: %lld\n",
		   atomic64_read(&violations_detected));
	seq_printf(m, "bitmap_size_bits:    %u\n", tracked.bitmaps.nbits);
	seq_printf(m, "pfn_range:           [%lu-%lu)\n", tracked.min_pfn,
		   tracked.max_pfn);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(page_consistency_stats);

static ssize_t page_consistency_validate_write(struct file *file,
					       const char __user *buffer,
					       size_t count, loff_t *ppos)
{
	if (page_consistency_validate_all() != PAGE_CONSISTENCY_OK)
		return -EIO;
	return count;
}

static const struct file_operations page_consistency_validate_fops = {
	.write = page_consistency_validate_write,
	.llseek = noop_llseek,
};

static int __init page_consistency_debugfs_init(void)
{
	struct dentry *directory;

	if (!static_branch_unlikely(&page_consistency_enabled))
		return 0;

	directory = debugfs_create_dir("page_consistency", NULL);
	debugfs_create_file("stats", 0444, directory, NULL,
			    &page_consistency_stats_fops);
	debugfs_create_file("validate", 0200, directory, NULL,
			    &page_consistency_validate_fops);
	return 0;
}
late_initcall(page_consistency_debugfs_init);
