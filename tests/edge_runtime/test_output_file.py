"""Output files: whole or not there, and nothing overwritten unasked."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import IO, Any

import pytest

from edge_runtime.errors import UsageError
from edge_runtime.output_file import OutputFile, check_output, write_output


def test_text_and_bytes_arrive_as_given(tmp_path: Path) -> None:
    write_output(tmp_path / "a.txt", "é\nü\r\n")
    write_output(tmp_path / "a.bin", b"\x00\r\n\xff")
    assert (tmp_path / "a.txt").read_bytes() == "é\nü\r\n".encode()
    assert (tmp_path / "a.bin").read_bytes() == b"\x00\r\n\xff"
    with OutputFile(tmp_path / "b.txt") as output:
        assert output.write("one") == 3
        output.write("two")
    assert output.size_bytes == 6
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.bin", "a.txt", "b.txt"]


def test_names_that_are_no_text_are_written_readably(tmp_path: Path) -> None:
    write_output(tmp_path / "names.txt", os.fsdecode(b"caf\xe9.jpg"))
    assert (tmp_path / "names.txt").read_text(encoding="utf-8") == "caf\\udce9.jpg"


def test_nothing_is_there_before_the_end_or_after_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with pytest.raises(KeyboardInterrupt), OutputFile(path) as output:
        output.write("half")
        assert not path.exists()
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_an_older_file_stays_unless_forced_and_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old", encoding="utf-8")
    with pytest.raises(UsageError, match=r"a\.txt: exists already.*--force"):
        write_output(path, "new")
    with pytest.raises(ValueError, match="stop"), OutputFile(path, force=True) as output:
        output.write("new")
        raise ValueError("stop")
    assert path.read_text(encoding="utf-8") == "old"
    write_output(path, "new", force=True)
    assert path.read_text(encoding="utf-8") == "new"


@pytest.mark.parametrize("path", ["-", "./-", Path("-")])
def test_standard_output_is_not_taken_for_a_name(
    path: str | Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="-: files are not written to standard output"):
        write_output(path, "text", force=True)
    write_output(tmp_path / "-", "text")  # who names it so plainly means it
    assert [entry.name for entry in tmp_path.iterdir()] == ["-"]


def test_a_file_that_appears_meanwhile_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with pytest.raises(UsageError, match="exists already"), OutputFile(path) as output:
        output.write("mine")
        path.write_text("somebody's", encoding="utf-8")
    assert path.read_text(encoding="utf-8") == "somebody's"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]


def test_places_that_cannot_be_written_to_are_refused_early(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no folder"):
        check_output(tmp_path / "nowhere" / "a.txt")
    with pytest.raises(UsageError, match="is not a file that could be replaced"):
        check_output(tmp_path, force=True)
    with pytest.raises(UsageError, match="cannot write there"):
        check_output("a\0b")
    (tmp_path / "dangling").symlink_to(tmp_path / "gone")
    with pytest.raises(UsageError, match="exists already"):
        check_output(tmp_path / "dangling")


def test_a_folder_is_made_below_folders_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.jpg").touch()
    (tmp_path / "dangling").symlink_to(tmp_path / "gone")
    check_output(tmp_path / "new" / "deep" / "out.png", makes_folder=True)
    for place in ("a.jpg/out.png", "a.jpg/x/out.png", "dangling/x/out.png"):
        with pytest.raises(UsageError, match=f"{place[: place.index('/')]} is not a folder"):
            check_output(tmp_path / place, makes_folder=True)
    monkeypatch.chdir(tmp_path)
    check_output("new/out.png", makes_folder=True)


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old", encoding="utf-8")

    def fail(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(UsageError, match="No space left on device; make room"):
        write_output(path, "new", force=True)
    assert path.read_text(encoding="utf-8") == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]


def test_a_folder_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, *_: Any, **__: Any) -> IO[Any]:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(UsageError, match="Permission denied; make room or choose a folder"):
        write_output(tmp_path / "a.txt", "new")


def test_what_a_power_cut_left_is_not_in_the_way(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    left = OutputFile(path)
    left.__enter__()  # and never ended, in a process of the same number as this one
    write_output(path, "new")
    assert path.read_text() == "new"


def test_the_longest_name_that_the_file_system_takes(tmp_path: Path) -> None:
    path = tmp_path / ("a" * 251 + ".jpg")
    write_output(path, b"photo")
    assert path.read_bytes() == b"photo"
