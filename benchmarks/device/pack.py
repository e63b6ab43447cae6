"""One file to copy onto a board: the benchmark, the modules it needs, the models, and what they answer here."""

from __future__ import annotations

import ast
import io
import json
import platform
import tempfile
import zipapp
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.device.bench import PACKED, name_models
from benchmarks.device.fingerprint import compute_fingerprint
from benchmarks.environment import collect_environment, compute_sha256
from benchmarks.fresh_process import REPOSITORY
from edge_runtime.interpreter import quiet_native_log
from edge_runtime.output_file import check_output, write_output

__all__ = ["PackOptions", "list_sources", "run_pack"]

ENTRY = "benchmarks.device.__main__"
OWN_PACKAGES = ("benchmarks", "edge_runtime")
# In place of edge_runtime/__init__.py, which imports Pillow: a board that only runs models need not have it.
BARE_INIT = '"""The part of photogate\'s runtime that runs a model; it decodes no photos."""\n'
# Written for any Python 3, so that an old one says what it lacks instead of a SyntaxError.
MAIN = """\
import sys

if sys.version_info < (3, 10):
    sys.exit("photogate-device: needs Python 3.10 or newer, this is %s" % sys.version.split()[0])
try:
    import numpy
except ImportError as error:
    sys.exit("photogate-device: needs numpy (%s): pip install numpy ai-edge-litert" % error)
from benchmarks.device.__main__ import main

sys.exit(main())
"""


@dataclass(frozen=True)
class PackOptions:
    """What the command line asks for.

    Attributes:
        models: files to put in; empty: the one that ships.
        out: the file to make, best ending in .pyz.
        is_forced: replace it.
    """

    models: tuple[Path, ...] = ()
    out: Path = Path("photogate-device.pyz")
    is_forced: bool = False


def run_pack(options: PackOptions) -> Path:
    """Makes the file, an executable ZIP archive as of PEP 441.

    Returns:
        Its path.

    Raises:
        UsageError: it exists already, cannot be written, or two models have the same name.
        ModelError: a model cannot be read or run.
    """
    check_output(options.out, force=options.is_forced)
    models = tuple(name_models(options.models).values())
    environment = collect_environment()
    with quiet_native_log():
        fingerprints = {compute_sha256(path): compute_fingerprint(path) for path in models}
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        for module, source in list_sources().items():
            target = tree / source.relative_to(REPOSITORY)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(BARE_INIT if module == "edge_runtime" else source.read_text("utf-8"), "utf-8")
        room = tree / "benchmarks" / "device"
        for path in models:
            (room / path.name).write_bytes(path.read_bytes())
        packed = {
            "models": [path.name for path in models],
            "source_revision": environment["source_revision"],
            "machine": f"{environment['cpu']} ({platform.machine()})",
            "runtime": environment["runtime"],
            "fingerprints": fingerprints,
        }
        (room / PACKED).write_text(json.dumps(packed), "utf-8")
        (tree / "__main__.py").write_text(MAIN, "utf-8")
        write_output(options.out, _build_archive(tree), force=options.is_forced)
    return options.out


def list_sources(entry: str = ENTRY) -> dict[str, Path]:
    """The modules of this checkout that ``entry`` imports, at once or later on: name → file.

    Of a package, what its ``__init__`` imports counts too, but not of edge_runtime's own: see BARE_INIT.
    """
    found: dict[str, Path] = {}
    waiting = [entry]
    while waiting:
        module = waiting.pop()
        source = _find_source(module)
        if source is None or module in found:
            continue
        found[module] = source
        parent = module.rpartition(".")[0]
        waiting += [parent] if parent else []
        if module != "edge_runtime":
            waiting += _list_imports(source)
    return found


def _build_archive(tree: Path) -> bytes:
    archive = io.BytesIO()
    zipapp.create_archive(tree, archive, interpreter="/usr/bin/env python3", compressed=True)
    return archive.getvalue()


def _list_imports(source: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"), str(source))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)  # a module, or nothing of that name


def _find_source(module: str) -> Path | None:
    if module.partition(".")[0] not in OWN_PACKAGES:
        return None
    path = REPOSITORY.joinpath(*module.split("."))
    return next((file for file in (path / "__init__.py", path.with_suffix(".py")) if file.is_file()), None)
