/* SPDX-License-Identifier: GPL-2.0-only */
/* What exported headers do without: the kernel takes its include out of them. */
