# SPDX-License-Identifier: GPL-2.0-only
"""Results of many environments side by side: read from disk, judged cell by cell, shown."""
