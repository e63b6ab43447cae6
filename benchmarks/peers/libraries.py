"""Measures of maintained libraries, each imported when it is opened; where one is absent, what to install is said.

BRISQUE is OpenCV's: ``brisque`` 0.2.0, which also offers it, fails with numpy 2.4. NIQE is pyiqa's, the only one found
that gives what its authors' MATLAB code gives; ``scikit-video`` 1.1.11 calls a function that SciPy no longer has, and
``niqe`` 0.1.1 comes without its parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from edge_runtime.errors import ModelError, UsageError

__all__ = [
    "BRISQUE_FILES",
    "CLEANVISION_ISSUES",
    "NIQE_FILE",
    "import_library",
    "open_brisque",
    "open_cleanvision",
    "open_laplacian",
    "open_niqe",
]

BRISQUE_FILES = ("brisque_model_live.yml", "brisque_range_live.yml")
"""As they lie in opencv_contrib, modules/quality/samples: trained on the LIVE database."""
NIQE_FILE = "niqe_modelparameters.mat"
"""The authors' parameters; without the file pyiqa fetches it, once."""
CLEANVISION_ISSUES = ("blurry", "dark", "light", "low_information")
"""Those about a photo's quality. Left out: odd size and duplicates, which compare photos with each other, and odd
aspect ratio and grayscale, which are no faults of quality."""


def import_library(name: str, install: str) -> Any:
    """Imports a module.

    Args:
        name: of the module.
        install: what brings it, as pip takes it.

    Raises:
        UsageError: it is not installed, or cannot be imported.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise UsageError(f"not installed ({error}): pip install {install}") from error


def open_laplacian() -> Callable[[Image.Image], float]:
    """Variance of the Laplacian of the grey picture.

    Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy", ICPR 2000; OpenCV's 3x3 operator.

    Raises:
        UsageError: OpenCV is absent.
    """
    cv2 = _import_opencv()

    def score(picture: Image.Image) -> float:
        grey = cv2.cvtColor(np.asarray(picture), cv2.COLOR_RGB2GRAY)
        return float(cv2.Laplacian(grey, cv2.CV_64F).var())

    return score


def open_brisque(folder: Path) -> Callable[[Image.Image], float]:
    """OpenCV's BRISQUE, 0 (best) to 100.

    Args:
        folder: holds :data:`BRISQUE_FILES`.

    Raises:
        UsageError: OpenCV's contributed modules or the files are absent.
        ModelError: OpenCV refuses the files.
    """
    cv2 = _import_opencv()
    if not hasattr(cv2, "quality"):
        raise UsageError(
            "this OpenCV lacks its module quality: pip uninstall opencv-python opencv-python-headless; "
            "pip install opencv-contrib-python-headless"
        )
    paths = [folder / name for name in BRISQUE_FILES]
    absent = [str(path) for path in paths if not path.is_file()]
    if absent:
        raise UsageError(f"not found: {', '.join(absent)}; they lie in opencv_contrib, modules/quality/samples")
    try:
        measure = cv2.quality.QualityBRISQUE_create(*map(str, paths))
    except cv2.error as error:
        raise ModelError(f"{paths[0]}: OpenCV refuses the model: {error}") from error
    return lambda picture: float(measure.compute(cv2.cvtColor(np.asarray(picture), cv2.COLOR_RGB2BGR))[0])


def open_niqe(folder: Path) -> Callable[[Image.Image], float]:
    """pyiqa's NIQE on the CPU, one thread.

    Args:
        folder: may hold :data:`NIQE_FILE`.

    Raises:
        UsageError: pyiqa is absent.
    """
    torch = import_library("torch", "pyiqa")
    torch.set_num_threads(1)
    pyiqa = import_library("pyiqa", "pyiqa")
    path = folder / NIQE_FILE
    given = {"pretrained_model_path": str(path)} if path.is_file() else {}
    measure = pyiqa.create_metric("niqe", device="cpu", **given)

    def score(picture: Image.Image) -> float:
        pixels = np.asarray(picture, dtype=np.float32) / np.float32(255)
        return float(measure(torch.from_numpy(pixels).permute(2, 0, 1)[None]))

    return score


def open_cleanvision(issue: str) -> Callable[[Any], Callable[[Image.Image], float]]:
    """An opener of one of cleanvision's scores, with the library's own settings.

    Args:
        issue: one of :data:`CLEANVISION_ISSUES`.
    """

    def open_it(files: Any) -> Callable[[Image.Image], float]:
        module = import_library("cleanvision.issue_managers.image_property_issue_manager", "cleanvision")
        pandas = import_library("pandas", "cleanvision")
        manager = module.ImagePropertyIssueManager()
        found = manager.image_properties[issue]
        settings = {name: value for name, value in manager.params[issue].items() if name != "threshold"}

        def score(picture: Image.Image) -> float:
            raw = pandas.DataFrame([found.calculate(picture)])
            return float(found.get_scores(raw_scores=raw, issue_type=issue, **settings).iloc[0, 0])

        return score

    return open_it


def _import_opencv() -> Any:
    cv2 = import_library("cv2", "opencv-python")
    cv2.setNumThreads(1)
    return cv2
