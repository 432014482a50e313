/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Included before mm/page_consistency.c, which is compiled unmodified and by
 * its own rule, to learn where its bitmaps are.
 *
 * They are static, and every tree may call them otherwise. What all have in
 * common is that they are initialised by dual_bitmap_init(). A look-up by
 * kallsyms would need the names, and CONFIG_KALLSYMS_ALL.
 */
#ifndef PC_CAPTURE_H
#define PC_CAPTURE_H

#include <linux/bitmap.h>
#include <linux/bug.h>
#include <linux/dual_bitmap.h>

void pc_live_capture(struct dual_bitmap *db);

#define dual_bitmap_init(db) pc_live_capture(db)

/* The file defines its own. */
#undef pr_fmt

#endif
