"""The page: what is in it, what cannot get into it, and that it is whole or not there."""

from __future__ import annotations

import base64
import errno
import hashlib
import io
import os
import tempfile
import tracemalloc
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_runtime.errors import InputError, UsageError
from edge_runtime.explain import Explainer
from edge_runtime.gate import Gate
from edge_runtime.report import write_report
from edge_runtime.report.collection import CHUNK_PHOTOS
from edge_runtime.report.words import WORDS
from edge_runtime.result import ScoreFailure

Put = Callable[..., list[str]]
ReadPage = Callable[[Path], Any]
EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>'\"&amp;<!--.jpg"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "report.html"


def test_summary_and_records(gate: Gate, put: Put, out: Path) -> None:
    paths = put("q35-toys.jpg", "q50-toys.jpg", "q90-food.jpg", "broken.jpg")
    records: list[dict[str, Any]] = []
    failure = ScoreFailure("empty", InputError("empty: no photos in this folder"))
    summary = write_report([*paths, failure], gate, out, on_record=records.append)
    assert (summary.accepted, summary.review, summary.rejected, summary.failed) == (1, 1, 1, 2)
    assert (summary.median_quality, summary.thumbnails, summary.path) == (50.0, 3, out)
    assert summary.size_bytes == out.stat().st_size > 20_000
    assert [record["path"] for record in records] == [*paths, "empty"]
    assert [record.get("verdict") for record in records] == ["reject", "review", "accept", None, None]
    assert list(out.parent.iterdir()) == [out]


def test_rows_and_details(gate: Gate, put: Put, out: Path, read_page: ReadPage, tiny: Path) -> None:
    paths = put("q35-toys.jpg", "q90-food.jpg")
    write_report(paths, gate, out)
    page = read_page(out)
    head, rows = page.json("head"), page.json("rows")
    assert rows == [
        ["q35-toys.jpg", 0, 35, 2, 35, 80, 80, 80, 80, 0, [0]],
        ["q90-food.jpg", 0, 90, 0, 90, 80, 80, 80, 80, 1, []],
    ]
    assert head["texts"][0] + rows[0][0] == paths[0]
    assert head["categories"] == ["toys", "food"]
    assert head["reasons"] == [{"code": "blurred", "mark": "score", "kind": "score"}]
    bad, good = page.details()
    message, advice = (head["texts"][number] for number in bad["said"][0])
    assert message == "The photo is not sharp." and advice.startswith("Tap the product")
    assert good["said"] == [] and good["size"] == [80, 60]
    jpeg = base64.b64decode(good["thumb"].removeprefix("data:image/jpeg;base64,"))
    with Image.open(io.BytesIO(jpeg)) as thumbnail, Image.open(tiny) as photo:
        assert thumbnail.size == photo.size
        assert abs(np.asarray(thumbnail).mean() - np.asarray(photo).mean()) <= 2


def test_more_photos_than_a_chunk_holds(gate: Gate, put: Put, out: Path, read_page: ReadPage) -> None:
    paths = put(*(f"q{number}-toys.jpg" for number in range(10, 10 + CHUNK_PHOTOS + 3)))
    write_report(paths, gate, out)
    page = read_page(out)
    assert [row[2] for row in page.json("rows")] == list(range(10, 10 + CHUNK_PHOTOS + 3))
    assert [len(page.json(f"chunk{number}")) for number in range(2)] == [CHUNK_PHOTOS, 3]
    assert len(list(page.details())) == len(paths)


def test_tables(gate: Gate, put: Put, out: Path, read_page: ReadPage) -> None:
    names = ("q35-toys.jpg", "q45-toys.jpg", "q90-toys.jpg", "q80-food.jpg")
    write_report(put(*names, "broken.jpg"), gate, out, title="Spring & <more>")
    text = " ".join(read_page(out).text.split())
    assert "Spring & <more>" in text
    assert "toys 3 45.0 33 % 33 % 33 %" in text
    assert "Sharpness: The photo is not sharp. (2)" in text
    assert "food 1 80.0 100 % 0 % 0 % none" in text
    assert "Photos that could not be judged" in text
    assert "broken.jpg DecodeError truncated JPEG; take the photo again" in text


