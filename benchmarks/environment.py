"""What a figure depends on besides the model: processor, system, versions, source revision, load."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from benchmarks.device.board import read_board
from edge_runtime.errors import RuntimeUnavailableError
from edge_runtime.interpreter import select_runtime

__all__ = [
    "collect_environment",
    "compute_sha256",
    "describe_files",
    "read_cpu_kinds",
    "read_int8_dot_product",
    "read_load_average",
    "read_timestamp",
]

PACKAGES = ("numpy", "pillow", "ai-edge-litert", "tflite-runtime", "tensorflow", "keras", "matplotlib")
NATIVE_SUFFIXES = (".so", ".pyd", ".dll", ".dylib")
_CPUINFO = Path("/proc/cpuinfo")
_INT8_DOT_PRODUCTS = frozenset({"avx512_vnni", "avx_vnni", "asimddp"})  # as Linux calls them there
REPOSITORY = Path(__file__).resolve().parents[1]


def collect_environment() -> dict[str, Any]:
    """A JSON object that names this machine and its software; nothing that names its owner.

    ``cpu_governors`` is None where the kernel does not tell, as in most virtual machines, and so is
    ``cpu_int8_dot_product`` (:func:`read_int8_dot_product`).
    """
    try:
        _, runtime_name = select_runtime()
    except RuntimeUnavailableError as error:
        runtime_name = f"none: {error}"
    return {
        "cpu": _read_cpu_name(),
        "cpu_int8_dot_product": read_int8_dot_product(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "cores_usable": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "os": _read_system(),
        "python": platform.python_version(),
        "runtime": runtime_name,
        "runtime_build": _read_runtime_build(runtime_name.split()[0]),
        "cpu_governors": sorted(set(read_board()["governors"].values())) or None,
        "packages": {name: version for name in PACKAGES if (version := _read_version(name))},
        "source_revision": _read_revision(),
    }


def describe_files(paths: Iterable[Path]) -> list[dict[str, str]]:
    """Path and digest of each, as JSON values."""
    return [{"path": str(path), "sha256": compute_sha256(path)} for path in paths]


def read_load_average() -> list[float] | None:
    """Load over 1, 5 and 15 minutes: above the number of models' threads, something else was working too."""
    return [round(value, 2) for value in os.getloadavg()] if hasattr(os, "getloadavg") else None


def read_timestamp() -> str:
    """Now, in UTC, ISO 8601 to the second."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def compute_sha256(path: Path) -> str:
    """Hex digest of a file, or of the names and contents of the files right inside a folder, sorted by name.

    What lies deeper in an artifact's folder is left from making it, and can be large.
    """
    digest = hashlib.sha256()
    for part in [path] if path.is_file() else sorted(part for part in path.iterdir() if part.is_file()):
        if part != path:
            digest.update(part.name.encode() + b"\0")
        with part.open("rb") as stream:
            for block in iter(lambda: stream.read(1 << 20), b""):
                digest.update(block)
    return digest.hexdigest()


def read_cpu_kinds() -> frozenset[str]:
    """What a processor tells of itself that decides which of two models is faster on it.

    Its maker, "AuthenticAMD" or "GenuineIntel" of x86 processors, and "no_int8_dot_product"
    (:func:`read_int8_dot_product`); empty where nothing tells.
    """
    kinds = {_read_cpu_field("vendor_id")} - {""}
    return frozenset(kinds | {"no_int8_dot_product"} if read_int8_dot_product() is False else kinds)


def read_int8_dot_product() -> bool | None:
    """Whether one instruction adds up products of 8-bit numbers, without which int8 is no faster than float.

    On x86 that is VNNI (AVX-512's or AVX's), on ARM the extension that Linux calls asimddp. None where nothing tells.
    """
    features = set(_read_cpu_field("flags", "Features").split())
    return bool(features & _INT8_DOT_PRODUCTS) if features else None


def _read_cpu_name() -> str:
    name = _read_cpu_field("model name", "Model", "Hardware") or platform.processor() or platform.machine()
    return f"{name}, no int8 dot product" if read_int8_dot_product() is False else name


def _read_cpu_field(*names: str) -> str:
    """The first field of /proc/cpuinfo that has one of the names, or nothing."""
    if _CPUINFO.is_file():
        for line in _CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() in names:
                return value.strip()
    return ""


def _read_system() -> str:
    """The system and its release, without a builder's private suffix: "Linux 6.1.0, glibc 2.36"."""
    library, version = platform.libc_ver()
    return f"{platform.system()} {platform.release().split('-')[0]}" + (f", {library} {version}" if library else "")


def _read_version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _read_runtime_build(package: str) -> str | None:
    """The wheel's tag and a digest of its native libraries: XNNPACK is one of them and tells no version of its own."""
    try:
        distribution = importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError:
        return None
    wheel = distribution.read_text("WHEEL") or ""
    tags = [line.partition(":")[2].strip() for line in wheel.splitlines() if line.startswith("Tag:")]
    libraries = sorted(
        f"{file.name} {file.hash.value}"
        for file in distribution.files or ()
        if file.hash is not None and file.suffix in NATIVE_SUFFIXES
    )
    return f"{' '.join(tags)}, libraries {hashlib.sha256(' '.join(libraries).encode()).hexdigest()[:12]}"


def _read_revision() -> str | None:
    """The checkout's commit, marked when files differ from it; None outside a checkout."""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None
