"""An adb for tests: its phone is a folder, and benchmark_model's times there depend on threads and XNNPACK.

Copied under the name ``adb`` beside ``setup.json``, which says what is connected; it keeps ``calls.txt``.
"""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent


def main(arguments: list[str]) -> int:
    setup = json.loads((HERE / "setup.json").read_text())
    with (HERE / "calls.txt").open("a") as log:
        log.write(shlex.join(arguments) + "\n")
    if arguments == ["devices"]:
        print("* daemon not running; starting now at tcp:5037\nList of devices attached")
        for serial, state in setup["devices"].items():
            print(f"{serial}\t{state}")
        return 0
    option, serial, action, *rest = arguments
    assert option == "-s" and setup["devices"][serial] == "device", arguments
    if action == "push":
        return push(*rest, is_full=setup.get("is_full", False))
    assert action == "shell" and len(rest) == 1, arguments
    return run(shlex.split(rest[0]), setup)


def push(source: str, target: str, *, is_full: bool) -> int:
    if is_full:
        print("adb: error: failed to copy: remote No space left on device")
        return 1
    shutil.copy(source, find(target))
    return 0


def run(command: list[str], setup: dict[str, Any]) -> int:
    program = command[0].rpartition("/")[2]
    if program == "mkdir":
        find(command[-1]).mkdir(parents=True)
    elif program == "rm":
        shutil.rmtree(find(command[-1]), ignore_errors=True)
    elif program == "chmod":
        find(command[-1]).chmod(int(command[1], 8))
    elif program == "getprop":
        for key, value in setup["properties"].items():
            print(f"[{key}]: [{value}]", end="\r\n")
    elif program == "nproc":
        print(8)
    elif program == "grep":
        for path, text in setup["files"].items():
            print("\n".join(f"{path}:{line}" for line in text.splitlines()))
    elif program == "benchmark_model":
        return run_benchmark_model(command, setup.get("says"))
    else:
        raise AssertionError(command)
    return 0


def run_benchmark_model(command: list[str], says: str | None) -> int:
    assert find(command[0]).stat().st_mode & 0o100, "not executable"
    flags = dict(flag.removeprefix("--").split("=", 1) for flag in command[1:])
    assert find(flags["graph"]).is_file(), flags
    if says:
        print(says)
        return 1
    has_xnnpack = flags["use_xnnpack"] == "true"
    if has_xnnpack:
        print(
            "VERBOSE: Replacing 98 out of 98 node(s) with delegate (TfLiteXNNPackDelegate) node, yielding 1 partitions."
        )
    us = 8000 // int(flags["num_threads"]) * (1 if has_xnnpack else 5)
    print("INFO: Initialized session in 7.5ms.")
    for count, first, most in ((9, us * 2, us * 2), (flags["num_runs"], us, us + 9)):
        print(
            f"INFO: count={count} first={first} curr={us} min={us - 4} max={most} avg={us} std=1 "
            f"p5={us} median={us} p95={us + 8}\n"
        )
    print("INFO: Memory footprint delta from the start of the tool (MB): init=2 overall=4")
    return 0


def find(path: str) -> Path:
    return HERE / "phone" / path.lstrip("/")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