def test_nothing_is_asked_of_the_network(gate: Gate, put: Put, out: Path, read_page: ReadPage) -> None:
    write_report(put("q35-toys.jpg"), gate, out)
    page = read_page(out)
    policy = next(tag["content"] for name, tag in page.tags if tag.get("http-equiv") == "Content-Security-Policy")
    source = out.read_text(encoding="utf-8")
    style = source.partition("<style>")[2].partition("</style>")[0]
    programs = [text for attributes, text in page.scripts if "type" not in attributes]
    assert len(programs) == 1
    for name, text in (("script", programs[0]), ("style", style)):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{name}-src 'sha256-{digest}'" in policy, "a browser would refuse it"
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy and "http" not in policy
    for name, tag in page.tags:
        assert not tag.get("src") and "style" not in tag
        assert not any(key.startswith("on") for key in tag), name
        assert tag.get("href", "#").startswith(("#", "data:"))
    assert "url(" not in style and "@import" not in style
    assert not any(word in programs[0] for word in ("innerHTML", "fetch(", "XMLHttpRequest", "eval("))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such file names")
@pytest.mark.parametrize("name", [EVIL.replace("/", "\u2215"), EVIL.partition("/")[0] + ".jpg", "a\nb\u202egpj.jpg"])
def test_evil_file_names_stay_text(gate: Gate, put: Put, out: Path, read_page: ReadPage, name: str) -> None:
    write_report(put(name, f"broken{name}"), gate, out, title=EVIL)
    page = read_page(out)
    shown = page.json("rows")[0][0]
    assert shown == (name.replace("\n", "\\n").replace("\u202e", "\\u202e"))
    assert not any(tag == "img" for tag, _ in page.tags)
    assert not any("alert" in text for attributes, text in page.scripts if "type" not in attributes)
    source = out.read_text(encoding="utf-8")
    assert source.count("</script>") == len(page.scripts) == source.count("<script")
    assert "\u202e" not in source
    assert EVIL in page.text, "the title, as text"


def test_json_in_a_script_cannot_end_it(gate: Gate, tiny: Path, out: Path, read_page: ReadPage) -> None:
    """The path of a photo may hold slashes, so that folders spell the very tag."""
    folder = out.parent / "<" / "script><script>alert(1)<"
    folder.mkdir(parents=True)
    path = folder / "script>.jpg"
    path.write_bytes(tiny.read_bytes())
    write_report([path, folder / "brokenscript>.jpg"], gate, out)
    page = read_page(out)
    assert page.json("rows")[0][0] == "script>.jpg"
    assert page.json("head")["texts"][0].replace(os.sep, "/").endswith("/</script><script>alert(1)</")
    assert not any("alert" in text for attributes, text in page.scripts if "type" not in attributes)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such file names")
def test_name_that_is_no_utf8(gate: Gate, tiny: Path, out: Path, read_page: ReadPage) -> None:
    path = os.path.join(os.fsencode(tiny.parent), b"q35-\xff\xe9.jpg")  # noqa: PTH118 - pathlib takes no bytes
    try:
        Path(os.fsdecode(path)).write_bytes(tiny.read_bytes())
    except OSError:
        pytest.skip("this file system refuses names that are not UTF-8")
    write_report([os.fsdecode(path), tiny.parent / os.fsdecode(b"broken\xff.jpg")], gate, out)
    page = read_page(out)
    assert page.json("rows")[0][0] == "q35-\\udcff\\udce9.jpg"
    assert "broken\\udcff.jpg" in page.text


