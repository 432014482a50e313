// SPDX-License-Identifier: GPL-2.0-only
/* What it costs to allocate a page and to free it again. */

#include <linux/gfp.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/sched.h>
#include <linux/seq_file.h>

#include "pc_live.h"

#define PC_LIVE_ROUNDS 31
#define PC_LIVE_ROUND_NS (20 * NSEC_PER_MSEC)
#define PC_LIVE_PAIRS 500
#define PC_LIVE_PAIRS_LIMIT 100000000

static bool pc_live_pairs(void)
{
	struct page *page;
	int pair;

	for (pair = 0; pair < PC_LIVE_PAIRS; pair++) {
		page = alloc_page(GFP_KERNEL);
		if (!page)
			return false;
		__free_page(page);
	}
	return true;
}

/*
 * Picoseconds for one pair, 0 if there was no page, or no time. An emulated
 * machine's clock may go in steps of milliseconds: from one step to another it
 * is right, too.
 */
static u64 pc_live_round(void)
{
	ktime_t start = ktime_get(), begin, now;
	u64 pairs = 0;

	do {
		begin = ktime_get();
		pairs += PC_LIVE_PAIRS;
		if (!pc_live_pairs() || pairs > PC_LIVE_PAIRS_LIMIT)
			return 0;
	} while (begin == start);

	for (pairs = PC_LIVE_PAIRS; pairs < PC_LIVE_PAIRS_LIMIT; pairs += PC_LIVE_PAIRS) {
		now = ktime_get();
		if (ktime_to_ns(ktime_sub(now, begin)) >= PC_LIVE_ROUND_NS)
			return div64_u64(1000 * (u64)ktime_to_ns(ktime_sub(now, begin)),
					 pairs);
		if (!pc_live_pairs())
			break;
	}
	return 0;
}

/* A line "ps N" for each round. */
static int pc_live_cost_show(struct seq_file *file, void *unused)
{
	int round;

	for (round = 0; round < PC_LIVE_ROUNDS; round++) {
		seq_printf(file, "ps %llu\n", pc_live_round());
		cond_resched();
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(pc_live_cost);

void pc_live_make_cost(struct dentry *directory)
{
	debugfs_create_file("cost", 0400, directory, NULL, &pc_live_cost_fops);
}
