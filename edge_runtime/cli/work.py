"""Inputs to outcomes, in this process or in several."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from edge_runtime.cli.quiet import silence_metadata_warnings
from edge_runtime.result import ScoreFailure
from edge_runtime.scorer import each

__all__ = ["match_outputs", "work_through"]

_Result = TypeVar("_Result")


def work_through(
    inputs: Sequence[str | ScoreFailure],
    action: Callable[[str], _Result],
    build: Callable[[], Callable[[str], _Result]] | None = None,
    jobs: int = 1,
) -> Iterator[_Result | ScoreFailure]:
    """What the action says of input after input.

    Args:
        inputs: paths; a ScoreFailure among them is its own outcome.
        action: for this process, where ``jobs`` is 1.
        build: makes the same action in each process otherwise, as ``each_in_processes`` wants it; None where there is
            only one process.
        jobs: processes; no more than photos are started.
    """
    paths = [entry for entry in inputs if isinstance(entry, str)]
    jobs = min(jobs, len(paths))
    outcomes: Iterator[_Result | ScoreFailure]
    if build is None or jobs <= 1:
        outcomes = each(action, paths)
    else:
        from edge_runtime.parallel import each_in_processes

        outcomes = each_in_processes(partial(_build_silently, build), paths, jobs)
    for entry in inputs:
        yield entry if isinstance(entry, ScoreFailure) else next(outcomes)


def match_outputs(
    inputs: Sequence[str | ScoreFailure], planned: Mapping[str, Path | ScoreFailure]
) -> tuple[list[str | ScoreFailure], dict[str, Path]]:
    """The inputs, those without an output as the failure that says why, and the outputs of the others by their path.

    Args:
        inputs: as for :func:`work_through`.
        planned: by the photo's path.
    """
    refused = {photo: output for photo, output in planned.items() if isinstance(output, ScoreFailure)}
    outputs = {photo: output for photo, output in planned.items() if isinstance(output, Path)}
    return [refused.get(entry, entry) if isinstance(entry, str) else entry for entry in inputs], outputs


def _build_silently(build: Callable[[], Callable[[str], _Result]]) -> Callable[[str], _Result]:
    silence_metadata_warnings()
    return build()
