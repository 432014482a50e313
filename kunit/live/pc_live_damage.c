// SPDX-License-Identifier: GPL-2.0-only
/* Look at the bitmaps of the checker, and damage them. */

#include <linux/bitmap.h>
#include <linux/dual_bitmap.h>
#include <linux/gfp.h>
#include <linux/jump_label.h>
#include <linux/memblock.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/page_consistency.h>
#include <linux/pfn.h>
#include <linux/seq_file.h>
#include <linux/sizes.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "pc_capture.h"
#include "pc_live.h"

#undef dual_bitmap_init

#define PC_LIVE_FETCH_LIMIT SZ_1M

static struct dual_bitmap *pc_live_bitmaps;
static unsigned long pc_live_min_pfn;

/* The one page that is damaged, and whether it is ours at present. */
static DEFINE_MUTEX(pc_live_lock);
static struct page *pc_live_page;
static bool pc_live_held;

void __init pc_live_capture(struct dual_bitmap *db)
{
	pc_live_bitmaps = db;
	pc_live_min_pfn = PHYS_PFN(memblock_start_of_DRAM());
	dual_bitmap_init(db);
}

static int pc_live_get(void)
{
	if (pc_live_held)
		return -EBUSY;
	pc_live_page = alloc_page(GFP_KERNEL);
	pc_live_held = pc_live_page;
	return pc_live_held ? 0 : -ENOMEM;
}

static int pc_live_put(void)
{
	if (!pc_live_held)
		return -ENOENT;
	pc_live_held = false;
	__free_page(pc_live_page);
	return 0;
}

/* Allocate until the page that was put is among what comes. */
static int pc_live_fetch(void)
{
	struct page *page, *next;
	unsigned long count;
	LIST_HEAD(others);

	if (!pc_live_page || pc_live_held)
		return -EBUSY;
	for (count = 0; count < PC_LIVE_FETCH_LIMIT && !pc_live_held; count++) {
		page = alloc_page(GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);
		if (!page)
			break;
		if (page == pc_live_page)
			pc_live_held = true;
		else
			list_add(&page->lru, &others);
	}
	list_for_each_entry_safe(page, next, &others, lru) {
		list_del(&page->lru);
		__free_page(page);
	}
	return pc_live_held ? 0 : -ENOENT;
}

static int pc_live_flip(enum dual_bitmap_index copy)
{
	unsigned long bit;

	if (!pc_live_page || !pc_live_bitmaps)
		return -ENODEV;
	bit = page_to_pfn(pc_live_page) - pc_live_min_pfn;
	if (bit >= pc_live_bitmaps->nbits)
		return -ERANGE;
	change_bit(bit, pc_live_bitmaps->bitmap[copy]);
	return 0;
}

/* Tell the checker of a held page what the allocator did not do. */
static int pc_live_claim(bool is_alloc)
{
	if (!pc_live_held)
		return -ENOENT;
	if (is_alloc)
		page_consistency_alloc(pc_live_page, 0);
	else
		page_consistency_free(pc_live_page, 0);
	return 0;
}

static int pc_live_obey(const char *word)
{
	if (!strcmp(word, "get"))
		return pc_live_get();
	if (!strcmp(word, "put"))
		return pc_live_put();
	if (!strcmp(word, "fetch"))
		return pc_live_fetch();
	if (!strcmp(word, "flip-primary"))
		return pc_live_flip(DUAL_BITMAP_PRIMARY);
	if (!strcmp(word, "flip-secondary"))
		return pc_live_flip(DUAL_BITMAP_SECONDARY);
	if (!strcmp(word, "claim-alloc"))
		return pc_live_claim(true);
	if (!strcmp(word, "claim-free"))
		return pc_live_claim(false);
	if (!strcmp(word, "key-off")) {
		static_branch_disable(&page_consistency_enabled);
		return 0;
	}
	return -EINVAL;
}

static ssize_t pc_live_command_write(struct file *file, const char __user *from,
				     size_t count, loff_t *position)
{
	char word[32] = "";
	int error;

	if (count >= sizeof(word))
		return -EINVAL;
	if (copy_from_user(word, from, count))
		return -EFAULT;
	mutex_lock(&pc_live_lock);
	error = pc_live_obey(word);
	mutex_unlock(&pc_live_lock);
	return error ?: count;
}

static const struct file_operations pc_live_command_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = pc_live_command_write,
	.llseek = noop_llseek,
};

/* Allocates nothing once it was read: what is counted must not change by it. */
static int pc_live_census_show(struct seq_file *file, void *unused)
{
	struct dual_bitmap *db = pc_live_bitmaps;
	unsigned int set, secondary;

	if (!db)
		return -ENODEV;
	set = bitmap_weight(db->bitmap[DUAL_BITMAP_PRIMARY], db->nbits);
	secondary = bitmap_weight(db->bitmap[DUAL_BITMAP_SECONDARY], db->nbits);
	seq_printf(file, "set %u\n", set);
	seq_printf(file, "secondary_clear %u\n", db->nbits - secondary);
	seq_printf(file, "bits %u\n", db->nbits);
	seq_printf(file, "min_pfn %lu\n", pc_live_min_pfn);
	seq_printf(file, "page_size %lu\n", PAGE_SIZE);
	seq_printf(file, "pfn %lu\n",
		   pc_live_page ? page_to_pfn(pc_live_page) : 0);
	seq_printf(file, "held %d\n", pc_live_held);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(pc_live_census);

void pc_live_make_damage(struct dentry *directory)
{
	debugfs_create_file("census", 0400, directory, NULL,
			    &pc_live_census_fops);
	debugfs_create_file("command", 0200, directory, NULL,
			    &pc_live_command_fops);
}
