/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A second opinion on which pages are allocated: every page of DRAM has a bit
 * in a dual bitmap, and the page allocator's hooks compare and update it.
 */
#ifndef _LINUX_PAGE_CONSISTENCY_H
#define _LINUX_PAGE_CONSISTENCY_H

#include <linux/init.h>
#include <linux/jump_label.h>

struct page;

/**
 * enum page_consistency_result - what a check came to
 * @PAGE_CONSISTENCY_OK: both copies agree
 * @PAGE_CONSISTENCY_MISMATCH: they do not
 * @PAGE_CONSISTENCY_NOT_TRACKED: the page has no bit
 */
enum page_consistency_result {
	PAGE_CONSISTENCY_OK = 0,
	PAGE_CONSISTENCY_MISMATCH,
	PAGE_CONSISTENCY_NOT_TRACKED,
};

#ifdef CONFIG_DEBUG_PAGE_CONSISTENCY

DECLARE_STATIC_KEY_FALSE(page_consistency_enabled);

void __init page_consistency_init(void);
void __page_consistency_alloc(struct page *page, unsigned int order);
void __page_consistency_free(struct page *page, unsigned int order);
enum page_consistency_result page_consistency_check_page(struct page *page);
enum page_consistency_result page_consistency_validate_all(void);

static inline void page_consistency_alloc(struct page *page, unsigned int order)
{
	if (static_branch_unlikely(&page_consistency_enabled))
		__page_consistency_alloc(page, order);
}

static inline void page_consistency_free(struct page *page, unsigned int order)
{
	if (static_branch_unlikely(&page_consistency_enabled))
		__page_consistency_free(page, order);
}

#else /* !CONFIG_DEBUG_PAGE_CONSISTENCY */

static inline void page_consistency_init(void) { }

static inline void page_consistency_alloc(struct page *page, unsigned int order)
{
}

static inline void page_consistency_free(struct page *page, unsigned int order)
{
}

static inline enum page_consistency_result
page_consistency_check_page(struct page *page)
{
	return PAGE_CONSISTENCY_OK;
}

static inline enum page_consistency_result page_consistency_validate_all(void)
{
	return PAGE_CONSISTENCY_OK;
}

#endif /* CONFIG_DEBUG_PAGE_CONSISTENCY */

#endif /* _LINUX_PAGE_CONSISTENCY_H */
