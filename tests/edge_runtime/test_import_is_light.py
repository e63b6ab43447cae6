"""``import edge_runtime`` is quick and brings nothing heavy along; neither does scoring a photo."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = (
    "tensorflow",
    "keras",
    "tf_keras",
    "av",
    "cv2",
    "imagehash",
    "jinja2",
    "matplotlib",
    "scipy",
    "skimage",
    "PIL.ImageCms",
)


@pytest.mark.parametrize(
    "statement",
    [
        "import edge_runtime",
        "import edge_runtime.cli.main",
        "import edge_runtime, numpy; edge_runtime.PhotoScorer.default().score(numpy.zeros((99, 99, 3), 'uint8'))",
    ],
)
def test_nothing_heavy_is_imported(package_environment: dict[str, str], statement: str) -> None:
    code = f"{statement}\nimport sys\nprint(*[name for name in {HEAVY!r} if name in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", code], env=package_environment, capture_output=True, text=True, check=True, timeout=120
    )
    assert result.stdout.strip() == ""


def test_import_takes_at_most_three_tenths_of_a_second_of_a_core(package_environment: dict[str, str]) -> None:
    """Or 3.5 times what numpy alone takes, where a crowded machine needs longer for that, too."""

    def measure(module: str) -> float:
        # Of the processor, not of the clock: the machine may be busy with other things.
        code = f"from time import process_time as now\nt = now()\nimport {module}\nprint(now() - t)"
        return float(subprocess.check_output([sys.executable, "-c", code], env=package_environment, timeout=120))

    # The best of a few: the first writes byte code.
    ours, numpys = (min(measure(module) for _ in range(5)) for module in ("edge_runtime", "numpy"))
    assert ours <= max(0.3, 3.5 * numpys)


def test_interpreter_is_imported_only_when_needed(package_environment: dict[str, str]) -> None:
    code = "import edge_runtime, sys\nprint('ai_edge_litert' in sys.modules, 'argparse' in sys.modules)"
    output = subprocess.check_output([sys.executable, "-c", code], env=package_environment, text=True, timeout=120)
    assert output.split() == ["False", "False"]