def test_thumbnails_go_to_what_needs_a_look(gate: Gate, put: Put, out: Path, read_page: ReadPage) -> None:
    paths = put("q90-a.jpg", "q95-a.jpg", "q50-a.jpg", "q45-a.jpg", "q30-a.jpg")
    summary = write_report(paths, gate, out, max_thumbnails=2)
    page = read_page(out)
    assert ["thumb" in details for details in page.details()] == [False, False, False, True, True]
    assert summary.thumbnails == 2
    assert "2 photos have a thumbnail" in page.text
    summary = write_report(paths, gate, out, max_thumbnails=0, force=True)
    assert summary.thumbnails == 0
    assert not any("thumb" in details for details in read_page(out).details())
    with pytest.raises(UsageError, match="pass 0 or more"):
        write_report(paths, gate, out, max_thumbnails=-1, force=True)


def test_the_worst_accepted_photos_have_thumbnails_though_better_ones_came_first(
    gate: Gate, put: Put, out: Path, read_page: ReadPage
) -> None:
    paths = put("q90-a.jpg", "q80-a.jpg", "q85-a.jpg", "q70-a.jpg", "q45-a.jpg", "q75-a.jpg")
    write_report(paths, gate, out, max_thumbnails=3)
    assert ["thumb" in details for details in read_page(out).details()] == [False, False, False, True, True, True]


