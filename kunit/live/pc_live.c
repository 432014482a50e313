// SPDX-License-Identifier: GPL-2.0-only
/* The test side of a live kernel. */

#include <linux/init.h>

#include "pc_live.h"

static int __init pc_live_init(void)
{
	struct dentry *directory = debugfs_create_dir("pc_live", NULL);

	pc_live_make_cost(directory);
	pc_live_make_damage(directory);
	return 0;
}
late_initcall(pc_live_init);
