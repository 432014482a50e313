/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * mm/page_consistency.c as it is, on the machine of pc_machine.h.
 *
 * To be included by a file of one build, which defines
 *   PC_CHECKER	name of the struct pc_checker that the build is
 *   PC_RENAMED(name)	what a symbol that is not static is called in it
 *   PC_PANIC	if it is built with CONFIG_DEBUG_PAGE_CONSISTENCY_PANIC
 */
#ifndef _PC_UNDER_TEST_H
#define _PC_UNDER_TEST_H

/* The options of the build, whatever those of the kernel are. */
#undef CONFIG_DEBUG_PAGE_CONSISTENCY
#undef CONFIG_DEBUG_PAGE_CONSISTENCY_PANIC
#undef CONFIG_DEBUG_PAGE_CONSISTENCY_CONFORMING
#define CONFIG_DEBUG_PAGE_CONSISTENCY 1
/* Ours behaves as specified, where it would do better on its own. */
#define CONFIG_DEBUG_PAGE_CONSISTENCY_CONFORMING 1
#ifdef PC_PANIC
#define CONFIG_DEBUG_PAGE_CONSISTENCY_PANIC 1
#endif

/* All that the file may want and that is not to be replaced in itself. */
#include <linux/atomic.h>
#include <linux/bitmap.h>
#include <linux/bitops.h>
#include <linux/bug.h>
#include <linux/cache.h>
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/jump_label.h>
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/math.h>
#include <linux/memblock.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/module.h>
#include <linux/panic.h>
#include <linux/pfn.h>
#include <linux/printk.h>
#include <linux/seq_file.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/types.h>
#include <linux/uaccess.h>
#include <linux/dual_bitmap.h>

#include "pc_machine.h"

#define page_consistency_enabled	PC_RENAMED(enabled)
#define page_consistency_init		PC_RENAMED(init)
#define __page_consistency_alloc	PC_RENAMED(alloc)
#define __page_consistency_free		PC_RENAMED(free)
#define page_consistency_check_page	PC_RENAMED(check_page)
#define page_consistency_validate_all	PC_RENAMED(validate_all)

/* A test may run when the sections of the boot are gone. */
#undef __init
#undef __initdata
#undef __ro_after_init
#undef __meminit
#define __init
#define __initdata
#define __ro_after_init
#define __meminit

/* What it calls when the kernel has booted so far, at whatever level. */
static initcall_t pc_initcall;

#undef __define_initcall
#define __define_initcall(function, level)				\
	static_assert(sizeof(#level));					\
	static initcall_t pc_initcall = function

/* A static key that is only a variable. */
#undef DECLARE_STATIC_KEY_FALSE
#undef DEFINE_STATIC_KEY_FALSE
#undef DEFINE_STATIC_KEY_FALSE_RO
#undef static_branch_likely
#undef static_branch_unlikely
#undef static_branch_enable
#undef static_branch_disable
#undef static_branch_inc
#undef static_key_enabled
#define DECLARE_STATIC_KEY_FALSE(name)	extern struct pc_key name
#define DEFINE_STATIC_KEY_FALSE(name)	struct pc_key name
#define DEFINE_STATIC_KEY_FALSE_RO(name) struct pc_key name
#define static_branch_likely(key_p)	likely((key_p)->key)
#define static_branch_unlikely(key_p)	unlikely((key_p)->key)
#define static_branch_enable(key_p)	((key_p)->key = true)
#define static_branch_disable(key_p)	((key_p)->key = false)
#define static_branch_inc(key_p)	((key_p)->key = true)
#define static_key_enabled(key_p)	(((struct pc_key *)(key_p))->key)

#undef system_state
#define system_state			pc_machine.state

#undef page_to_pfn
#undef pfn_to_page
#undef pfn_valid
#undef dump_page
#define page_to_pfn			pc_page_to_pfn
#define pfn_to_page			pc_page
#define pfn_valid			pc_pfn_valid
#define dump_page			pc_dump_page

#undef memblock_start_of_DRAM
#undef memblock_end_of_DRAM
#undef memblock_alloc
#undef memblock_alloc_raw
#undef memblock_free
#define memblock_start_of_DRAM		pc_start_of_dram
#define memblock_end_of_DRAM		pc_end_of_dram
#define memblock_alloc			pc_memblock_alloc
#define memblock_alloc_raw		pc_memblock_alloc
#define memblock_free			pc_memblock_free

#undef debugfs_create_dir
#undef debugfs_create_file
#define debugfs_create_dir		pc_debugfs_create_dir
#define debugfs_create_file		pc_debugfs_create_file

#undef panic
#undef printk
#undef printk_once
#undef printk_ratelimited
#define panic				pc_panic
#define printk				pc_message
#define printk_once			pc_message
#define printk_ratelimited		pc_message

/* Only what is said counts, every time; there is no trace to be printed. */
#define PC_WARN(condition, ...)						\
({									\
	bool _pc_warns = !!(condition);					\
									\
	if (unlikely(_pc_warns))					\
		pc_warn(__VA_ARGS__);					\
	unlikely(_pc_warns);						\
})

#undef WARN
#undef WARN_ONCE
#undef WARN_ON
#undef WARN_ON_ONCE
#define WARN(condition, ...)		PC_WARN(condition, __VA_ARGS__)
#define WARN_ONCE(condition, ...)	PC_WARN(condition, __VA_ARGS__)
#define WARN_ON(condition)		unlikely(!!(condition))
#define WARN_ON_ONCE(condition)		unlikely(!!(condition))

/* The file has its own. */
#undef pr_fmt

#include "../page_consistency.c"

static void pc_alloc(struct page *page, unsigned int order)
{
	page_consistency_alloc(page, order);
}

static void pc_free(struct page *page, unsigned int order)
{
	page_consistency_free(page, order);
}

static int pc_check_page(struct page *page)
{
	return page_consistency_check_page(page);
}

static int pc_validate_all(void)
{
	return page_consistency_validate_all();
}

const struct pc_checker PC_CHECKER = {
	.panics = IS_ENABLED(CONFIG_DEBUG_PAGE_CONSISTENCY_PANIC),
	.enabled = &page_consistency_enabled.key,
	.init = page_consistency_init,
	.initcall = &pc_initcall,
	.alloc = pc_alloc,
	.free = pc_free,
	.check_page = pc_check_page,
	.validate_all = pc_validate_all,
};

#endif /* _PC_UNDER_TEST_H */
