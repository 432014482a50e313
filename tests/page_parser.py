# SPDX-License-Identifier: GPL-2.0-only
"""An HTML page as a list of its elements, which must be well nested."""

from __future__ import annotations

from collections.abc import Mapping
from html.parser import HTMLParser

VOID = {"meta", "link", "col", "wbr"}


class Page(HTMLParser):
    """A page's elements, checked for being closed in their order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, Mapping[str, str | None]]] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, self.getpos()

    def attributes(self, name: str) -> list[str]:
        return [value for _, attributes in self.tags if (value := attributes.get(name))]
