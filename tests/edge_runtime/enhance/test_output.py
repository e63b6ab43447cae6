"""Where fixed photos may go: never onto an original, whatever it is called."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_runtime.enhance import FixResult, enhance, plan_outputs, write_result
from edge_runtime.enhance.output import find_output_format
from edge_runtime.errors import InputError, UsageError
from edge_runtime.formats import PhotoFormat
from edge_runtime.originals import Originals
from edge_runtime.result import ScoreFailure

pytest.importorskip("cv2", reason="needs OpenCV: pip install 'photogate[fix]'")
pytest.importorskip("skimage", reason="needs scikit-image: pip install 'photogate[fix]'")


@pytest.fixture
def original(tmp_path: Path, dark_pixels: Any, encode: Callable[..., bytes]) -> Path:
    path = tmp_path / "photo.jpg"
    path.write_bytes(encode(dark_pixels))
    return path


@pytest.fixture
def result(original: Path, light_scorer: Any) -> FixResult:
    found = enhance(original, light_scorer, operations=["gamma"])
    assert found.encoded is not None
    return found


def link_hard(target: Path, original: Path) -> None:
    os.link(original, target)


def link_soft(target: Path, original: Path) -> None:
    target.symlink_to(original)


def link_folder(target: Path, original: Path) -> None:
    target.parent.joinpath("inner").symlink_to(original.parent)


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize(
    ("output", "prepare"),
    [
        ("photo.jpg", None),
        ("./x/../photo.jpg", None),
        ("soft.jpg", link_soft),
        ("hard.jpg", link_hard),
        ("inner/photo.jpg", link_folder),
    ],
)
def test_the_original_is_never_touched(
    result: FixResult, original: Path, output: str, prepare: Callable[[Path, Path], None] | None, force: bool
) -> None:
    before = original.read_bytes()
    (original.parent / "x").mkdir()
    target = original.parent / output
    if prepare is link_folder:
        link_folder(original.parent / "a", original)
    elif prepare is not None:
        prepare(target, original)
    with pytest.raises(UsageError, match="never overwritten"):
        write_result(result, target, force=force)
    assert original.read_bytes() == before


def test_another_original_is_not_touched_either(result: FixResult, original: Path) -> None:
    other = original.with_name("other.jpg")
    other.write_bytes(b"another original")
    with pytest.raises(UsageError, match=r"is the original .*other\.jpg"):
        write_result(result, other, Originals([other]), force=True)


def test_existing_files_need_force(result: FixResult, original: Path) -> None:
    target = original.with_name("out.jpg")
    target.write_bytes(b"precious")
    with pytest.raises(UsageError, match="--force"):
        write_result(result, target)
    assert target.read_bytes() == b"precious"
    write_result(result, target, force=True)
    assert target.read_bytes() == result.encoded
    dangling = original.with_name("dangling.jpg")
    dangling.symlink_to("nowhere.jpg")
    with pytest.raises(UsageError, match="exists"):
        write_result(result, dangling)
    with pytest.raises(UsageError, match="is a folder"):
        write_result(result, original.parent, force=True)


def test_nothing_half_written_is_left(result: FixResult, original: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(UsageError, match="No space left on device"):
        write_result(result, original.with_name("out.jpg"))
    assert sorted(path.name for path in original.parent.iterdir()) == ["photo.jpg"]


def test_a_folder_is_made_and_a_file_is_no_folder(result: FixResult, original: Path) -> None:
    write_result(result, original.parent / "new" / "deep" / "out.jpg")
    assert (original.parent / "new/deep/out.jpg").is_file()
    with pytest.raises(UsageError, match="is not a folder"):
        write_result(result, original / "out.jpg")


def test_nothing_to_write_is_said(original: Path, light_scorer: Any) -> None:
    nothing = enhance(original, light_scorer, operations=["crop"])
    with pytest.raises(UsageError, match="nothing to write"):
        write_result(nothing, original.with_name("out.jpg"))


def test_plan(tmp_path: Path) -> None:
    picture = Image.fromarray(np.zeros((20, 20, 3), np.uint8))
    folder = tmp_path / "in"
    (folder / "inner").mkdir(parents=True)
    for name in ("a.jpg", "inner/a.jpg", "b.gif", "c.PNG"):
        picture.save(folder / name)
    (folder / "c.PNG").rename(folder / "wrong.jpg")
    sources = [str(folder / name) for name in ("a.jpg", "inner/a.jpg", "b.gif", "wrong.jpg", "missing.jpg")]
    planned = plan_outputs(sources, [str(folder)], tmp_path / "out")
    names = ["a.jpg", "inner/a.jpg", "b.png", "wrong.png", "missing.jpg"]
    assert list(planned.values()) == [tmp_path / "out" / name for name in names]
    flat = plan_outputs(sources, [], tmp_path / "out")
    refused = {source: output for source, output in flat.items() if isinstance(output, ScoreFailure)}
    assert list(refused) == sources[:2], "the two that are called a.jpg, and no other"
    for source, other in (sources[:2], sources[1::-1]):
        failure = refused[source]
        assert (failure.path, type(failure.error)) == (source, InputError)
        assert str(failure.error).startswith(
            f"{source}: {other} would be written to {tmp_path / 'out' / 'a.jpg'}, too;"
        )
    assert [flat[source] for source in sources[2:]] == [tmp_path / "out" / name for name in names[2:]]


@pytest.mark.parametrize(("one", "other"), [("Mug.jpg", "mug.JPG"), ("caf\u00e9.jpg", "cafe\u0301.jpg")])
def test_names_that_are_one_on_other_disks_are_not_both_written_to(one: str, other: str, tmp_path: Path) -> None:
    sources = [str(tmp_path / "a" / one), str(tmp_path / "b" / other)]
    planned = plan_outputs(sources, [], tmp_path / "out")
    assert list(planned) == sources
    for refused in planned.values():
        assert isinstance(refused, ScoreFailure)
        assert re.search(r"written to .*, too, on a disk that takes capitals and small letters", str(refused.error))


def test_two_paths_of_one_photo_share_its_place_and_lose_it_together(tmp_path: Path) -> None:
    sources = [str(tmp_path / name) for name in ("a/x.jpg", "a/../a/x.jpg", "b/x.jpg")]
    assert set(plan_outputs(sources[:2], [], tmp_path / "out").values()) == {tmp_path / "out" / "x.jpg"}
    assert all(isinstance(output, ScoreFailure) for output in plan_outputs(sources, [], tmp_path / "out").values())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_what_is_no_file_is_planned_for_without_being_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    sources = [str(tmp_path / name) for name in ("pipe.jpg", "nul\0byte.jpg")]
    planned = plan_outputs(sources, [str(tmp_path)], tmp_path / "out")
    assert list(planned.values()) == [tmp_path / "out" / name for name in ("pipe.jpg", "nul\0byte.jpg")]


def test_format_of_a_file() -> None:
    assert find_output_format("x.JPEG") is PhotoFormat.JPEG
    assert find_output_format("x.tif") is PhotoFormat.TIFF
    for name in ("x.gif", "x"):
        with pytest.raises(UsageError, match="cannot write"):
            find_output_format(name)


@pytest.mark.parametrize("folder", [".", "..", "a"])
def test_what_lies_outside_a_folder_keeps_its_name_alone(folder: str, tmp_path: Path) -> None:
    source = {".": "../more/b.jpg", "..": "../../more/b.jpg", "a": "a/../b.jpg"}[folder]
    assert plan_outputs([source], [folder], tmp_path / "out") == {source: tmp_path / "out" / "b.jpg"}
