# SPDX-License-Identifier: GPL-2.0-only
"""The Jinja2 environment for C templates."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from pytest_pageconsistency.resources import templates_directory

if TYPE_CHECKING:
    import jinja2


def render(template: str, **context: object) -> str:
    """The text of a template; an undefined variable is an error."""
    return _environment().get_template(template).render(context)


@functools.cache
def _environment() -> jinja2.Environment:
    import jinja2  # nothing is rendered where a suite is reused

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates_directory()),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701  # C, not HTML
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
