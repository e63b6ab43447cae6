"""Limits on scores whose risks are known, and the command on pictures as bright as they are good."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmarks.__main__ import main
from benchmarks.thresholds import (
    Limits,
    ThresholdOptions,
    _judge_part,
    choose_limits,
    format_thresholds,
    judge_limits,
    run_thresholds,
)
from edge_runtime.errors import UsageError
from train.data.manifest import Photo


def test_limits_move_as_far_as_their_risks_allow() -> None:
    # A photo a point, acceptable from 60 on, but for one exception on either side.
    quality = np.arange(100.0)
    is_acceptable = quality >= 60
    is_acceptable[[40, 80]] = True, False
    # From 80 on 1 of 20 would be wrong. That from 60 on it is 1 of 40 is no reason to accept from 60 on. Of the 40
    # acceptable ones 1 may be rejected: that at 40; the next one stands at 60.
    assert choose_limits(quality, is_acceptable, 0.03) == Limits(80.5, 60.0)
    # With 5 % they may go on to 58.5 and 61, and meet halfway.
    assert choose_limits(quality, is_acceptable, 0.05) == Limits(60.0, 60.0)


def test_no_risk_keeps_the_doubtful_for_review() -> None:
    quality = np.array([10.0, 30.0, 40.0, 50.0, 60.0, 90.0])
    is_acceptable = np.array([False, False, True, False, True, True])
    limits = choose_limits(quality, is_acceptable, 0.0)
    assert limits == Limits(50.5, 40.0)
    found = judge_limits(quality, is_acceptable, limits)
    assert found["reviewed"] == pytest.approx(2 / 6)
    assert found["wrong_accept"] == found["wrong_reject"] == 0.0
    assert found["accuracy"] == found["precision"] == found["precision_bad"] == 1.0
    assert found["recall"] == found["recall_bad"] == pytest.approx(2 / 3)
    assert found["f1"] == pytest.approx(0.8)


def test_wrong_verdicts_are_counted_where_they_hurt() -> None:
    quality = np.array([20.0, 30.0, 70.0, 80.0, 90.0])
    is_acceptable = np.array([True, False, False, True, True])
    found = judge_limits(quality, is_acceptable, Limits(60.0, 40.0))
    assert found["wrong_accept"] == pytest.approx(1 / 3), "of the accepted"
    assert found["wrong_reject"] == pytest.approx(1 / 3), "of the acceptable"
    assert found["accuracy"] == pytest.approx(3 / 5)
    assert np.isnan(judge_limits(quality, is_acceptable, Limits(100.0, 0.0))["precision"])


def test_what_there_is_none_of_has_no_share_and_no_interval() -> None:
    """Limits that accept and reject nothing are not free of mistakes: nothing was decided."""
    quality, is_acceptable = np.array([40.0, 60.0]), np.array([False, True])
    nothing = Limits(100.0, 0.0)
    found = judge_limits(quality, is_acceptable, nothing)
    assert np.isnan([found["wrong_accept"], found["accuracy"]]).all()
    assert np.isnan(judge_limits(quality, np.zeros(2, bool), nothing)["wrong_reject"])
    photos = [Photo(f"{i}.jpg", Path(f"{i}.jpg"), 0.5, "", "", f"group{i}", "CC0") for i in range(2)]
    judged = _judge_part(photos, quality, is_acceptable, nothing)
    assert np.isnan(judged["intervals"]["accuracy"]).all()
    report: dict[str, Any] = {"judged": judged, "judged_default": judged, "limits": asdict(nothing), "created": ""}
    report |= {"model": {"name": "a", "version": "1", "sha256": "b" * 64}}
    report |= {"default_policy": asdict(nothing), "data": {"acceptable_from": 50, "tuned_on": "train", "part": "test"}}
    shown = format_thresholds(report)
    assert "| right, of those decided | - | - |" in shown
    assert "- model: a 1, sha256 bbbbbbbbbbbb" in shown


def test_limits_are_not_judged_by_what_they_were_chosen_on(tmp_path: Path) -> None:
    options = ThresholdOptions((tmp_path / "manifest.csv",), tmp_path, tmp_path, part="validation")
    with pytest.raises(UsageError, match="--part and --tuned-on are both validation"):
        run_thresholds(options)


def test_photos_that_are_all_alike() -> None:
    for is_acceptable in (np.ones(5, bool), np.zeros(5, bool)):
        with pytest.raises(UsageError, match="acceptable"):
            choose_limits(np.arange(5.0), is_acceptable, 0.02)


def test_the_command(brightness_artifact: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = ["file,mos,category,style,group,licence"]
    for index in range(60):
        Image.new("RGB", (48, 48), (4 * index,) * 3).save(tmp_path / f"{index}.png")
        rows.append(f"{index}.png,{index / 60:.3f},toys,,group{index},CC0")
    manifest = tmp_path / "manifest.csv"
    manifest.write_text("\n".join(rows) + "\n", encoding="utf-8")
    arguments = ["thresholds", "--data", str(manifest), "--artifact", str(brightness_artifact), "--tuned-on", "train"]
    arguments += ["--out", str(tmp_path / "out"), "--acceptable-from", "40"]
    assert main(arguments) == 0
    shown = capsys.readouterr().out
    report = json.loads((tmp_path / "out" / "thresholds.json").read_text(encoding="utf-8"))
    assert f"accept from {report['limits']['accept_from']:g}" in shown
    assert report["tuned"]["wrong_accept"] <= 0.02 and report["tuned"]["wrong_reject"] <= 0.02
    assert report["judged"]["photos"] > 3
    assert report["judged"]["shares"]["accuracy"] > 0.8
    assert main(arguments) == 2, "nothing is overwritten"
    assert main([*arguments, "--force", "--risk", "2"]) == 2
