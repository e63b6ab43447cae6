"""Artifact folders: claimed, resumed, never overwritten silently, and honest about where they come from."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path

import pytest

from edge_runtime.errors import UsageError
from train.artifact import compute_digest, finish_artifact, open_artifact, read_provenance, write_json

CONFIG = {"name": "a", "fit": {"epochs": 2}}


def begin(folder: Path) -> Path:
    """An unfinished artifact with some work in it."""
    work = open_artifact(folder, CONFIG)
    (work / "checkpoint").write_text("half", encoding="utf-8")
    return work


def test_a_new_folder_is_claimed(tmp_path: Path) -> None:
    work = open_artifact(tmp_path / "deep" / "out", CONFIG)
    assert work == tmp_path / "deep" / "out" / "work"
    assert json.loads((work / "config.json").read_text(encoding="utf-8")) == CONFIG


def test_an_empty_folder_is_claimed(tmp_path: Path) -> None:
    assert open_artifact(tmp_path, CONFIG).is_dir()


def test_the_same_config_resumes(tmp_path: Path) -> None:
    begin(tmp_path)
    work = open_artifact(tmp_path, dict(reversed(list(CONFIG.items()))))
    assert (work / "checkpoint").read_text(encoding="utf-8") == "half"


def test_another_config_is_refused_and_nothing_is_touched(tmp_path: Path) -> None:
    work = begin(tmp_path)
    with pytest.raises(UsageError, match="was begun with another config or other inputs: choose another --out"):
        open_artifact(tmp_path, {**CONFIG, "name": "b"})
    assert (work / "checkpoint").exists()
    assert open_artifact(tmp_path, CONFIG) == work


def test_a_claim_without_work_gives_way(tmp_path: Path) -> None:
    """The stage stopped at a mistyped option: the corrected command must not need --force."""
    open_artifact(tmp_path, {**CONFIG, "weights": "typo.npz"})
    work = open_artifact(tmp_path, CONFIG)
    assert json.loads((work / "config.json").read_text(encoding="utf-8")) == CONFIG


def test_other_inputs_under_the_same_paths_are_refused(tmp_path: Path) -> None:
    labels, missing = tmp_path / "labels.npz", tmp_path / "imagenet"
    labels.write_bytes(b"first")
    for _ in range(2):
        work = open_artifact(tmp_path / "out", CONFIG, [labels, missing])
        (work / "checkpoint").write_text("half", encoding="utf-8")
    labels.write_bytes(b"second")
    with pytest.raises(UsageError, match="was begun with another config or other inputs"):
        open_artifact(tmp_path / "out", CONFIG, [labels, missing])
    assert (work / "checkpoint").exists()
    open_artifact(tmp_path / "out", CONFIG, [labels, missing], force=True)
    assert not (work / "checkpoint").exists()


def test_a_finished_artifact_is_refused_even_with_the_same_config(tmp_path: Path) -> None:
    begin(tmp_path)
    finish_artifact(tmp_path, "teacher", CONFIG, [], time.time())
    with pytest.raises(UsageError, match="finished artifact"):
        open_artifact(tmp_path, CONFIG)
    assert read_provenance(tmp_path, "teacher")["config"] == CONFIG


def test_force_replaces_finished_and_unfinished_artifacts(tmp_path: Path) -> None:
    for is_finished in (False, True):
        work = begin(tmp_path / "out")
        if is_finished:
            finish_artifact(tmp_path / "out", "teacher", CONFIG, [], time.time())
        assert open_artifact(tmp_path / "out", {"name": "b"}, force=True) == work
        assert sorted(path.name for path in (tmp_path / "out").rglob("*")) == ["config.json", "work"]
        open_artifact(tmp_path / "out", CONFIG, force=True)


@pytest.mark.parametrize("force", [False, True])
def test_foreign_files_are_never_deleted(tmp_path: Path, force: bool) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"x")
    with pytest.raises(UsageError, match="not an artifact"):
        open_artifact(tmp_path, CONFIG, force=force)
    assert (tmp_path / "holiday.jpg").exists()


def test_force_does_not_delete_what_the_stage_reads(tmp_path: Path) -> None:
    work = begin(tmp_path / "labels")
    finish_artifact(tmp_path / "labels", "labels", CONFIG, [], time.time())
    (tmp_path / "link").symlink_to(tmp_path / "labels")
    inputs = [tmp_path / "imagenet", tmp_path / "labels" / "work" / "checkpoint"]
    for folder in (tmp_path / "labels", tmp_path / "link"):
        with pytest.raises(UsageError, match="checkpoint, which --force would delete unread"):
            open_artifact(folder, {"name": "b"}, inputs, force=True)
    assert (work / "checkpoint").exists() and (tmp_path / "labels" / "provenance.json").exists()


def test_a_file_in_the_way_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"x")
    with pytest.raises(UsageError, match="cannot be made an artifact folder"):
        open_artifact(tmp_path / "out", CONFIG)


def test_provenance_tells_where_the_artifact_comes_from(tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.csv"
    manifest.write_bytes(b"file,mos,group\n")
    open_artifact(tmp_path / "out", CONFIG)
    finish_artifact(tmp_path / "out", "teacher", CONFIG, [manifest], time.time() - 2, sample_count=5)
    provenance = read_provenance(tmp_path / "out", "teacher")
    assert provenance["stage"] == "teacher" and provenance["config"] == CONFIG and provenance["sample_count"] == 5
    assert provenance["inputs"] == {"manifest.csv": hashlib.sha256(b"file,mos,group\n").hexdigest()}
    assert "numpy" in provenance["libraries"] and provenance["python"].count(".") == 2
    assert provenance["revision"] and 2 <= provenance["duration_s"] < 60


def test_inputs_of_one_name_keep_their_digests(tmp_path: Path) -> None:
    paths = [tmp_path / "a" / "x" / "m.csv", tmp_path / "b" / "x" / "m.csv", tmp_path / "w.npz"]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(path), encoding="utf-8")
    finish_artifact(tmp_path, "teacher", CONFIG, paths, time.time())
    inputs = read_provenance(tmp_path, "teacher")["inputs"]
    assert inputs == {
        "a/x/m.csv": compute_digest(paths[0]),
        "b/x/m.csv": compute_digest(paths[1]),
        "w.npz": compute_digest(paths[2]),
    }


def test_an_artifact_of_another_stage_is_named(tmp_path: Path) -> None:
    finish_artifact(tmp_path, "labels", CONFIG, [], time.time())
    with pytest.raises(UsageError, match="an artifact of stage 'labels'; one of 'teacher' is needed"):
        read_provenance(tmp_path, "teacher")


@pytest.mark.parametrize("content", [None, b"{", b"\xff", b"[]"])
def test_an_unfinished_or_damaged_artifact_is_refused(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "provenance.json").write_bytes(content)
    with pytest.raises(UsageError, match=str(tmp_path)):
        read_provenance(tmp_path, "teacher")


def test_json_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    write_json(path, {"srcc": 0.5})
    with pytest.raises(TypeError):
        write_json(path, {"srcc": object()})
    assert json.loads(path.read_text(encoding="utf-8")) == {"srcc": 0.5}
