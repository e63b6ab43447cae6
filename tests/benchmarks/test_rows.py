"""Which file each row stands for, and that an absent one is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.rows import REFERENCES, ROW_KEYS, build_rows, check_split, read_split_seed
from edge_runtime.errors import UsageError
from edge_runtime.models import find_model, list_models


def _touch(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"x")
    return folder


def test_files_are_found_by_their_endings_whatever_the_folder_is_called(tmp_path: Path) -> None:
    artifact = _touch(tmp_path / "run-7", "net.tflite", "net-float.tflite", "net-pruned.tflite")
    rows = {row.key: row for row in build_rows(ROW_KEYS, artifact, tmp_path / "teacher", tmp_path / "peers")}
    assert {key: row.path.name for key, row in rows.items() if row.kind == "photogate" and row.path} == {
        "float": "net-float.tflite",
        "pruned": "net-pruned.tflite",
        "int8": "net.tflite",
    }
    assert all(rows[key].is_usable for key in ("float", "pruned", "int8"))
    assert tuple(rows) == ROW_KEYS


def test_absent_files_stay_in_the_table_and_say_where_they_were_looked_for(tmp_path: Path) -> None:
    rows = build_rows(ROW_KEYS, tmp_path / "none", tmp_path / "teacher", tmp_path / "peers")
    assert len(rows) == len(ROW_KEYS)
    for row in rows:
        assert not row.is_usable
        assert row.note == ("latency only, untrained" if row.kind == "classic" else f"not found: {row.path}")
        assert not row.is_failed, "absent is no failure"
    assert rows[0].path == tmp_path / "teacher"


def test_a_single_file_is_the_int8_row(tmp_path: Path) -> None:
    model = _touch(tmp_path, "shipped.tflite") / "shipped.tflite"
    int8, float32 = build_rows(["int8", "float"], model, tmp_path, tmp_path)[::-1]
    assert (int8.key, int8.path, int8.is_usable) == ("int8", model, True)
    assert (float32.key, float32.is_usable) == ("float", False)
    assert "shipped-float.tflite" in float32.note


def test_two_candidates_are_refused(tmp_path: Path) -> None:
    artifact = _touch(tmp_path / "a", "one.tflite", "two.tflite")
    with pytest.raises(UsageError, match=r"one\.tflite, two\.tflite"):
        build_rows(["int8"], artifact, tmp_path, tmp_path)


def test_unknown_rows_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown rows alexnet"):
        build_rows(["alexnet"], tmp_path, tmp_path, tmp_path)


def test_the_seed_comes_from_the_provenance(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"tells the split that it was trained with: pass the folder .* or --seed"):
        read_split_seed(tmp_path)
    with pytest.raises(UsageError, match=r"typo: there is no such artifact"):
        read_split_seed(tmp_path / "typo")
    (tmp_path / "provenance.json").write_text('{"split_seed": 41}', encoding="utf-8")
    assert read_split_seed(tmp_path) == 41
    assert read_split_seed(tmp_path / "model.tflite") == 41, "beside a single file, too"
    for content in ("{", "{}", "[]"):
        (tmp_path / "provenance.json").write_text(content, encoding="utf-8")
        with pytest.raises(UsageError, match="pass --seed"):
            read_split_seed(tmp_path)


@pytest.mark.parametrize("model", [path.stem for path in list_models()])
def test_the_record_of_a_shipped_model_is_known_by_any_way_to_its_folder(tmp_path: Path, model: str) -> None:
    way = tmp_path / "record"
    way.symlink_to(REFERENCES / model, target_is_directory=True)
    for artifact in (REFERENCES / model, way):
        float32, int8 = build_rows(["float", "int8"], artifact, tmp_path, tmp_path)
        assert float32.path is not None and float32.path.is_file()
        assert int8.path == find_model(model), "its int8 file lies in the package"
    recorded = json.loads((REFERENCES / model / "provenance.json").read_text(encoding="utf-8"))
    assert read_split_seed(find_model(model)) == recorded["split_seed"]


def _write_teacher(folder: Path, *networks: str, **config: int) -> Path:
    folder.mkdir()
    backbones = [{"name": name, "input_size_px": 96} for name in networks]
    provenance = {"stage": "teacher", "config": {"backbones": backbones, **config}}
    (folder / "provenance.json").write_text(json.dumps(provenance), encoding="utf-8")
    return folder


def test_a_classic_network_with_trained_heads_has_their_accuracy(tmp_path: Path) -> None:
    heads = _write_teacher(tmp_path / "heads", "resnet50")
    rows = build_rows(["vgg16", "resnet50"], tmp_path, tmp_path, tmp_path, trained=[f"resnet50={heads}"])
    assert [row.trained for row in rows] == [None, heads]
    assert rows[0].note == "latency only, untrained"
    assert rows[1].note.startswith("accuracy of heads trained on its frozen features at 96 px")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("resnet50", "vgg16=FOLDER or resnet50=FOLDER"),
        ("alexnet={}", "vgg16=FOLDER or resnet50=FOLDER"),
        ("vgg16={}", "a teacher on resnet50 and vgg16 does not tell what vgg16 can do"),
        ("resnet50={}/none", "none is not a finished artifact"),
    ],
)
def test_heads_that_tell_nothing_about_the_network_are_refused(entry: str, message: str, tmp_path: Path) -> None:
    pair = _write_teacher(tmp_path / "pair", "resnet50", "vgg16")
    with pytest.raises(UsageError, match=message):
        build_rows(["vgg16", "resnet50"], tmp_path, tmp_path, tmp_path, trained=[entry.format(pair)])


def test_what_has_learnt_from_the_photos_of_the_part_is_not_measured_on_them(tmp_path: Path) -> None:
    heads = _write_teacher(tmp_path / "heads", "resnet50", split_seed=6)
    silent = _write_teacher(tmp_path / "silent", "resnet50", "vgg16")
    for seed, is_measured in ((6, True), (7, False)):
        teacher, classic = build_rows(["teacher", "resnet50"], tmp_path, heads, tmp_path, trained=[f"resnet50={heads}"])
        check_split([teacher, classic], seed)
        assert teacher.is_failed is not is_measured
        assert (classic.trained == heads) is is_measured and not classic.is_failed, "its latency stays"
        assert all(("split seed 6, not 7" in row.note) is not is_measured for row in (teacher, classic))
    (teacher,) = build_rows(["teacher"], tmp_path, silent, tmp_path)
    check_split([teacher], 6)
    assert not teacher.is_failed and "may have learnt from photos of this part" in teacher.note
