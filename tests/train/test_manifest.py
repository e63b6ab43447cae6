"""The manifest reader names every fault by row and column, and reads what is right exactly."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_runtime.errors import ManifestError, UsageError
from train.data.manifest import load_manifest, load_manifests, write_manifest

HEADER = "file,mos,category,style,group,licence"


def write(
    folder: Path, *rows: str, header: str = HEADER, photos: tuple[str, ...] = ("a.jpg", "b.jpg", "c.jpg")
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in photos:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    path = folder / "manifest.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def fault_of(path: Path) -> str:
    with pytest.raises(ManifestError) as caught:
        load_manifest(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_reads_rows_in_order_with_further_columns(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        'a.jpg,0.5,toys,studio,g1,CC0,"red, round"',
        "b.jpg,,,,g2,,",
        header=HEADER + ",note",
    )
    first, second = load_manifest(path)
    assert (first.file, first.mos, first.category, first.style) == ("a.jpg", 0.5, "toys", "studio")
    assert (first.group, first.licence, first.source) == ("g1", "CC0", "")
    assert first.path == (tmp_path / "a.jpg").resolve() and first.path.is_absolute()
    assert dict(first.extra) == {"note": "red, round"}
    assert second.mos is None and second.row == 3


def test_optional_columns_and_byte_order_mark(tmp_path: Path) -> None:
    path = write(tmp_path, "a.jpg,1,g1", header="file,mos,group")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    (photo,) = load_manifest(path)
    assert photo.file == "a.jpg" and photo.mos == 1.0
    assert (photo.category, photo.style, photo.licence, photo.source) == ("", "", "", "")


def test_photos_lie_relative_to_the_manifest(tmp_path: Path) -> None:
    write(tmp_path / "photos", photos=("a b (1).jpg",))
    path = write(tmp_path / "lists", "../photos/a b (1).jpg,0,g", header="file,mos,group")
    (photo,) = load_manifest(path)
    assert photo.path == (tmp_path / "photos" / "a b (1).jpg").resolve()


@pytest.mark.parametrize("mos", ["good", "nan", "inf", "-0.1", "1.01", "0,5"])
def test_bad_mos_names_row_and_column(tmp_path: Path, mos: str) -> None:
    message = fault_of(write(tmp_path, "a.jpg,0.5,,,g1,", f'b.jpg,"{mos}",,,g2,'))
    assert "row 3, column mos" in message and mos in message


@pytest.mark.parametrize("column", ["file", "mos", "group"])
def test_missing_column(tmp_path: Path, column: str) -> None:
    names = [name for name in HEADER.split(",") if name != column]
    message = fault_of(write(tmp_path, ",".join("x" for _ in names), header=",".join(names)))
    assert f"row 1: no column {column}" in message


def test_empty_cells_name_row_and_column(tmp_path: Path) -> None:
    message = fault_of(write(tmp_path, ",0.5,,,g1,", "b.jpg,0.5,,,,"))
    assert "row 2, column file" in message and "row 3, column group" in message and "2 problems" in message


def test_missing_photos_are_counted_and_the_first_named(tmp_path: Path) -> None:
    rows = [f"gone{i}.jpg,0.5,,,g{i}," for i in range(7)]
    message = fault_of(write(tmp_path, "a.jpg,0.5,,,g,", *rows))
    assert "7 of 8 photos are not on disk" in message
    assert "row 3" in message and "gone0.jpg" in message and "gone6.jpg" not in message


def test_duplicate_photo_even_when_spelt_differently(tmp_path: Path) -> None:
    message = fault_of(write(tmp_path, "a.jpg,0.5,,,g1,", "b.jpg,0.5,,,g2,", "./a.jpg,0.7,,,g3,"))
    assert "row 4, column file" in message and "row 2 already" in message


def test_wrong_number_of_cells(tmp_path: Path) -> None:
    message = fault_of(write(tmp_path, "a.jpg,0.5", "b.jpg,0,5,,,g2,CC0"))
    assert "row 2: 2 cells, the header has 6" in message and "row 3: 7 cells" in message


def test_repeated_column(tmp_path: Path) -> None:
    assert "column mos stands twice" in fault_of(write(tmp_path, "a.jpg,0,1,g", header="file,mos,mos,group"))


def test_only_ten_problems_are_spelt_out(tmp_path: Path) -> None:
    message = fault_of(write(tmp_path, *[f"a{i}.jpg,bad,,,g," for i in range(25)]))
    assert message.count("column mos") == 10
    assert "26 problems" in message and "and 16 more" in message  # 25 ratings and one line on the missing files


def test_row_numbers_count_lines_inside_quoted_cells(tmp_path: Path) -> None:
    message = fault_of(write(tmp_path, 'a.jpg,0.5,,,g1,"two\nlines"', "", "b.jpg,bad,,,g2,"))
    assert "row 5, column mos" in message


def test_not_utf8_names_the_row(tmp_path: Path) -> None:
    path = write(tmp_path, "a.jpg,0.5,,,g1,")
    path.write_bytes(path.read_bytes() + "b.jpg,0.5,,,grün,\n".encode("latin-1"))
    assert "row 3" in fault_of(path) and "UTF-8" in fault_of(path)


def test_broken_quoting(tmp_path: Path) -> None:
    assert "not CSV" in fault_of(write(tmp_path, 'a.jpg,0.5,,,g1,"never closed'))


@pytest.mark.parametrize("content", ["", "\n\n", HEADER + "\n", HEADER + "\n\n,,,,,\n"])
def test_empty_manifest(tmp_path: Path, content: str) -> None:
    path = tmp_path / "manifest.csv"
    path.write_text(content, encoding="utf-8")
    assert "empty" in fault_of(path)


def test_unreadable_manifest(tmp_path: Path) -> None:
    assert "cannot read" in fault_of(tmp_path / "absent.csv")
    assert "cannot read" in fault_of(tmp_path)


def test_name_too_long_for_the_file_system_counts_as_missing(tmp_path: Path) -> None:
    message = fault_of(write(tmp_path, "a.jpg,0.5,,,g1,", f"{'x' * 300},0.5,,,g2,"))
    assert "1 of 2 photos are not on disk (row 3: " in message


def test_broken_link_counts_as_missing(tmp_path: Path) -> None:
    path = write(tmp_path, "a.jpg,0.5,,,g1,", "link.jpg,0.5,,,g2,")
    (tmp_path / "link.jpg").symlink_to(tmp_path / "nowhere.jpg")
    assert "1 of 2 photos are not on disk" in fault_of(path)


def test_several_manifests_join(tmp_path: Path) -> None:
    first = write(tmp_path / "one", "a.jpg,0.5,,,g1,")
    second = write(tmp_path / "two", "b.jpg,,,,g1,")
    assert [photo.file for photo in load_manifests([first, second])] == ["a.jpg", "b.jpg"]


def test_one_photo_in_two_manifests(tmp_path: Path) -> None:
    first = write(tmp_path / "one", "a.jpg,0.5,,,g1,")
    second = write(tmp_path / "two", "../one/a.jpg,0.5,,,g1,")
    with pytest.raises(ManifestError, match=r"two/manifest\.csv row 2, column file: .*one/manifest\.csv row 2 already"):
        load_manifests([first, second])


def test_two_photos_of_one_name(tmp_path: Path) -> None:
    first, second = write(tmp_path / "one", "a.jpg,0.5,,,g1,"), write(tmp_path / "two", "a.jpg,0.5,,,g2,")
    with pytest.raises(ManifestError, match=r"another photo is named 'a\.jpg'"):
        load_manifests([first, second])


def test_written_manifest_reads_back(tmp_path: Path) -> None:
    write(tmp_path, photos=("a, b.jpg",))
    path = tmp_path / "new.csv"
    rows = [{"file": "a, b.jpg", "mos": 0.25, "group": 'g"1', "note": "größer\rals", "style": None}]
    assert write_manifest(rows, path) == 1
    (photo,) = load_manifest(path)
    assert (photo.file, photo.mos, photo.group, photo.style) == ("a, b.jpg", 0.25, 'g"1', "")
    assert dict(photo.extra) == {"note": "größer\rals"}
    assert sorted(p.name for p in tmp_path.glob("new*")) == ["new.csv"]


def test_writing_refuses_to_overwrite_and_to_lose(tmp_path: Path) -> None:
    path = tmp_path / "new.csv"
    write_manifest([{"file": "a.jpg", "mos": None, "group": "g"}], path)
    before = path.read_bytes()
    with pytest.raises(UsageError, match="exists already"):
        write_manifest([{"file": "b.jpg", "group": "g"}], path)
    with pytest.raises(ManifestError, match="entry 1 to write has no 'group'"):
        write_manifest([{"file": "b.jpg"}], path, overwrite=True)
    with pytest.raises(ManifestError, match="no rows"):
        write_manifest([], path, overwrite=True)
    assert path.read_bytes() == before
    write_manifest([{"file": "b.jpg", "group": "g"}], path, overwrite=True)
    assert "b.jpg" in path.read_text(encoding="utf-8")


def test_a_name_in_another_encoding_is_told_before_anything_is_written(tmp_path: Path) -> None:
    rows = [{"file": "a.jpg", "group": "g"}, {"file": "caf\udce9.jpg", "group": "h"}]
    with pytest.raises(ManifestError, match=r"entry 2 to write is not UTF-8 text \('caf.udce9\.jpg'\): rename"):
        write_manifest(rows, tmp_path / "new.csv")
    assert not list(tmp_path.iterdir())


def test_reads_the_shared_manifest(shared_data: Path) -> None:
    photos = load_manifest(shared_data / "manifest.csv")
    rated = [photo.mos for photo in photos if photo.mos is not None]
    assert len({photo.path for photo in photos}) == len(photos)
    assert len(rated) == sum("biq2021" in photo.file for photo in photos) > 0
    assert all(photo.extra["content"] for photo in photos)
