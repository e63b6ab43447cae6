"""The pickles are written here, with small kernels in the places of VGG16's."""

from __future__ import annotations

import os
import pickle
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from train.models.flax_checkpoint import read_vgg16, to_caffe_input


def build_parameters() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    widths = [3, *[2] * 13]
    layers = {
        f"Conv_{index}": {
            "kernel": rng.normal(size=(3, 3, before, after)).astype(np.float32),
            "bias": rng.normal(size=after).astype(np.float32),
        }
        for index, (before, after) in enumerate(pairwise(widths))
    }
    return {"VGG16_0": layers, "NetLinLayer_0": {"Conv_0": {"kernel": np.ones((1, 1, 2, 1), np.float32)}}}


def write(path: Path, content: object) -> Path:
    path.write_bytes(pickle.dumps(content, protocol=3))
    return path


def test_convolutions_come_in_turn(tmp_path: Path) -> None:
    parameters = build_parameters()
    arrays = read_vgg16(write(tmp_path / "vgg16.ckpt", parameters))
    assert len(arrays) == 26 and all(values.dtype == np.float32 for values in arrays)
    for index in range(1, 13):  # Conv_10 behind Conv_9, not behind Conv_1
        layer = parameters["VGG16_0"][f"Conv_{index}"]
        np.testing.assert_array_equal(arrays[2 * index], layer["kernel"])
        np.testing.assert_array_equal(arrays[2 * index + 1], layer["bias"])


def test_the_first_convolution_says_the_same_of_the_other_input() -> None:
    rng = np.random.default_rng(1)
    kernel, bias = rng.normal(size=(3, 3, 3, 4)).astype(np.float32), rng.normal(size=4).astype(np.float32)
    patch = rng.uniform(0, 255, (3, 3, 3))
    normalised = (patch / 255 - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)
    expected = np.einsum("hwi,hwio->o", normalised, kernel) + bias
    moved_kernel, moved_bias = to_caffe_input(kernel, bias)
    caffe = (patch - (123.68, 116.779, 103.939))[:, :, ::-1]
    np.testing.assert_allclose(np.einsum("hwi,hwio->o", caffe, moved_kernel) + moved_bias, expected, rtol=1e-4)


class _Command:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("made-by-a-pickle",)


def test_a_pickle_that_would_run_something_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"it asks for (posix|nt)\.mkdir"):
        read_vgg16(write(tmp_path / "vgg16.ckpt", {"VGG16_0": _Command()}))
    assert not (tmp_path / "made-by-a-pickle").exists()


def test_other_and_damaged_files_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "vgg16.ckpt", build_parameters())
    content = path.read_bytes()
    for part in (b"", content[: len(content) // 2], b"PK\3\4 no pickle", b"\x80\x03."):
        path.write_bytes(part)
        with pytest.raises(ValueError, match="not the parameters of a network from Flax"):
            read_vgg16(path)
    others: tuple[object, ...] = ({"AlexNet_0": {}}, [1, 2])
    for other in others:
        with pytest.raises(ValueError, match="there is no VGG16 in it"):
            read_vgg16(write(path, other))
    for wrong in ({"VGG16_0": 5}, {"VGG16_0": {"Conv_0": 5}}):
        with pytest.raises(ValueError, match="what it calls a convolution is none"):
            read_vgg16(write(path, wrong))
    parameters = build_parameters()
    del parameters["VGG16_0"]["Conv_12"]
    with pytest.raises(KeyError, match="Conv_12"):
        read_vgg16(write(path, parameters))
