"""The figures that have a budget, each measured in seconds.

What is timed is called through the names that users call (``PhotoScorer.score``, ``decode_photo``, the interpreter's
``invoke``): whatever makes one of them slower, also a test that wraps it with a sleep, shows in its ratio.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from benchmarks.budgets.limits import Reading
from benchmarks.comparison import Comparison, compare_rounds
from benchmarks.end_to_end import EXAMPLES, build_large_jpeg, decode_in_full, keep_picture_memory, load_source_photo
from benchmarks.fresh_process import REPOSITORY, build_import_measure
from benchmarks.latency import (
    Measure,
    TurnPlan,
    build_invoke_call,
    build_measure,
    build_network_calls,
    build_running_clock,
    interleave_rounds,
)
from benchmarks.native_model import count_multiply_accumulates
from benchmarks.rows import build_rows
from edge_runtime import PhotoScorer
from edge_runtime.contract import ModelContract
from edge_runtime.decode import decode_photo
from edge_runtime.errors import UsageError
from edge_runtime.formats import PHOTO_SUFFIXES
from edge_runtime.gate.policy import evaluate, load_policy
from edge_runtime.interpreter import Interpreter, count_worst_partitions
from edge_runtime.model_file import read_model, unpack_model

__all__ = ["FIGURES", "Subject", "find_subject"]

GOLDEN_SCORES = REPOSITORY / "tests" / "edge_runtime" / "golden_scores.json"


@dataclass(frozen=True)
class Subject:
    """What is measured: two forms of one model.

    Attributes:
        int8, float32: photogate .tflite files.
        effort: rounds are multiplied by it.
    """

    int8: Path
    float32: Path
    effort: int = 1


def find_subject(artifact: Path) -> Subject:
    """The int8 and the float model of an artifact.

    Raises:
        UsageError: one of them is not there.
    """
    rows = {row.key: row for row in build_rows(("float", "int8"), artifact, Path(), Path())}
    for row in rows.values():
        if not row.is_usable:
            raise UsageError(f"{row.label}: {row.note}; pass an --artifact that has both")
    int8, float32 = rows["int8"].path, rows["float"].path
    assert int8 is not None and float32 is not None  # is_usable
    return Subject(int8, float32)


def _measure_int8_over_float(subject: Subject) -> Reading:
    int8, float32 = (_build_measure(build_invoke_call(path, 1)) for path in (subject.int8, subject.float32))
    return _compare(int8, float32, TurnPlan(rounds=40 * subject.effort, turn_ms=20.0))


def _measure_verdict_over_parts(subject: Subject) -> Reading:
    """A large JPEG's bytes to its verdict, over decoding it and the bare invoke of each look."""
    jpeg, policy = _build_jpeg(), load_policy()
    with PhotoScorer.from_file(subject.int8) as scorer:
        invokes = build_network_calls(subject.int8, 1)
        looks = invokes * (_count_looks(scorer.contract) // len(invokes))  # a network alone takes all of them

        def do_parts() -> None:
            decode_photo(jpeg, scorer.decode_view)
            for look in looks:
                look()

        verdict = _build_measure(lambda: evaluate(scorer.score(jpeg), policy))
        return _compare(verdict, _build_measure(do_parts), TurnPlan(rounds=24 * subject.effort))


def _measure_decode_over_full(subject: Subject) -> Reading:
    jpeg, plan = _build_jpeg(), TurnPlan(rounds=24 * subject.effort)
    with PhotoScorer.from_file(subject.int8) as scorer, keep_picture_memory():
        decode = _build_measure(lambda: decode_photo(jpeg, scorer.decode_view))
        reading = _compare(decode, _build_measure(lambda: decode_in_full(jpeg)), plan)
    return replace(reading, note=f"{reading.note}, Pillow keeping its memory")


@cache
def _build_jpeg() -> bytes:
    return build_large_jpeg(load_source_photo(EXAMPLES))


def _measure_import_over_numpy(subject: Subject) -> Reading:
    return _compare(build_import_measure("edge_runtime"), build_import_measure("numpy"), TurnPlan(20 * subject.effort))


def _build_measure(call: Callable[[], object]) -> Measure:
    return build_measure(call, build_running_clock())


def _compare(measure: Measure, reference: Measure, plan: TurnPlan) -> Reading:
    rounds = interleave_rounds({"measured": measure, "reference": reference}, plan)
    found: Comparison = compare_rounds(rounds["measured"], rounds["reference"])
    return Reading(found.ratio, found.low, found.high, f"{found.rounds} rounds in turns")


def _measure_file_bytes(subject: Subject) -> Reading:
    return Reading(float(subject.int8.stat().st_size))


def _measure_multiply_accumulates(subject: Subject) -> Reading:
    model = read_model(subject.int8)
    looks = _count_looks(model.contract)
    counts = [count_multiply_accumulates(flatbuffer) for flatbuffer in model.networks]
    if None in counts:
        return Reading(None, note="this interpreter does not tell; install ai-edge-litert")
    looks_each = looks // len(counts)
    return Reading(float(looks_each * sum(count or 0 for count in counts)), note=f"of a photo's {looks} look(s)")


def _measure_operations(subject: Subject) -> Reading:
    counts = [Interpreter(flatbuffer).count_operations() for flatbuffer in read_model(subject.int8).networks]
    if not all(counts):
        return Reading(None, note="this interpreter does not tell; install ai-edge-litert")
    total = sum(sum(each.values()) - each.get("DELEGATE", 0) for each in counts)
    return Reading(float(total), note=f"of {len(counts)} network(s)")


def _count_looks(contract: ModelContract) -> int:
    return 1 if contract.detail is None else 2


def _measure_delegate_partitions(subject: Subject) -> Reading:
    interpreters = [Interpreter(flatbuffer) for flatbuffer in read_model(subject.int8).networks]
    partitions, name = count_worst_partitions(interpreters), interpreters[0].runtime_name
    if partitions < 0:
        return Reading(None, note=f"{name} does not tell; install ai-edge-litert")
    return Reading(float(partitions), note=name)


def _measure_golden_photos(subject: Subject) -> Reading:
    golden, photos = _load_golden_qualities(subject.int8), _list_examples()
    lacking = [path.name for path in photos if path.name not in golden]
    return Reading(1.0 - len(lacking) / len(photos), note=f"without: {', '.join(lacking)}" if lacking else "")


def _measure_golden_points(subject: Subject) -> Reading:
    golden = _load_golden_qualities(subject.int8)
    photos = [path for path in _list_examples() if path.name in golden]
    if not photos:
        return Reading(None, note=f"no example photo has a score in {GOLDEN_SCORES.name}")
    with PhotoScorer.from_file(subject.int8) as scorer:
        apart = {path.name: abs(scorer.score(path).quality - golden[path.name]) for path in photos}
    farthest = max(apart, key=lambda name: apart[name])
    return Reading(apart[farthest], note=f"{farthest}, the farthest of {len(photos)}")


def _load_golden_qualities(model: Path) -> dict[str, float]:
    """Quality in points by file name, of the shipped model of the same name; empty where there is no such file."""
    if not GOLDEN_SCORES.is_file():
        return {}
    try:
        document = json.loads(GOLDEN_SCORES.read_text(encoding="utf-8"))[unpack_model(model)[1].name]
        return {name: float(score["quality"]) for name, score in document.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"{GOLDEN_SCORES}: cannot read golden scores: {error}; write them anew with update_golden_scores.py"
        ) from error


def _list_examples() -> list[Path]:
    photos = sorted(path for path in EXAMPLES.glob("*") if path.suffix.lower() in PHOTO_SUFFIXES)
    if not photos:
        raise UsageError(f"{EXAMPLES}: no example photos; run from a whole checkout")
    return photos


FIGURES: Mapping[str, Callable[[Subject], Reading]] = {
    "int8_over_float": _measure_int8_over_float,
    "verdict_over_parts": _measure_verdict_over_parts,
    "decode_over_full": _measure_decode_over_full,
    "import_over_numpy": _measure_import_over_numpy,
    "file_bytes": _measure_file_bytes,
    "multiply_accumulates": _measure_multiply_accumulates,
    "operations": _measure_operations,
    "delegate_partitions": _measure_delegate_partitions,
    "golden_photos": _measure_golden_photos,
    "golden_points": _measure_golden_points,
}
"""Name in the file of budgets → its measurement."""
