"""Imports point one way, compress → train → edge_runtime ← benchmarks, and one file knows the interpreters."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

FORBIDDEN = {
    "edge_runtime": {"train", "compress", "benchmarks", "tensorflow", "tf_keras", "keras"},
    "train": {"compress", "benchmarks"},
    "compress": {"benchmarks"},
}
INTERPRETERS = {"ai_edge_litert", "tflite_runtime"}


def imported_modules(path: Path) -> Iterator[tuple[str, int]]:
    """Top-level names that a file imports anywhere, also by ``import_module("name")``, with their line."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            yield from ((alias.name.split(".")[0], node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0], node.lineno
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            head = node.value.split(".")[0]
            if head in INTERPRETERS:
                yield head, node.lineno


def list_sources(checkout: Path, package: str) -> list[Path]:
    sources = sorted((checkout / package).rglob("*.py"))
    assert sources, f"{package}/ has no Python files: this test would check nothing"
    return sources


@pytest.mark.parametrize("package", sorted(FORBIDDEN))
def test_imports_point_one_way(checkout: Path, package: str) -> None:
    breaches = [
        f"{path.relative_to(checkout)}:{line} imports {name}"
        for path in list_sources(checkout, package)
        for name, line in imported_modules(path)
        if name in FORBIDDEN[package]
    ]
    assert not breaches


def test_only_one_file_of_the_runtime_knows_the_interpreters(checkout: Path) -> None:
    users = {
        path.relative_to(checkout).as_posix()
        for path in list_sources(checkout, "edge_runtime")
        for name, _ in imported_modules(path)
        if name in INTERPRETERS
    }
    assert users == {"edge_runtime/interpreter.py"}
