"""What is built and what it needs: the wheel, its dependencies, its size, and the scripts around them."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path
from typing import Any

import pytest

from edge_runtime._version import __version__

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MAX_INSTALLED_BYTES = 75_000_000  # of `pip install .`, numpy not counted
HEAVY_MODULES = ("cv2", "keras", "matplotlib", "scipy", "tensorflow", "tf_keras", "train", "compress", "benchmarks")


@pytest.fixture(scope="module")
def project(checkout: Path) -> dict[str, Any]:
    with (checkout / "pyproject.toml").open("rb") as file:
        return tomllib.load(file)


@pytest.fixture(scope="module")
def wheel(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the tree so that nothing an earlier build left gets into it."""
    pytest.importorskip("setuptools", minversion="77", reason="needs setuptools>=77 to build the wheel")
    tree = tmp_path_factory.mktemp("tree")
    for name in ("edge_runtime", "train", "compress", "benchmarks", "examples", "tests"):
        shutil.copytree(checkout / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy2(checkout / name, tree)
    folder = tmp_path_factory.mktemp("wheel")
    build = f"from setuptools import build_meta; print(build_meta.build_wheel({str(folder)!r}))"
    done = subprocess.run([sys.executable, "-c", build], cwd=tree, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / done.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def test_wheel_holds_edge_runtime_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.split("/", 1)[0] for name in archive.namelist()}
    assert tops == {"edge_runtime", f"photogate-{__version__}.dist-info"}


def test_wheel_holds_every_module_model_card_and_policy(wheel: Path, checkout: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if name.startswith("edge_runtime/")}
    data = ("models/*.tflite", "models/*.md", "gate/*/*.toml", "gate/locale/**/*.[mp]o", "report/templates/*.html")
    patterns = ("**/*.py", "py.typed", *data)
    wanted = {path for pattern in patterns for path in (checkout / "edge_runtime").glob(pattern)}
    assert packed == {path.relative_to(checkout).as_posix() for path in wanted}
    assert "edge_runtime/py.typed" in packed
    for name in ("photogate-large", "photogate-small"):
        assert f"edge_runtime/models/{name}.tflite" in packed
        assert f"edge_runtime/models/{name}.md" in packed
    assert "edge_runtime/gate/policies/default.toml" in packed
    assert "edge_runtime/gate/packs/ebay.toml" in packed
    assert "edge_runtime/gate/locale/zh/LC_MESSAGES/photogate.mo" in packed
    assert "edge_runtime/report/templates/report.html" in packed


def test_every_model_has_its_card(checkout: Path) -> None:
    models = {path.stem for path in (checkout / "edge_runtime" / "models").glob("*.tflite")}
    cards = {path.stem for path in (checkout / "edge_runtime" / "models").glob("*.md")}
    assert models and models <= cards


def test_wheel_metadata(unpacked: Path) -> None:
    folder = unpacked / f"photogate-{__version__}.dist-info"
    metadata = Parser().parsestr((folder / "METADATA").read_text(encoding="utf-8"))
    assert metadata["Name"] == "photogate"
    assert metadata["Version"] == __version__
    assert metadata["License-Expression"] == "Apache-2.0"
    needed = {_name(line) for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line}
    assert needed == {"ai-edge-litert", "numpy", "pillow", "tomli"}
    scripts = (folder / "entry_points.txt").read_text(encoding="utf-8")
    assert "photogate = edge_runtime.cli.main:main" in scripts
    assert list(folder.glob("licenses/LICENSE"))


def test_wheel_scores_without_the_checkout(unpacked: Path, examples_dir: Path, tmp_path: Path) -> None:
    """The unpacked wheel alone, in an empty folder, scores photos and imports nothing heavy."""
    script = (
        "import json, sys\n"
        "from edge_runtime.cli.main import main\n"
        "code = main(['score', '--format', 'jsonl', *sys.argv[1:]])\n"
        "file = sys.modules['edge_runtime'].__file__\n"
        "print(json.dumps({'code': code, 'modules': sorted(sys.modules), 'file': file}))\n"
    )
    photo = examples_dir / "mug-good.jpg"
    done = subprocess.run(
        [sys.executable, "-c", script, str(photo)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(unpacked)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    score, told = (json.loads(line) for line in done.stdout.splitlines())
    assert told["code"] == 0
    assert Path(told["file"]).is_relative_to(unpacked)
    assert score["path"] == str(photo)
    assert 0 <= score["quality"] <= 100
    assert not set(HEAVY_MODULES) & set(told["modules"])


def test_installed_size(project: dict[str, Any], checkout: Path) -> None:
    """Everything `pip install .` brings, numpy not counted, fits in 75 MB."""
    pytest.importorskip("packaging", reason="needs packaging to read the requirements")
    sizes_bytes = _sizes_of_requirements(project["project"]["dependencies"])
    sizes_bytes["photogate"] = sum(
        path.stat().st_size for path in (checkout / "edge_runtime").rglob("*") if path.is_file()
    )
    assert {"ai-edge-litert", "numpy", "pillow", "photogate"} <= set(sizes_bytes)
    counted = {name: size for name, size in sizes_bytes.items() if name != "numpy"}
    table = ", ".join(f"{name} {size / 1e6:.1f} MB" for name, size in sorted(counted.items()))
    assert sum(counted.values()) <= MAX_INSTALLED_BYTES, table


def test_extras(project: dict[str, Any]) -> None:
    extras: dict[str, list[str]] = project["project"]["optional-dependencies"]
    for name, requirements in extras.items():
        for requirement in requirements:
            if _name(requirement) == "photogate":
                inner = re.findall(r"[\w-]+", requirement.partition("[")[2])
                assert set(inner) <= set(extras) - {name}, requirement
    everything = " ".join(extras["dev"])
    assert all(extra in everything for extra in ("train", "compress", "bench", "camera", "report"))
    assert {"heif", "tflite"} <= set(extras)


def test_changelog_has_a_section_for_the_version(checkout: Path) -> None:
    changelog = (checkout / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## \[(\d+\.\d+\.\d+)\] - (unreleased|\d{4}-\d\d-\d\d)$", changelog, re.MULTILINE)
    assert newest is not None and newest[1] == __version__


def test_files_that_the_readme_names_exist(checkout: Path) -> None:
    docs = [f"docs/{path.name}" for path in sorted((checkout / "docs").glob("*.md"))]
    for page in ("README.md", "CONTRIBUTING.md", "examples/README.md", *docs):
        text = (checkout / page).read_text(encoding="utf-8")
        linked = [target for target in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in target]
        named = re.findall(r"(?:train|compress|edge_runtime|examples)/[\w/.-]+\.(?:toml|py|md|jpg)", text)
        for target in [*((checkout / page).parent / link for link in linked), *(checkout / name for name in named)]:
            assert target.is_file(), f"{page} names {target.relative_to(checkout)}, which is missing"


def test_ci_script_is_executable_and_parses(checkout: Path) -> None:
    script = checkout / ".ci" / "run"
    assert os.access(script, os.X_OK)
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("needs bash")
    subprocess.run([bash, "-n", str(script)], check=True)


def _name(requirement: str) -> str:
    found = re.match(r"[\w.-]+", requirement)
    assert found is not None, requirement
    return found[0].lower().replace("_", "-")


def _sizes_of_requirements(requirements: list[str]) -> dict[str, int]:
    """Installed size in bytes of the requirements and all they need in turn, by distribution, as installed here."""
    from packaging.requirements import Requirement

    sizes: dict[str, int] = {}
    waiting = [Requirement(text) for text in requirements]
    while waiting:
        requirement = waiting.pop()
        name = _name(requirement.name)
        if name in sizes or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        distribution = importlib.metadata.distribution(requirement.name)
        if distribution.version not in requirement.specifier:
            pytest.skip(f"needs {requirement}, as `pip install .` brings it; here is {distribution.version}")
        files = [Path(str(file.locate())) for file in distribution.files or []]
        sizes[name] = sum(file.stat().st_size for file in files if file.is_file())
        waiting += [Requirement(text) for text in distribution.requires or []]
    return sizes
