# SPDX-License-Identifier: GPL-2.0-only
"""The shards of one environment as one column: whole only if all are there and fit together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TypeVar

from pytest_pageconsistency.matrix.environment import Environment, Failure, Origin
from pytest_pageconsistency.shard import Shard

_NAMED = 5
"""Shards that are named one by one where many are missing."""

_T = TypeVar("_T")


@dataclass(frozen=True)
class Part:
    """What one shard left; `selected` are the names of the cases of all shards.

    It is None where the shard was killed before it had found out.
    """

    shard: Shard
    selected: frozenset[str] | None
    environment: Environment


def merge(name: str, parts: Sequence[Part]) -> Environment:
    """One environment of all cases of `parts`, with a failure if that is not all there is to it."""
    parts = sorted(parts, key=lambda part: (part.shard.of, part.shard.number))
    environments = [part.environment for part in parts]
    booted = next(filter(_has_booted, environments), environments[0])
    outcomes = [each.outcomes for each in environments if each.outcomes is not None]
    return replace(
        booted,
        name=name,
        origin=_origin(environments, booted.origin),
        seconds=_sums(each.seconds for each in environments),
        cases=_worst((each.cases for each in environments), lambda case: case.verdict == "passed"),
        planned=tuple(dict.fromkeys(chain(*(each.planned for each in environments)))),
        selected=frozenset(chain(*(part.selected or () for part in parts))),
        outcomes=_worst(outcomes, lambda outcome: outcome == "passed") if outcomes else None,
        failure=_joined([*_own_failures(parts), *_gaps(parts), *_contradictions(parts)]),
        readable=all(each.readable for each in environments),
    )


def _has_booted(environment: Environment) -> bool:
    return environment.bits_per_long is not None


def _origin(environments: Iterable[Environment], one: Origin) -> Origin:
    """Each shard has a kernel of its own cases: there is one build id only by chance."""
    build_ids = {each.origin.build_id for each in environments if _has_booted(each)}
    return replace(one, command=(), build_id=one.build_id if len(build_ids) == 1 else "")


def _sums(parts: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """What all of them took together."""
    sums: dict[str, float] = {}
    for name, value in chain(*(part.items() for part in parts)):
        sums[name] = sums.get(name, 0.0) + value
    return sums


def _worst(parts: Iterable[Mapping[str, _T]], passed: Callable[[_T], bool]) -> dict[str, _T]:
    """All entries; of those with the same name one that has not passed."""
    merged: dict[str, _T] = {}
    for name, value in chain(*(part.items() for part in parts)):
        if name not in merged or not passed(value):
            merged[name] = value
    return merged


def _own_failures(parts: Sequence[Part]) -> Iterator[Failure]:
    """What went wrong within shards, once for all that say the same."""
    found: dict[Failure, list[Part]] = {}
    for part in parts:
        if part.environment.failure:
            found.setdefault(part.environment.failure, []).append(part)
    for failure, of_parts in found.items():
        yield replace(failure, message=f"{_named(of_parts)}: {failure.message}")


def _gaps(parts: Sequence[Part]) -> Iterator[Failure]:
    of = parts[-1].shard.of
    missing = sorted(set(range(1, of + 1)).difference(part.shard.number for part in parts))
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        yield Failure("incomplete", f"{_numbers(missing)} of {of} {verb} not there")


def _contradictions(parts: Sequence[Part]) -> Iterator[Failure]:
    """What shards of one session cannot differ in, or have in common."""
    least, most = parts[0].shard.of, parts[-1].shard.of
    if least != most:
        yield _differ(f"some are of {least} and some of {most}")
    known = [part for part in parts if part.selected is not None]
    for part in known[1:]:
        if part.selected != known[0].selected:
            yield _differ(f"{_named([part])} is of other cases than {_named(known[:1])}")
            break
    booted = [part for part in parts if _has_booted(part.environment)]
    for part in booted[1:]:
        if _kernel(part) != _kernel(booted[0]):
            yield _differ(f"{_named([part])} has another kernel than {_named(booted[:1])}")
            break
    yield from _overlaps(parts)


def _overlaps(parts: Sequence[Part]) -> Iterator[Failure]:
    owners: dict[str, list[Part]] = {}
    for part in parts:
        each = part.environment
        for name in {*each.cases, *each.planned, *(each.outcomes or ())}:
            owners.setdefault(name, []).append(part)
    shared = sorted(name for name, owning in owners.items() if len(owning) > 1)
    if shared:
        more = f" and {len(shared) - 1} more cases are" if shared[1:] else " is"
        yield _differ(f"{shared[0]}{more} in two, such as {_named(owners[shared[0]])}")


def _kernel(part: Part) -> tuple[object, ...]:
    """What is the same for all shards, unless they ran on something else."""
    each = part.environment
    origin = each.origin
    return (
        each.arch,
        each.bits_per_long,
        each.byteorder,
        origin.version,
        origin.commit,
        origin.header,
        origin.checker,
    )


def _differ(message: str) -> Failure:
    return Failure("shards differ", message)


def _joined(failures: Sequence[Failure]) -> Failure | None:
    """The first one, with the sentences of the others."""
    if not failures:
        return None
    first, *others = failures
    sentences = [first.message, *(f"{other.kind}: {other.message}" for other in others)]
    details = next((each.details for each in failures if each.details), "")
    return Failure(first.kind, "; ".join(sentences), details)


def _named(parts: Sequence[Part]) -> str:
    numbers = sorted({part.shard.number for part in parts})
    return f"{_numbers(numbers)} of {parts[0].shard.of}"


def _numbers(numbers: Sequence[int]) -> str:
    shown = [str(number) for number in numbers[:_NAMED]]
    if len(numbers) > _NAMED:
        shown.append(f"{len(numbers) - _NAMED} more")
    text = " and ".join(part for part in (", ".join(shown[:-1]), shown[-1]) if part)
    return f"shard {text}" if len(numbers) == 1 else f"shards {text}"
