"""LiteRT's own ``benchmark_model``: its flags, and what it prints.

Google publishes two programs of that name. Both print one line of statistics for the warm-up and one for the benchmark
(``BenchmarkModel::Run`` and ``StatWithPercentiles::OutputToStream``); the rest differs:

* that of the Interpreter API (tflite/tools/benchmark) ends in one line "Inference timings in us: ..." and can switch
  XNNPACK off;
* that of the CompiledModel API (litert/tools) ends in a block "BENCHMARK RESULTS" and has no switch for XNNPACK: it
  warns of flags that it does not know and goes on.

Older builds print no percentiles; a run of equal times, or of one, prints neither minimum nor mean.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from edge_runtime.errors import ModelError, UsageError

__all__ = ["BenchmarkModelResult", "build_flags", "parse_output"]

_STATISTICS = re.compile(r"\bcount=(\d+) (.*)")
_FIELD = re.compile(r"(\w+)=([-+.\deE]+)")
_INIT = (
    re.compile(r"Initialized session in ([-+.\deE]+) ?ms"),
    re.compile(r"Model initialization:\s+([-+.\deE]+) ms"),
)
_MEMORY = (
    re.compile(r"Overall peak memory footprint \(MB\) via periodic monitoring: ([-+.\deE]+)"),
    re.compile(r"Memory footprint delta from the start of the tool \(MB\): init=\S+ overall=([-+.\deE]+)"),
    re.compile(r"Overall footprint:\s+([-+.\deE]+) MB"),
    re.compile(r"Peak memory footprint \(MB\): init=\S+ overall=([-+.\deE]+)"),  # before 2022
)
_PARTITIONS = (
    re.compile(r"TfLiteXNNPackDelegate\) node, yielding (\d+) partitions"),
    re.compile(r"XNNPACK delegate, and the model graph will be partially executed by the delegate w/ (\d+) delegate"),
)
_WHOLE = re.compile(r"XNNPACK delegate, and the model graph will be completely executed by the delegate")
_UNKNOWN_FLAGS = re.compile(r"Unconsumed cmdline flags: (.*\S)")
# Of seconds, at least: many short turns compare settings more fairly than a long run of each. The default is 1 and 0.5.
SHORT_TURNS = ("--min_secs=0.3", "--warmup_min_secs=0.1")
MIB = 1024 * 1024  # what the program calls MB
TAIL_LINES = 5


@dataclass(frozen=True)
class BenchmarkModelResult:
    """One run of the program; times of one invoke in milliseconds, None where it does not tell.

    Attributes:
        init_ms: until the interpreter was ready.
        first_invoke_ms: the first of the warm-up.
        memory_bytes: growth of the program's memory; its own estimate.
        delegate_partitions: pieces given to XNNPACK.
    """

    calls: int
    mean_ms: float
    min_ms: float
    p50_ms: float | None
    p95_ms: float | None
    init_ms: float | None
    first_invoke_ms: float
    memory_bytes: int | None
    delegate_partitions: int | None


def build_flags(model: str, num_threads: int, num_runs: int, is_xnnpack: bool) -> list[str]:
    """Its flags for one run; ``model`` is a path on the device."""
    return [
        f"--graph={model}",
        f"--num_threads={num_threads}",
        f"--num_runs={num_runs}",
        *SHORT_TURNS,
        f"--use_xnnpack={str(is_xnnpack).lower()}",
    ]


def parse_output(text: str) -> BenchmarkModelResult:
    """Reads all that one run printed, standard error included, with or without log prefixes.

    Raises:
        UsageError: the program did not know a flag, so that the figures are of something else.
        ModelError: it did not get to the end; the message holds its last lines.
    """
    unknown = _UNKNOWN_FLAGS.search(text)
    if unknown:
        raise UsageError(
            f"benchmark_model does not know {unknown[1]}: it is another program of that name; take the one "
            "of LiteRT's Interpreter API (see docs/benchmarks-device.md)"
        )
    statistics = [_parse_statistics(int(count), rest) for count, rest in _STATISTICS.findall(text)]
    if len(statistics) < 2:  # the warm-up and the benchmark
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        raise ModelError(f"benchmark_model did not finish: {' | '.join(lines[-TAIL_LINES:]) or 'no output at all'}")
    warmup, benchmark = statistics[0], statistics[-1]
    memory_mb = _find_number(text, _MEMORY)
    partitions = 1.0 if _WHOLE.search(text) else _find_number(text, _PARTITIONS)
    return BenchmarkModelResult(
        calls=int(benchmark["count"]),
        mean_ms=benchmark["avg"] / 1e3,
        min_ms=benchmark["min"] / 1e3,
        p50_ms=benchmark["median"] / 1e3 if "median" in benchmark else None,
        p95_ms=benchmark["p95"] / 1e3 if "p95" in benchmark else None,
        init_ms=_find_number(text, _INIT),
        first_invoke_ms=warmup["first"] / 1e3,
        memory_bytes=None if memory_mb is None else int(memory_mb * MIB),
        delegate_partitions=None if partitions is None else int(partitions),
    )


def _parse_statistics(count: int, rest: str) -> dict[str, float]:
    fields = {key: float(value) for key, value in _FIELD.findall(rest)}
    for missing in ("first", "min", "avg"):  # one run, or all equal: it prints `curr` alone
        fields.setdefault(missing, fields["curr"])
    return {"count": count, **fields}


def _find_number(text: str, patterns: tuple[re.Pattern[str], ...]) -> float | None:
    for pattern in patterns:
        found = pattern.search(text)
        if found:
            return float(found[1])
    return None
