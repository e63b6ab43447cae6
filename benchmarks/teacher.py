"""The teacher beside its students: in a worker process of its own, because its framework fixes its threads at import.

``python -m benchmarks.teacher FOLDER --threads N`` reads one JSON request a line and answers with one JSON object a
line, so that its calls can take turns with the other models'. The teacher works on the CPU here, always.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np

from benchmarks.fresh_process import build_environment
from edge_runtime.errors import ModelError

__all__ = ["TeacherProcess"]

TIMED_FRAME_PX = 512  # side of the picture that is timed: the size of the rated photos


class TeacherProcess:
    """A loaded teacher in its own process, limited to ``num_threads`` threads.

    Attributes:
        load_ms: loading weights and building the network, the framework's import not counted.
        peak_memory_bytes: growth of the worker's memory by loading and one prediction, likewise; None if unknown.
        weights_bytes: all its weights as float32, the backbones' too, which its folder need not hold.
    """

    def __init__(self, folder: Path, num_threads: int = 1, weights: Sequence[str] = ()) -> None:
        """Starts the worker and waits until the teacher is loaded.

        Args:
            folder: the teacher's artifact.
            num_threads: of the worker.
            weights: the backbones' weights, if they have moved; see ``train.models.teacher.load_teacher``.

        Raises:
            ModelError: the teacher cannot be loaded, for example because its framework is not installed.
        """
        self.folder = folder
        command = [sys.executable, "-m", "benchmarks.teacher", str(folder.resolve()), "--threads", str(num_threads)]
        command += [argument for each in weights for argument in ("--weights", each)]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=_worker_environment(num_threads),
        )
        # The worker's chatter must be drained or it would block; its last lines explain a failure.
        self._last_lines: deque[str] = deque(maxlen=20)
        self._drain = threading.Thread(target=self._keep_last_lines, daemon=True)
        self._drain.start()
        try:
            loaded = self._receive()
        except ModelError:
            self.close()
            raise
        self.load_ms = float(loaded["load_ms"])
        self.peak_memory_bytes: int | None = loaded["peak_memory_bytes"]
        self.weights_bytes = int(loaded["weights_bytes"])

    def measure(self) -> float:
        """Latency of one prediction of one picture in milliseconds, as the worker's own clock has it."""
        return float(self._ask({"do": "time"})["latency_ms"])

    def predict(self, photo: Path) -> float:
        """The teacher's quality of a photo's file, 0-1."""
        return float(self._ask({"do": "score", "path": str(photo)})["quality"])

    def close(self) -> None:
        """Ends the worker; safe to call twice."""
        process = self._process
        if process.stdin is not None and not process.stdin.closed:
            with suppress(OSError):  # a worker that died has closed its end already
                process.stdin.close()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._drain.join(timeout=5)
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()

    def __enter__(self) -> TeacherProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _keep_last_lines(self) -> None:
        if self._process.stderr is not None:
            self._last_lines.extend(line.rstrip() for line in self._process.stderr)

    def _ask(self, request: dict[str, str]) -> dict[str, Any]:
        stdin: IO[str] | None = self._process.stdin
        try:
            if stdin is None:
                raise BrokenPipeError
            stdin.write(json.dumps(request) + "\n")
            stdin.flush()
        except (OSError, ValueError) as error:
            raise ModelError(f"{self.folder}: the teacher's process has ended{self._explain()}") from error
        return self._receive()

    def _receive(self) -> dict[str, Any]:
        line = self._process.stdout.readline() if self._process.stdout is not None else ""
        if not line:
            self._drain.join(timeout=5)
            raise ModelError(f"{self.folder}: the teacher's process has ended{self._explain()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise ModelError(f"{self.folder}: {answer['error']}")
        return answer

    def _explain(self) -> str:
        return f": {self._last_lines[-1]}" if self._last_lines else ""


def _worker_environment(num_threads: int) -> dict[str, str]:
    threads = str(num_threads)
    return build_environment(
        CUDA_VISIBLE_DEVICES="-1",
        JAX_PLATFORMS="cpu",
        TF_CPP_MIN_LOG_LEVEL="2",
        TF_NUM_INTRAOP_THREADS=threads,
        TF_NUM_INTEROP_THREADS="1",
        OMP_NUM_THREADS=threads,
        OPENBLAS_NUM_THREADS=threads,
        MKL_NUM_THREADS=threads,
    )


def _limit_cores(num_threads: int) -> None:
    """Keeps this process on ``num_threads`` cores where the system can: some frameworks ignore their variables."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-num_threads:])


def _count_weights_bytes(teacher: Any) -> int:
    """Four bytes for each number in the teacher's networks and regressions."""
    return sum(4 * int(part.count_params()) for part in (*teacher.backbones, *teacher.heads, *teacher.ridges))


def _serve(folder: Path, num_threads: int, weights: Sequence[str], requests: IO[str], answers: IO[str]) -> None:
    from benchmarks.memory import compute_growth_bytes, peak_rss_bytes, reset_peak_rss, rss_bytes

    def answer(content: dict[str, Any]) -> None:
        answers.write(json.dumps(content) + "\n")
        answers.flush()

    try:
        _limit_cores(num_threads)
        from edge_runtime.decode import decode_photo
        from train.models.teacher import load_teacher

        frame = np.random.default_rng(0).integers(0, 256, (TIMED_FRAME_PX, TIMED_FRAME_PX, 3), dtype=np.uint8)
        reset_peak_rss()
        before_bytes = rss_bytes()
        start = time.perf_counter()
        teacher = load_teacher(folder, weights)
        load_ms = (time.perf_counter() - start) * 1e3
        teacher.predict([frame])
        answer(
            {
                "load_ms": load_ms,
                "peak_memory_bytes": compute_growth_bytes(before_bytes, peak_rss_bytes()),
                "weights_bytes": _count_weights_bytes(teacher),
            }
        )
    except Exception as error:  # whatever a framework raises becomes the row's note, and the other rows go on
        answer({"error": f"the teacher cannot be loaded: {type(error).__name__}: {error}"})
        return
    for line in requests:
        request = json.loads(line)
        try:
            if request["do"] == "time":
                start = time.perf_counter()
                teacher.predict([frame])
                answer({"latency_ms": (time.perf_counter() - start) * 1e3})
            else:
                pixels = np.asarray(decode_photo(Path(request["path"])).image, dtype=np.uint8)
                answer({"quality": float(np.asarray(teacher.predict([pixels])["quality"]).reshape(-1)[0])})
        except Exception as error:  # likewise
            answer({"error": f"{request.get('path', 'timing')}: {type(error).__name__}: {error}"})


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry of the worker process."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.teacher", description="A teacher that takes requests.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--weights", action="append", default=[])
    options = parser.parse_args(arguments)
    # What libraries print must not stand between the answers: stdout becomes stderr for all but them.
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)
        _serve(options.folder, options.threads, options.weights, sys.stdin, answers)
    return 0


if __name__ == "__main__":
    sys.exit(main())