class KnownExplainer(Explainer):
    """Draws one colour over each photo, and cannot read "q30-a.jpg"."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def explain(self, photo: Any, attribute: str | None = None, **options: Any) -> Any:
        """See the class."""
        self.asked.append(Path(photo).name)
        if Path(photo).name == "q30-a.jpg":
            raise InputError("gone")
        return SimpleNamespace(
            attribute="noise",
            stands_out=Path(photo).name == "q50-a.jpg",
            box_points=23.4,
            is_complete=Path(photo).name != "q50-a.jpg",
            render=lambda image, has_legend: Image.new("RGB", image.size, (200, 30, has_legend)),
        )


def test_heat_maps_of_the_worst(gate: Gate, put: Put, out: Path, read_page: ReadPage) -> None:
    paths = put("q90-a.jpg", "q30-a.jpg", "q50-a.jpg", "q20-a.jpg")
    explainer = KnownExplainer()
    summary = write_report(paths, gate, out, heat_maps=3, explainer=explainer)
    assert explainer.asked == ["q20-a.jpg", "q30-a.jpg", "q50-a.jpg"]
    page = read_page(out)
    found = {attributes["id"] for attributes, _ in page.scripts if (attributes.get("id") or "")[:4] == "heat"}
    assert found == {"heat3", "heat2"}
    heat = page.json("heat3")
    assert (heat["attribute"], heat["place"], heat["complete"]) == ("noise", None, True)
    assert (page.json("heat2")["place"], page.json("heat2")["complete"]) == (23, False)
    with Image.open(io.BytesIO(base64.b64decode(heat["picture"].removeprefix("data:image/jpeg;base64,")))) as picture:
        assert picture.size == (80, 60)
        assert np.abs(np.asarray(picture).mean(axis=(0, 1)) - (200, 30, 0)).max() < 4
    assert summary.heat_maps == 2
    assert "2 photos have a heat map" in page.text
    assert page.json("head")["heatPoints"] == 50 and "{points}" in page.json("head")["words"]["heat_map_place"]
    with pytest.raises(UsageError, match="pass an explainer"):
        write_report(paths, gate, out, heat_maps=3, force=True)


def test_scatter_is_binned_for_many_photos(gate: Gate, put: Put, out: Path, read_page: ReadPage) -> None:
    paths = put("q35-toys.jpg", "q90-food.jpg")
    write_report(islice(cycle(paths), 600), gate, out, max_thumbnails=0)
    points = [tag for name, tag in read_page(out).tags if tag.get("class", "").startswith("point")]
    assert len(points) == 5 * 600
    write_report(islice(cycle(paths), 602), gate, out, max_thumbnails=0, force=True)
    page = read_page(out)
    cells = [tag for name, tag in page.tags if (tag.get("class") or "").startswith("cell")]
    assert len(cells) == 5 * 2
    assert "Sharpness 33 to 37, quality 33 to 39: 301 photos" in page.text


def test_memory_does_not_grow(gate: Gate, put: Put, out: Path) -> None:
    """500 photos more, each with a name of its own, may cost 200 bytes each at most; their records alone are 2 kB."""
    (path,) = put("q35-toys.jpg")
    write_report([path], gate, out)

    def measure(count: int) -> int:
        names = (f"{os.path.dirname(path)}/./{'./' * (number % 50)}q35-toys.jpg" for number in range(count))  # noqa: PTH120
        tracemalloc.start()
        try:
            write_report(names, gate, out, force=True)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    few, many = measure(700), measure(1200)
    assert many - few <= 500 * 200


def test_an_existing_file_is_kept(gate: Gate, put: Put, out: Path) -> None:
    out.write_text("mine")
    with pytest.raises(UsageError, match=r"exists already; .*--force"):
        write_report(put("q35-toys.jpg"), gate, out)
    assert out.read_text() == "mine"
    write_report(put("q35-toys.jpg"), gate, out, force=True)
    assert out.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


@pytest.mark.parametrize(
    ("place", "message"), [("none/report.html", "there is no folder"), ("", "is not a file that could be replaced")]
)
def test_places_that_cannot_be(gate: Gate, put: Put, tmp_path: Path, place: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        write_report(put("q35-toys.jpg"), gate, tmp_path / place, force=True)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), MemoryError()])
def test_an_interruption_leaves_nothing(gate: Gate, put: Put, out: Path, error: BaseException) -> None:
    (path,) = put("q35-toys.jpg")

    def interrupted() -> Iterator[str]:
        yield path
        raise error

    out.write_text("mine")
    with pytest.raises(type(error)):
        write_report(interrupted(), gate, out, force=True)
    assert out.read_text() == "mine"
    assert list(out.parent.iterdir()) == [out]


def test_a_full_disk_leaves_nothing(gate: Gate, put: Put, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class FullDisk(io.BytesIO):
        def write(self, data: Any) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tempfile, "TemporaryFile", lambda dir: FullDisk())
    with pytest.raises(UsageError, match=r"report\.html: cannot write the file: No space left on device; make room"):
        write_report(put("q35-toys.jpg"), gate, out)
    assert list(out.parent.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_while_the_page_is_written(
    gate: Gate, put: Put, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.open
    monkeypatch.setattr(
        Path,
        "open",
        lambda self, *a, **k: real(Path("/dev/full"), "w") if "part" in self.suffix else real(self, *a, **k),
    )
    with pytest.raises(UsageError, match="No space left on device"):
        write_report(put("q35-toys.jpg"), gate, out)
    assert list(out.parent.iterdir()) == []


def test_without_photos(gate: Gate, put: Put, out: Path, read_page: ReadPage) -> None:
    summary = write_report(put("broken.jpg"), gate, out)
    assert (summary.failed, summary.median_quality) == (1, None)
    assert "No photo could be judged." in read_page(out).text
    assert write_report([], gate, out, force=True).failed == 0


def test_chinese(chinese_gate: Gate, put: Put, out: Path, read_page: ReadPage) -> None:
    write_report(put("q35-toys.jpg"), chinese_gate, out)
    page = read_page(out)
    assert ("html", {"lang": "zh-Hans"}) in page.tags
    assert "照片报告" in page.text and "照片不清晰。" in page.text
    assert page.json("head")["texts"][1] == "照片不清晰。"
    assert page.json("head")["categories"] == ["玩具"] and "玩具 (1)" in page.text


def test_languages_say_the_same_things() -> None:
    english, chinese = (
        {key: sorted(part for part in text.split("{")[1:]) for key, text in WORDS[language].items()}
        for language in ("en", "zh")
    )
    names = [
        {key: sorted(part.partition("}")[0] for part in parts) for key, parts in words.items()}
        for words in (english, chinese)
    ]
    assert names[0] == names[1]
