"""The student is MobileNetV3 as Keras has it, but for its activations, and its heads answer in the agreed ranges."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_runtime.errors import UsageError

tf = pytest.importorskip("tensorflow")
tf_keras = pytest.importorskip("tf_keras")

from train.models.mobilenet_v3 import LARGE, SMALL, round_channels  # noqa: E402
from train.models.student import OUTPUT_NAMES, StudentSpec, build_student, load_backbone_weights  # noqa: E402

SIZE_PX = 64
# The layers between a ReLU and the convolution behind it, which are balanced for int8 when ImageNet weights come in.
BALANCED = {"Conv_bn", "block0_depthwise", "block0_depthwise_bn", "block0_se_reduce", "block0_project_bn"} | {
    f"block{index}_{name}"
    for index in (0, 1, 2)
    for name in ("expand_bn", "depthwise", "depthwise_bn", "project", "project_bn")
}
CATEGORIES, STYLES = ("bags", "food", "toys"), ("studio", "tabletop")


def make_spec(variant: str = "small", **options: Any) -> StudentSpec:
    return StudentSpec(variant, SIZE_PX, CATEGORIES, STYLES, **{"hidden_units": 16, **options})


def draw_views(count: int = 3) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (count, SIZE_PX, SIZE_PX, 3)).astype(np.float32)


def find_backbone(student: Any) -> Any:
    return tf_keras.Model(student.input, student.get_layer("last_mean").input)


@pytest.fixture(scope="module")
def small() -> Any:
    return build_student(make_spec())


@pytest.fixture(scope="session")
def shared_weights(checkout: Path) -> Path:
    """The folder of ImageNet starting weights, ``weights/`` in $PHOTOGATE_SHARED or in ``../shared``."""
    weights = Path(os.environ.get("PHOTOGATE_SHARED") or checkout.parent / "shared") / "weights"
    if not (weights / "mobilenet_v3_small_imagenet.npz").is_file():
        pytest.skip("needs ../shared/weights: no mobilenet_v3_small_imagenet.npz there; set PHOTOGATE_SHARED")
    return weights


@pytest.mark.parametrize(
    ("variant", "is_minimalistic", "is_deploy"),
    [("small", False, False), ("small", False, True), ("large", False, True), ("large", True, False)],
)
def test_outputs_have_the_agreed_shapes_and_ranges(variant: str, is_minimalistic: bool, is_deploy: bool) -> None:
    model = build_student(make_spec(variant, is_minimalistic=is_minimalistic), is_deploy=is_deploy)
    outputs = {name: np.asarray(values) for name, values in model(draw_views()).items()}
    assert set(outputs) == set(OUTPUT_NAMES)
    shapes = {name: values.shape for name, values in outputs.items()}
    assert shapes == {"quality": (3, 1), "attributes": (3, 5), "category": (3, 3), "style": (3, 2)}
    for name in ("quality", "attributes"):
        assert (outputs[name] >= 0).all() and (outputs[name] <= 1).all()
    kinds = {type(layer).__name__ for layer in model.layers}
    assert kinds.isdisjoint({"BatchNormalization", "Rescaling", "Dropout"}) is is_deploy


def test_saturated_heads_stay_in_range_and_logits_do_not(small: Any) -> None:
    weights = small.get_weights()
    small.set_weights([50 * w if w.ndim == 2 else w + 9 * (w.ndim == 1) for w in weights])
    outputs = {name: np.asarray(values) for name, values in small(draw_views()).items()}
    small.set_weights(weights)
    assert outputs["quality"].min() >= 0 and outputs["attributes"].max() <= 1
    assert max(np.abs(outputs["category"]).max(), np.abs(outputs["style"]).max()) > 1


def randomize(model: Any) -> None:
    """Weights that keep the size of activations, and batch statistics that differ from channel to channel."""
    rng = np.random.default_rng(7)
    for layer in model.layers:
        weights = [np.asarray(weight) for weight in layer.get_weights()]
        if isinstance(layer, tf_keras.layers.BatchNormalization):
            low, high = np.array([0.8, -0.1, -0.1, 0.5]), np.array([1.2, 0.1, 0.1, 1.5])
            layer.set_weights([rng.uniform(low[i], high[i], w.shape) for i, w in enumerate(weights)])
        elif weights:
            kernel = weights[0]
            is_depthwise = isinstance(layer, tf_keras.layers.DepthwiseConv2D)
            fan_in = np.prod(kernel.shape[:2] if is_depthwise else kernel.shape[:-1])
            layer.set_weights(
                [rng.normal(0, (2 / fan_in) ** 0.5, kernel.shape), *(rng.normal(0, 0.1, b.shape) for b in weights[1:])]
            )


@pytest.mark.parametrize(("variant", "is_minimalistic"), [("small", False), ("large", False), ("large", True)])
def test_the_backbone_computes_what_keras_own_computes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variant: str, is_minimalistic: bool
) -> None:
    """With the student's activations in Keras's network too, and nothing read from the rim, which the student pads
    otherwise. Balancing leaves the function be where no channel stands far from zero, as here.

    So the order of the weights, strides, paddings, shortcuts and squeeze-excite are those the ImageNet weights expect.
    """
    module = pytest.importorskip("tf_keras.src.applications.mobilenet_v3")
    activations = iter([tf.nn.relu])  # of the first convolution

    def swish(x: Any) -> Any:
        return next(activations, tf.nn.swish)(x)

    monkeypatch.setattr(module, "hard_sigmoid", tf.sigmoid)
    monkeypatch.setattr(module, "hard_swish", swish)
    build = tf_keras.applications.MobileNetV3Small if variant == "small" else tf_keras.applications.MobileNetV3Large
    reference = build(input_shape=(SIZE_PX, SIZE_PX, 3), include_top=False, weights=None, minimalistic=is_minimalistic)
    randomize(reference)
    first = next(layer for layer in reference.layers if isinstance(layer, tf_keras.layers.Conv2D))
    kernel = first.get_weights()[0]
    kernel[2], kernel[:, 2] = 0.0, 0.0
    first.set_weights([kernel])
    path = tmp_path / "w.npz"
    np.savez(path, **{f"{index:03d}": array for index, array in enumerate(reference.get_weights())})
    student = build_student(make_spec(variant, is_minimalistic=is_minimalistic))
    load_backbone_weights(student, path)
    expected = np.asarray(reference(draw_views()))
    assert expected.std() > 0.05
    np.testing.assert_allclose(np.asarray(find_backbone(student)(draw_views())), expected, rtol=1e-3, atol=1e-3)


def test_imagenet_weights_fill_the_backbone_and_leave_the_heads(small: Any, shared_weights: Path) -> None:
    before = {name: small.get_layer(name).get_weights()[0] for name in ("hidden_last", "quality", "category")}
    path = shared_weights / "mobilenet_v3_small_imagenet.npz"
    load_backbone_weights(small, path)
    with np.load(path) as archive:
        stored = [archive[key] for key in sorted(archive.files)]
    backbone = find_backbone(small)
    found = {weight.name: values for weight, values in zip(backbone.weights, backbone.get_weights(), strict=True)}
    expected = {weight.name: values for weight, values in zip(backbone.weights, stored, strict=True)}
    same = [name for name, values in found.items() if np.array_equal(values, expected[name])]
    assert len(same) > 0.8 * len(found)
    assert {name.split("/")[0] for name in set(found) - set(same)} <= BALANCED
    for name, kernel in before.items():
        np.testing.assert_array_equal(small.get_layer(name).get_weights()[0], kernel)


def test_large_minimalistic_takes_its_imagenet_weights(shared_weights: Path) -> None:
    student = build_student(make_spec("large", is_minimalistic=True))
    load_backbone_weights(student, shared_weights / "mobilenet_v3_large_minimalistic_imagenet.npz")
    assert np.isfinite(np.asarray(student(draw_views())["category"])).all()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut short", b"no archive"])
def test_weights_that_cannot_be_read_are_a_usage_error(small: Any, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "w.npz").write_bytes(content)
    with pytest.raises(UsageError, match=r"w\.npz: cannot read the backbone weights"):
        load_backbone_weights(small, tmp_path / "w.npz")


def test_weights_of_another_architecture_are_refused_and_change_nothing(small: Any, tmp_path: Path) -> None:
    arrays = find_backbone(small).get_weights()
    wrong = {
        "fewer": (
            arrays[:-1],
            f"{len(arrays) - 1} arrays for {len(arrays)}, the first difference at array {len(arrays) - 1}",
        ),
        "shape": ([*arrays[:4], arrays[4][..., :1], *arrays[5:]], "the first difference at array"),
    }
    for name, (found, message) in wrong.items():
        path = tmp_path / f"{name}.npz"
        np.savez(path, **{f"{index:03d}": array + 1 for index, array in enumerate(found)})
        with pytest.raises(UsageError, match=message) as caught:
            load_backbone_weights(small, path)
        assert str(path) in str(caught.value)
    for found, expected in zip(find_backbone(small).get_weights(), arrays, strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("content", [None, b"no archive"])
def test_a_weights_file_that_cannot_be_read_is_named(small: Any, tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "w.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=r"w\.npz: cannot read the backbone weights"):
        load_backbone_weights(small, path)


def test_l2_is_on_the_heads_alone() -> None:
    spec = make_spec()
    student = build_student(spec, l2=0.5)
    kernels = [layer.kernel for layer in student.layers if isinstance(layer, tf_keras.layers.Dense)]
    expected = sum(0.5 * float(tf.reduce_sum(tf.square(kernel))) for kernel in kernels)
    assert len(student.losses) == len(kernels) == 4 + 1 + 2 * len(SMALL.taps)
    assert float(sum(student.losses)) == pytest.approx(expected, rel=1e-4)


def test_hints_are_learnt_and_never_exported() -> None:
    spec = make_spec(hint_count=7)
    assert build_student(spec).output_shape["hints"] == (None, 7)
    assert set(build_student(spec, is_deploy=True).output_shape) == set(OUTPUT_NAMES)
    assert "hints" not in build_student(make_spec()).output_shape


def test_a_spec_survives_json() -> None:
    spec = make_spec("large", alpha=0.75, is_minimalistic=True, dropout=0.4)
    assert StudentSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


def test_an_impossible_spec_is_refused() -> None:
    with pytest.raises(UsageError, match=r"unknown student variant 'medium': choose one of \['large', 'small'\]"):
        make_spec("medium")
    with pytest.raises(UsageError, match="input_size_px is 100: it must be a multiple of 32"):
        StudentSpec("small", 100, CATEGORIES, STYLES)


@pytest.mark.parametrize(("channels", "expected"), [(16, 16), (3, 8), (72, 72), (84, 88), (12, 16), (18, 24), (66, 64)])
def test_channels_are_rounded_as_the_authors_do(channels: float, expected: int) -> None:
    assert round_channels(channels) == expected


@pytest.mark.parametrize("variant", [SMALL, LARGE], ids=["small", "large"])
def test_the_heads_read_the_last_block_of_each_resolution(variant: Any) -> None:
    is_last = [following.stride == 2 for following in variant.blocks[1:]] + [True]
    assert variant.taps == tuple(index for index, last in enumerate(is_last) if last)
