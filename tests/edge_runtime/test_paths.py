"""Paths that cannot be looked at: not there, rather than an error nobody expects."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from edge_runtime.cli.main import main
from edge_runtime.errors import ModelError, PolicyError
from edge_runtime.gate.rules import load_pack
from edge_runtime.models import find_model
from edge_runtime.paths import exists, exists_as_file, exists_as_folder

TOO_LONG = "a" * 300


@pytest.fixture
def loop(tmp_path: Path) -> Path:
    """A link to itself, named like a photo."""
    path = tmp_path / "loop.jpg"
    path.symlink_to(path)
    return path


def test_files_and_folders_are_told_apart(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    assert (exists(file), exists_as_file(file), exists_as_folder(file)) == (True, True, False)
    assert (exists(tmp_path), exists_as_file(tmp_path), exists_as_folder(tmp_path)) == (True, False, True)


@pytest.mark.parametrize("ask", [exists, exists_as_file, exists_as_folder])
def test_what_cannot_be_looked_at_is_not_there(ask: Callable[[str | os.PathLike[str]], bool], loop: Path) -> None:
    paths = (TOO_LONG, "nul\0byte", loop, loop / "photo.jpg", loop.parent / "none")
    assert not any(ask(path) for path in paths)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may look everywhere")
def test_a_folder_without_permission_is_not_there(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    try:
        assert not exists(closed / "photo.jpg")
    finally:
        closed.chmod(0o700)


def test_one_circle_of_links_does_not_stop_a_folder(
    loop: Path, photo: Image.Image, capsys: pytest.CaptureFixture[str]
) -> None:
    photo.save(loop.parent / "photo.jpg")
    assert main(["score", str(loop.parent), "--format", "jsonl"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert "loop.jpg: cannot open the file" in lines[0]
    assert '"quality"' in lines[1]


def test_names_that_are_too_long_get_the_usual_errors() -> None:
    with pytest.raises(ModelError, match="no such model"):
        find_model(TOO_LONG)
    with pytest.raises(PolicyError, match="no such rule pack"):
        load_pack(TOO_LONG)


def test_a_page_at_a_circle_of_links_is_refused(
    loop: Path, photo: Image.Image, capsys: pytest.CaptureFixture[str]
) -> None:
    path, data, page = (loop.with_name(name) for name in ("photo.jpg", "data.jsonl", "page.html"))
    photo.save(path)
    page.symlink_to(page)
    assert main(["report", str(path), "-o", str(page), "--data", str(data)]) == 2
    assert "page.html: exists already" in capsys.readouterr().err
