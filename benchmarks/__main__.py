# SPDX-License-Identifier: GPL-2.0-only
"""python -m benchmarks [NAME ...]: measure, print the table, write the samples."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence

from benchmarks import kunit_loop, machine, options, volume
from benchmarks.bench import Bench, say
from benchmarks.oracle import oracle
from benchmarks.parser import parser
from benchmarks.samples import Failure, Row
from benchmarks.startup import startup
from benchmarks.table import table

Measure = Callable[[Bench], Iterator[Row]]

MEASURES: dict[str, Measure] = {
    "cold": kunit_loop.cold,
    "edited": kunit_loop.case_edited,
    "header": kunit_loop.header_edited,
    "nothing": kunit_loop.nothing_edited,
    "selection": kunit_loop.selection,
    "steps": volume.steps,
    "cases": volume.cases,
    "parser": parser,
    "oracle": oracle,
    "startup": startup,
}


def measure(name: str, bench: Bench) -> Iterator[Row | Failure]:
    """The rows of one measurement, or why there are none (any more)."""
    try:
        yield from MEASURES[name](bench)
    except Exception as error:  # whatever it is, the other rows are measured
        say(f"{name}: {error}")
        yield Failure(name, str(error).partition("\n")[0] or type(error).__name__)


def main(arguments: Sequence[str]) -> int:
    """Measure what is asked for; 1 if something could not be measured."""
    chosen = options.parse(arguments, MEASURES)
    bench = Bench(chosen)
    results = [result for name in chosen.names for result in measure(name, bench)]
    print(table(results), end="")
    if chosen.json:
        document = {
            "machine": machine.describe(bench.kernel_version),
            "rows": [result.document() for result in results],
        }
        chosen.json.parent.mkdir(parents=True, exist_ok=True)
        chosen.json.write_text(json.dumps(document, indent=2) + "\n")
        say(f"every sample: {chosen.json}")
    return int(any(isinstance(result, Failure) for result in results))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
