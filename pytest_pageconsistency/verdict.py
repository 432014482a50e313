# SPDX-License-Identifier: GPL-2.0-only
"""What became of a case, or of a whole target: one kind, one sentence, and the details."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """The kinds of verdict; the value is what result.json and reports print."""

    PASSED = "passed"
    DISAGREEMENT = "disagreement"
    """The kernel observed another value than the oracle."""
    KERNEL_FAILURE = "kernel failure"
    """Every observation agrees, and KUnit still failed the case."""
    MALFORMED = "malformed observations"
    """Observations missing, doubled, out of order or unreadable."""
    CRASH = "kernel crash"
    TIMEOUT = "timeout"
    NOT_RUN = "not run"
    """The case was never seen: the kernel ended before it."""
    CASE_ERROR = "case error"
    """The case itself is at fault: not deterministic, empty, or asks for what it cannot have."""
    BUILD_ERROR = "build error"
    TREE_ERROR = "tree does not build"
    """Without our suite neither, for this target and compiler."""
    IMAGE_MISMATCH = "image mismatch"
    """What was built is not what the oracle ran for: machine, ABI, layout or registration."""
    CONFIG_ERROR = "config error"
    TOOL_MISSING = "tool missing"


@dataclass(frozen=True)
class Verdict:
    """A kind, one sentence that says what happened, and lines that a reader needs to act."""

    kind: Kind
    message: str = ""
    details: str = ""

    @property
    def passed(self) -> bool:
        """Whether body, oracle and kernel agree."""
        return self.kind is Kind.PASSED


class TargetError(Exception):
    """There is no boot to judge by: of a whole target, or of a case that cannot be part of it."""

    def __init__(self, kind: Kind, message: str, details: str = "") -> None:
        super().__init__(message)
        self.verdict = Verdict(kind, message, details)

    def __str__(self) -> str:
        verdict = self.verdict
        head = f"{verdict.kind.value}: {verdict.message}"
        return f"{head}\n{verdict.details}" if verdict.details else head
