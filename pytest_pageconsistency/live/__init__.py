# SPDX-License-Identifier: GPL-2.0-only
"""A kernel with the checker that boots a program of ours: `pytest --kunit-live`.

chapters -> boot -> console -> observations, and the tests of test_live.py judge those. Without the
option nothing of this is imported.
"""
