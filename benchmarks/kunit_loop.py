# SPDX-License-Identifier: GPL-2.0-only
"""The loop of edit, build, boot and judge, against `kunit.py run` on the same files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.bench import Bench, say
from benchmarks.process import BenchError
from benchmarks.project import FAIL, SUITE
from benchmarks.samples import Goal, Row, speedups


@dataclass(frozen=True)
class Edit:
    """What was edited, and the options with which our side takes it."""

    what: str
    arguments: tuple[str, ...] = ()


def cold(bench: Bench) -> Iterator[Row]:
    """The first build of a target; leaves both sides built for what comes after.

    kunit.py only builds. So of ours counts what the first session took longer than the next one,
    which starts, looks for changes, boots and judges as well, and builds nothing.
    """
    bench.remove_builds()
    say("reading the tree, so that neither side waits for the disk")
    for path in bench.tree.path.rglob("*.[chS]"):
        if path.is_file():
            path.read_bytes()
    say("cold: our first session and another one, then kunit.py build")
    first, another = bench.ours(SUITE).seconds, bench.ours(SUITE).seconds
    ours = (first - another,)
    peer, _ = bench.peer()
    theirs = (peer.run("build").seconds,)
    yield Row(
        "cold, beyond a warm session (peer: kunit.py build)",
        "s",
        ours,
        Goal("no slower", at_least=1),
        theirs,
        speedups(ours, theirs),
        note=f"the whole first session: {first:.1f} s",
    )


def case_edited(bench: Bench) -> Iterator[Row]:
    """One argument of one step of one case, another file's in each pair."""
    goal = Goal("at least 3.5 times faster", at_least=3.5)
    yield _pairs(bench, "a case edited", goal, lambda: Edit(bench.project.edit_case()))


def header_edited(bench: Bench) -> Iterator[Row]:
    """The header under test, so that all that includes it is compiled."""
    goal = Goal("at least 3.5 times faster", at_least=3.5)

    def edit() -> Edit:
        header = bench.project.edit_header()
        return Edit(header.name, (f"--kunit-header={header}",))

    yield _pairs(bench, "the header edited", goal, edit)


def nothing_edited(bench: Bench) -> Iterator[Row]:
    """The same again."""
    yield _pairs(bench, "nothing edited", Goal("at least 6 times faster", at_least=6))


def selection(bench: Bench) -> Iterator[Row]:
    """Some of the cases that are built already, against all of them."""
    goal = Goal("as fast (within 10 %)", at_least=0.9)
    for what, arguments, extra in (
        ("-k, of what is built (peer: ours, all)", ["-k", "flips"], {}),
        ("--lf, of what is built (peer: ours, all)", ["--lf"], {FAIL: "yes"}),
    ):
        good = (1,) if extra else (0,)
        ours, everything = [], []
        for number in range(bench.pairs):
            say(f"{what}: pair {number + 1} of {bench.pairs}")
            bench.ours(SUITE, good=good, extra=extra)
            ours.append(bench.ours(SUITE, *arguments, good=good, extra=extra).seconds)
            bench.ours(SUITE, good=good, extra=extra)  # in case the selection was built
            everything.append(bench.ours(SUITE, good=good, extra=extra).seconds)
        ratios = speedups(ours, everything)
        yield Row(what, "s", tuple(ours), goal, tuple(everything), ratios)


def _pairs(bench: Bench, what: str, goal: Goal, edit: Callable[[], Edit] | None = None) -> Row:
    """Ours and `kunit.py run` in turn, on the very same edit, or on none."""
    _settle(bench)
    ours, peer, edits = [], [], []
    for number in range(bench.pairs):
        edited = edit() if edit else Edit("nothing")
        edits.append(edited.what)
        say(f"{what}: pair {number + 1} of {bench.pairs} ({edited.what})")
        ours.append(bench.ours(SUITE, *edited.arguments).seconds)
        copy, changed = bench.peer()
        if bool(changed) != bool(edit):
            raise BenchError(f"files that changed in the kernel tree: {changed or 'none'}")
        peer.append(copy.run().seconds)
    ratios = speedups(ours, peer)
    return Row(what, "s", tuple(ours), goal, tuple(peer), ratios, note=", ".join(edits))


def _settle(bench: Bench) -> None:
    """Let both sides have built the suite as it is."""
    say("bringing both sides up to date (minutes, where nothing is built yet)")
    bench.ours(SUITE)
    bench.peer()[0].run()
