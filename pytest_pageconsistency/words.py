# SPDX-License-Identifier: GPL-2.0-only
"""The words of --kunit-arch and of the kunit_arch mark that mean many architectures."""

FAMILIES = ("32bit", "64bit", "be", "le")
"""Those that `Target.families` can hold."""

ALL = "all"
"""Every architecture."""
