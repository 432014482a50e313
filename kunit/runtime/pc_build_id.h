/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _PC_BUILD_ID_H
#define _PC_BUILD_ID_H

/* Identifies the sources that the kernel was built from. */
extern const char *const pc_build_id;

#endif /* _PC_BUILD_ID_H */
