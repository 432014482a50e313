// SPDX-License-Identifier: GPL-2.0-only
/*
 * A suite that sees another kernel when it is run again after boot: only then
 * is a second free of a page a DOUBLE-FREE.
 */

#include <kunit/test.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/page_consistency.h>

static bool pc_live_is_running(void)
{
	return system_state >= SYSTEM_RUNNING;
}

static void pc_live_a_held_page_is_consistent(struct kunit *test)
{
	struct page *page = alloc_page(GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, page);
	KUNIT_EXPECT_EQ(test, (int)page_consistency_check_page(page),
			(int)PAGE_CONSISTENCY_OK);
	__free_page(page);
}

/* What the checker says of it, its log and counters tell. */
static void pc_live_double_free(struct kunit *test)
{
	struct page *page;

	if (IS_ENABLED(CONFIG_DEBUG_PAGE_CONSISTENCY_PANIC) && pc_live_is_running())
		kunit_skip(test, "the kernel would panic");
	page = alloc_page(GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, page);
	kunit_info(test, "running %d pfn %lu", pc_live_is_running(),
		   page_to_pfn(page));
	page_consistency_free(page, 0);
	page_consistency_free(page, 0);
	page_consistency_alloc(page, 0);
	__free_page(page);
}

static struct kunit_case pc_live_cases[] = {
	KUNIT_CASE(pc_live_a_held_page_is_consistent),
	KUNIT_CASE(pc_live_double_free),
	{}
};

static struct kunit_suite pc_live_suite = {
	.name = "pageconsistency_live",
	.test_cases = pc_live_cases,
};

kunit_test_suite(pc_live_suite);
