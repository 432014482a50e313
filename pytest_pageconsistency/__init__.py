# SPDX-License-Identifier: GPL-2.0-only
"""Prove the kernel's dual bitmaps against a Python oracle, on real kernels, from pytest."""
