"""Where the store lies when nobody says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_runtime.errors import UsageError
from edge_runtime.feedback import FeedbackStore, find_default_store

NAME = Path("photogate") / "feedback.sqlite3"


@pytest.mark.parametrize(
    ("platform", "environment", "wanted"),
    [
        ("linux", {"HOME": "/h"}, Path("/h/.local/share") / NAME),
        ("linux", {"HOME": "/h", "XDG_DATA_HOME": "/d"}, Path("/d") / NAME),
        ("linux", {"HOME": "/h", "XDG_DATA_HOME": "relative"}, Path("/h/.local/share") / NAME),
        ("darwin", {"HOME": "/h", "XDG_DATA_HOME": "/d"}, Path("/h/Library/Application Support") / NAME),
        ("win32", {"LOCALAPPDATA": "/l", "XDG_DATA_HOME": "/d"}, Path("/l") / NAME),
        ("win32", {"HOME": "/h"}, Path("/h/AppData/Local") / NAME),
        ("linux", {"HOME": "/h", "PHOTOGATE_FEEDBACK": "own.db"}, Path("own.db")),
    ],
)
def test_default_place(platform: str, environment: dict[str, str], wanted: Path) -> None:
    assert find_default_store(environment, platform) == wanted


def test_nobody_at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", fail)
    with pytest.raises(UsageError, match="--store FILE"):
        find_default_store({}, "linux")


def test_the_store_uses_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PHOTOGATE_FEEDBACK", str(tmp_path / "own.db"))
    with FeedbackStore() as store:
        assert store.path == tmp_path / "own.db"
        assert store.photos == tmp_path / "own-photos"
    assert (tmp_path / "own.db").is_file()
