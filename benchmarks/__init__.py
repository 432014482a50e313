# SPDX-License-Identifier: GPL-2.0-only
"""The times that this project promises, measured side by side with kunit.py: `make bench`.

Whole processes are timed, pytest's start included, in pairs: ours, then the peer, on the same
tree, configuration and edit. Nothing is judged here: the table says what is met, and whoever reads
it knows what else the machine was doing.
"""
