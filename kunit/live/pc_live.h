/* SPDX-License-Identifier: GPL-2.0-only */
/* Files in /sys/kernel/debug/pc_live, for the init of a live kernel. */
#ifndef PC_LIVE_H
#define PC_LIVE_H

#include <linux/debugfs.h>

/* Each makes its files in the directory. */
void pc_live_make_cost(struct dentry *directory);

#ifdef CONFIG_DEBUG_PAGE_CONSISTENCY
void pc_live_make_damage(struct dentry *directory);
#else
static inline void pc_live_make_damage(struct dentry *directory)
{
}
#endif

#endif
