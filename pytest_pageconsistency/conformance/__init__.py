# SPDX-License-Identifier: GPL-2.0-only
"""The shipped suite: every behaviour of the dual bitmap that a kernel can show.

    pytest --pyargs pytest_pageconsistency.conformance --kunit-arch=um

The cases state what a correct header does, in counts and words; the oracle and a real kernel both
have to agree. They hold for words of 32 and of 64 bits in either byte order.

Left out: the wrap of bitmap_size() for nbits near 2^32. It needs bitmaps of 512 MiB, and there
init() does nothing while validate() walks them all; the oracle's own tests pin it down.
"""
