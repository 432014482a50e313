# SPDX-License-Identifier: GPL-2.0-only
"""Kernel trees, shadow trees, tools and kunit.py; knows nothing of cases, pytest or oracles."""
