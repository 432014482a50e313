# SPDX-License-Identifier: GPL-2.0-only
"""`pageconsistency series`: the checker's patches for a kernel tree, to be applied with git am."""

from __future__ import annotations

import argparse
from pathlib import Path

from pytest_pageconsistency.command_tree import add_tree_option, named_source, open_tree
from pytest_pageconsistency.kernel.patch_mail import Patch, mails
from pytest_pageconsistency.kernel.series import series_steps
from pytest_pageconsistency.kernel.tree import Tree
from pytest_pageconsistency.resources import kunit_directory
from pytest_pageconsistency.verdict import Kind, TargetError

MESSAGES = "series/messages"
"""In kunit/: what each patch says; its first line is the subject."""


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand; its options' `run` returns the exit status, or raises TargetError."""
    parser = commands.add_parser(
        "series",
        help="write the page consistency checker as patches for a kernel tree",
        description="Write our page consistency checker as patches that `git am DIR/*.patch` "
        "applies to the kernel tree.",
    )
    parser.add_argument("directory", metavar="DIR", type=Path, help="where the patches go")
    add_tree_option(parser)
    parser.set_defaults(run=_run)


def series_mails(tree: Tree, kunit: Path) -> dict[str, bytes]:
    """The patches for `tree` by file name, made from our kernel side in `kunit`.

    TargetError (CONFIG_ERROR) if the tree has no place for them, or has them.
    """
    content: dict[str, bytes | None] = {}
    patches = []
    messages = sorted((kunit / MESSAGES).glob("*.txt"))
    for message, step in zip(messages, series_steps(tree.path, kunit), strict=True):
        changes = {}
        for path, after in step.items():
            before = content[path] if path in content else _content(tree.path / path)
            changes[path] = (before, after)
            content[path] = after
        subject, _, body = message.read_text("utf-8").partition("\n")
        patches.append(Patch(subject, body, f"For Linux {tree.version}.", changes))
    return mails(patches)


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def _run(options: argparse.Namespace) -> int:
    written = series_mails(open_tree(named_source(options)), kunit_directory())
    try:
        options.directory.mkdir(parents=True, exist_ok=True)
        for old in options.directory.glob("*.patch"):
            if old.name not in written:
                message = f"{old} is of another series, and git am would take it: remove it"
                raise TargetError(Kind.CONFIG_ERROR, message)
        for name, mail in written.items():
            (options.directory / name).write_bytes(mail)
            print(options.directory / name)
    except OSError as error:
        message = f"cannot write to {error.filename}: {error.strerror}"
        raise TargetError(Kind.CONFIG_ERROR, message) from error
    return 0
