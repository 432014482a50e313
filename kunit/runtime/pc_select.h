/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _PC_SELECT_H
#define _PC_SELECT_H

#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/init.h>

/* Keep those of @count @cases that are in @list, such as "0-4,7"; none if it is wrong. */
static inline int __init pc_select(struct kunit_case *cases,
				   unsigned long *chosen, unsigned int count,
				   const char *list)
{
	unsigned int i, kept = 0;

	if (!list || bitmap_parselist(list, chosen, count))
		bitmap_zero(chosen, count);
	for (i = 0; i < count; i++)
		if (test_bit(i, chosen))
			cases[kept++] = cases[i];
	memset(&cases[kept], 0, sizeof(*cases));

	return 0;
}

#endif /* _PC_SELECT_H */
