"""The shipped models give the same scores on ARM: run by an aarch64 Python, emulated or real, held against this one.

Needs an aarch64 Python with numpy, Pillow and LiteRT that this machine can start, under ``qemu-user`` or by itself:
$PHOTOGATE_ARM_PYTHON, or the file below. docs/benchmarks-device.md says how to make one in two minutes.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.device.pack import PackOptions, run_pack
from benchmarks.device.record import ALIKE
from edge_runtime.model_file import unpack_model
from edge_runtime.models import list_models
from edge_runtime.views import make_view

ARM_PYTHON = Path("~/.cache/photogate/arm64/usr/bin/photogate-arm-python").expanduser()
TIMEOUT_S = 600
pytestmark = pytest.mark.slow  # under emulation
# What is compared: all outputs for views made beforehand, and whole scores from the photos' bytes on.
SCRIPT = """\
import json, platform, sys
from dataclasses import astuple
from pathlib import Path
import numpy as np
from edge_runtime import PhotoScorer
from edge_runtime.model_file import unpack_model
from edge_runtime.interpreter import Interpreter

model, views, *photos = map(Path, sys.argv[1:])
interpreter = Interpreter(unpack_model(model)[0])
outputs = []
for view in np.load(views):
    answer = interpreter.invoke(view)
    outputs.append({name: answer[name].ravel().tolist() for name in sorted(answer)})
with PhotoScorer.from_file(model) as scorer:
    scores = []
    for photo in photos:
        score = scorer.score(photo)
        scores.append([score.quality, *map(astuple, (score.attributes, score.category, score.style))])
runtime = interpreter.runtime_name
print(json.dumps({"machine": platform.machine(), "runtime": runtime, "outputs": outputs, "scores": scores}))
"""


@pytest.fixture(scope="module")
def arm_python() -> str:
    python = os.environ.get("PHOTOGATE_ARM_PYTHON", str(ARM_PYTHON))
    if not Path(python).is_file():
        pytest.skip(
            f"needs an aarch64 Python with numpy, Pillow and ai-edge-litert: no file {python}; make one as "
            "docs/benchmarks-device.md says (qemu-user-static), or set PHOTOGATE_ARM_PYTHON"
        )
    done = _run(python, ["-c", "import platform, ai_edge_litert, numpy, PIL; print(platform.machine())"])
    if done.returncode != 0:
        pytest.skip(f"needs an aarch64 Python that runs; {python} says: {done.stderr.strip().splitlines()[-1:]}")
    assert done.stdout.strip() in ("aarch64", "arm64"), f"{python} is no aarch64 Python: {done.stdout}"
    return python


@pytest.fixture(scope="module")
def photos(examples_dir: Path) -> list[Path]:
    found = sorted(examples_dir.glob("*.jpg"))
    assert len(found) >= 6
    return found


@pytest.mark.parametrize("model", list_models(), ids=lambda model: model.stem)
def test_same_scores_as_here(arm_python: str, model: Path, photos: list[Path], checkout: Path, tmp_path: Path) -> None:
    """Int8 is exact; the last layer, which is float, may add up in another order."""
    from PIL import Image

    _, contract = unpack_model(model)
    views = tmp_path / "views.npy"
    np.save(views, np.stack([make_view(Image.open(photo).convert("RGB"), contract.view) for photo in photos]))
    arguments = ["-c", SCRIPT, str(model), str(views), *map(str, photos)]
    here, arm = (_run_json(python, arguments, checkout) for python in (sys.executable, arm_python))
    if here["runtime"] != arm["runtime"]:
        pytest.skip(f"needs one version of LiteRT in both: {here['runtime']} here, {arm['runtime']} on ARM")
    assert arm["machine"] in ("aarch64", "arm64")
    assert len({json.dumps(answer) for answer in here["outputs"]}) == len(photos)  # the photos are told apart
    for name in here["outputs"][0]:
        a, b = ([answer[name] for answer in machine["outputs"]] for machine in (here, arm))
        np.testing.assert_allclose(b, a, rtol=0, atol=ALIKE, err_msg=name)
    for arm_score, score in zip(arm["scores"], here["scores"], strict=True):
        _check_same(arm_score, score)


def test_packed_benchmark_runs_on_arm(arm_python: str, tmp_path: Path) -> None:
    packed = run_pack(PackOptions(out=tmp_path / "photogate-device.pyz"))
    out = tmp_path / "arm.json"
    arguments = ["bench", "--threads", "1", "--rounds", "1", "--processes", "1", "--out", str(out)]
    done = _run(arm_python, [str(packed), *arguments], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    document = json.loads(out.read_text())
    assert document["environment"]["machine"] in ("aarch64", "arm64")
    assert document["models"][0]["delegate_partitions"] == 1
    assert document["models"][0]["load_ms"] > 0
    note = next(note for note in document["notes"] if "against" in note)
    if document["environment"]["runtime"] in note:  # the same LiteRT packed it
        assert "outputs identical to the last bit" in note or "outputs alike" in note
    assert any("emulated" in note for note in document["notes"]) == (platform.machine() == "x86_64")


def _check_same(one: Any, other: Any) -> None:
    """Equal, numbers to a thousandth of a point."""
    if isinstance(one, list):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            _check_same(a, b)
    else:
        assert one == (other if isinstance(other, str) else pytest.approx(other, rel=0, abs=100 * ALIKE))


def _run(python: str, arguments: list[str], cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(cwd or "")}
    return subprocess.run(
        [python, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )


def _run_json(python: str, arguments: list[str], checkout: Path) -> dict[str, Any]:
    done = _run(python, arguments, cwd=checkout)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
