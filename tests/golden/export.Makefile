# SPDX-License-Identifier: GPL-2.0-only
obj-$(CONFIG_DUAL_BITMAP_CASES_KUNIT_TEST) += dual_bitmap_cases_kunit.o
