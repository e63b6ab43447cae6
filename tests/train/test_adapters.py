"""Each public set's own table becomes a manifest that loads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_runtime.errors import InputError, ManifestError, UsageError
from train.data.adapters import adapt
from train.data.manifest import load_manifest
from train.data.public_sets import ADAPTERS

KONIQ_SCORES = "image_name,c1,c2,c3,c4,c5,c_total,MOS,SD,MOS_zscore\n"


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "Images"
    folder.mkdir()
    for name in ("ss03 (2).jpg", "ss03 (4).jpg", "10004473376.jpg", "00001.jpg"):
        (folder / name).write_bytes(b"x")
    return folder


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_biq2021(tmp_path: Path, images: Path) -> None:
    scores = write(tmp_path / "s.csv", "file,mos,group\nss03 (2).jpg,0.7352,g04001\nss03 (4).jpg,0.5,g04001\n")
    out = tmp_path / "manifests" / "more.csv"
    assert adapt("biq2021_more", images, scores, out) == (2, [])
    first, second = load_manifest(out)
    assert (first.file, first.mos, first.group) == ("../Images/ss03 (2).jpg", 0.7352, "g04001")
    assert (first.source, first.style, first.category) == ("BIQ2021", "unsplash", "")
    assert second.group == first.group


def test_a_place_that_cannot_be_written_is_told_before_the_photos_are_read(tmp_path: Path, images: Path) -> None:
    file = write(tmp_path / "file.txt", "x")
    with pytest.raises(UsageError, match=r"file\.txt is not a folder; choose another path"):
        adapt("folder", images, None, file / "m.csv", without=[tmp_path / "none.csv"])
    with pytest.raises(UsageError, match="exists already"):
        adapt("folder", images, None, file, without=[tmp_path / "none.csv"])


def test_of_a_folder_only_files_are_photos(tmp_path: Path, images: Path) -> None:
    (images / "album.jpg").mkdir()
    assert adapt("folder", images, None, tmp_path / "m.csv") == (4, [])


def test_koniq_scores_are_read_on_the_normalised_scale(tmp_path: Path, images: Path) -> None:
    scores = write(tmp_path / "s.csv", KONIQ_SCORES + "10004473376.jpg,0,0,25,73,7,105,3.828571,0.527278,67.8\n")
    adapt("koniq10k", images, scores, tmp_path / "m.csv")
    (photo,) = load_manifest(tmp_path / "m.csv")
    assert photo.mos == pytest.approx((67.8 - 1) / 99, abs=1e-5)
    assert photo.group == "koniq10k_10004473376"


def test_koniq_sets_table(tmp_path: Path, images: Path) -> None:
    scores = write(tmp_path / "s.csv", "image_name,MOS,SD,set\n10004473376.jpg,100,1,training\n")
    adapt("koniq10k", images, scores, tmp_path / "m.csv")
    assert load_manifest(tmp_path / "m.csv")[0].mos == 1.0


def test_koniq_scale_is_never_guessed(tmp_path: Path, images: Path) -> None:
    scores = write(tmp_path / "s.csv", "image_name,MOS\n10004473376.jpg,3.8\n")
    with pytest.raises(ManifestError, match="scale of MOS cannot be told"):
        adapt("koniq10k", images, scores, tmp_path / "m.csv")


def test_spaq(tmp_path: Path, images: Path) -> None:
    scores = write(tmp_path / "s.csv", "\ufeffImage name,MOS,Brightness\n00001.jpg,25.5,30\n,,\n")
    adapt("spaq", images, scores, tmp_path / "m.csv")
    assert load_manifest(tmp_path / "m.csv")[0].mos == pytest.approx(0.255)


def test_absent_photos_are_left_out_and_named(tmp_path: Path, images: Path) -> None:
    scores = write(tmp_path / "s.csv", "Image name,MOS\n00001.jpg,20\n00002.jpg,30\n")
    assert adapt("spaq", images, scores, tmp_path / "m.csv") == (1, ["00002.jpg"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("Image name,Score\n00001.jpg,2\n", "row 1: no column MOS"),
        ("Image name,MOS\n00001.jpg,good\n", "row 2, column MOS: 'good' is not a number on 0-100"),
        ("Image name,MOS\n00001.jpg,101\n", "row 2, column MOS"),
        ("Image name,MOS\n00001.jpg,nan\n", "row 2, column MOS"),
        ("Image name,MOS\n00001.jpg\n", "row 2: 1 cells, the header has 2"),
        ("Image name,MOS\n,20\n", "row 2, column Image name: empty"),
        ("Image name,MOS\nother.jpg,20\n", "none of its 1 photos lies in"),
    ],
)
def test_faulty_tables(tmp_path: Path, images: Path, text: str, message: str) -> None:
    scores = write(tmp_path / "s.csv", text)
    with pytest.raises(ManifestError) as caught:
        adapt("spaq", images, scores, tmp_path / "m.csv")
    assert message in str(caught.value) and str(scores) in str(caught.value)
    assert not (tmp_path / "m.csv").exists()


def test_wrong_use(tmp_path: Path, images: Path) -> None:
    scores = write(tmp_path / "s.csv", "Image name,MOS\n00001.jpg,20\n")
    with pytest.raises(UsageError, match="there are ava, biq2021_more, clothing, folder, grocery, imagenet_samples, "):
        adapt("imagenet", images, scores, tmp_path / "m.csv")
    with pytest.raises(InputError, match="not a folder"):
        adapt("spaq", tmp_path / "absent", scores, tmp_path / "m.csv")
    with pytest.raises(ManifestError, match="cannot read the scores"):
        adapt("spaq", images, tmp_path / "absent.csv", tmp_path / "m.csv")
    adapt("spaq", images, scores, tmp_path / "m.csv")
    with pytest.raises(UsageError, match="exists already"):
        adapt("spaq", images, scores, tmp_path / "m.csv")


def test_a_folder_in_the_place_of_the_manifest_is_refused(tmp_path: Path, images: Path) -> None:
    for overwrite in (False, True):
        with pytest.raises(UsageError, match=r"is a folder; name the manifest to write, for example .*manifest\.csv"):
            adapt("folder", images, None, tmp_path, overwrite=overwrite)
    assert not tmp_path.with_name(tmp_path.name + ".partial").exists()


def test_a_name_too_long_for_the_file_system_is_an_absent_photo(tmp_path: Path, images: Path) -> None:
    scores = write(tmp_path / "s.csv", f"Image name,MOS\n00001.jpg,20\n{'x' * 300}.jpg,30\n")
    assert adapt("spaq", images, scores, tmp_path / "m.csv") == (1, ["x" * 300 + ".jpg"])


def test_every_adapter_says_what_it_wants() -> None:
    assert all("images:" in entry.description and "scores:" in entry.description for entry in ADAPTERS.values())


def test_clothes_of_one_sender_stay_together_and_nobody_rated_them(tmp_path: Path, images: Path) -> None:
    (images / "00001.jpg").rename(images / "a.jpg")
    (images / "10004473376.jpg").rename(images / "b.jpg")
    table = write(tmp_path / "t.csv", "image,sender_id,label,kids\na,48,Shoes,False\nb,48,Not sure,True\n")
    assert adapt("clothing", images, table, tmp_path / "m.csv") == (2, [])
    shoes, other = load_manifest(tmp_path / "m.csv")
    assert (shoes.category, other.category) == ("footwear", "")
    assert shoes.group == other.group == "sender_48" and shoes.mos is None


def test_groceries_are_grouped_as_in_their_own_lists(tmp_path: Path) -> None:
    folder = tmp_path / "dataset" / "train" / "Fruit" / "Apple" / "Granny-Smith"
    folder.mkdir(parents=True)
    (folder / "1.jpg").write_bytes(b"x")
    table = write(tmp_path / "t.txt", "train/Fruit/Apple/Granny-Smith/1.jpg, 1, 0\n\n")
    adapt("grocery", tmp_path / "dataset", table, tmp_path / "m.csv")
    (photo,) = load_manifest(tmp_path / "m.csv")
    assert (photo.group, photo.category, photo.style) == ("grocery_train_Granny-Smith", "grocery", "phone_in_store")
    with pytest.raises(ManifestError, match="row 1: not 'path, fine class, coarse class'"):
        adapt("grocery", tmp_path, write(tmp_path / "bad.txt", "apple.jpg 1 0\n"), tmp_path / "n.csv")


def test_the_photos_of_a_known_list(tmp_path: Path, images: Path) -> None:
    wanted = {"../Images/00001.jpg", "Images/00001.jpg", "Images/ss03 (2).jpg", "Images/gone.jpg"}
    assert adapt("folder", images, None, tmp_path / "m.csv", within=wanted) == (2, [])
    assert {photo.file for photo in load_manifest(tmp_path / "m.csv")} < wanted
    with pytest.raises(ManifestError, match="no photos that are wanted"):
        adapt("folder", images, None, tmp_path / "n.csv", within=set())


def test_imagenet_samples_have_the_category_of_their_class(tmp_path: Path) -> None:
    for name in (
        "n01440764_tench",
        "n02910353_buckle",
        "n03481172_hammer",
        "n04398044_teapot",
        "n04591157_Windsor_tie",
    ):
        write(tmp_path / f"{name}.JPEG", "x")
    write(tmp_path / "README.md", "no photo")
    assert adapt("imagenet_samples", tmp_path, None, tmp_path / "m.csv") == (5, [])
    photos = load_manifest(tmp_path / "m.csv")
    assert [photo.category for photo in photos] == ["no_product", "accessories", "", "kitchen", "accessories"]
    assert {photo.source for photo in photos} == {"imagenet-sample-images"}


def test_no_folder_drowns_the_others(tmp_path: Path, images: Path) -> None:
    for folder, count in (("many/a", 6), ("many/b", 6), ("few", 2)):
        (images / folder).mkdir(parents=True)
        for number in range(count):
            (images / folder / f"{number}.jpg").write_bytes(b"x")
    assert adapt("folder", images, None, tmp_path / "all.csv")[0] == 4 + 12 + 2
    assert adapt("folder", images, None, tmp_path / "m.csv", per_folder=3) == (3 + 3 + 2, [])
    drawn = [photo.file for photo in load_manifest(tmp_path / "m.csv")]
    assert sum(file.startswith("Images/many/") for file in drawn) == 3 == sum(file.count("/") == 1 for file in drawn)
    (images / "few" / "more.jpg").write_bytes(b"x")
    adapt("folder", images, None, tmp_path / "n.csv", per_folder=3)
    assert set(drawn) < {photo.file for photo in load_manifest(tmp_path / "n.csv")}, "the draw of a folder is its own"
    with pytest.raises(UsageError, match="per_folder is -1"):
        adapt("folder", images, None, tmp_path / "o.csv", per_folder=-1)


def test_a_folder_needs_no_table_and_leaves_out_what_a_manifest_holds(tmp_path: Path, images: Path) -> None:
    (images / "twin.jpg").write_bytes(b"known")
    (images / "notes.txt").write_text("no photo")
    elsewhere = tmp_path / "other"
    elsewhere.mkdir()
    (elsewhere / "renamed.jpg").write_bytes(b"known")
    adapt("folder", elsewhere, None, elsewhere / "m.csv")
    found = adapt(
        "folder", images, None, tmp_path / "m.csv", category="toys", style="general", without=[elsewhere / "m.csv"]
    )
    assert found == (4, [])
    photos = load_manifest(tmp_path / "m.csv")
    assert {(photo.category, photo.style) for photo in photos} == {("toys", "general")}
    assert {photo.source for photo in photos} == {"Images"} and len({photo.group for photo in photos}) == 4
    with pytest.raises(ManifestError, match="no photos that are wanted and stand in no manifest yet"):
        adapt("folder", elsewhere, None, tmp_path / "n.csv", without=[elsewhere / "m.csv"])
    with pytest.raises(UsageError, match="takes no --scores"):
        adapt("folder", images, tmp_path / "m.csv", tmp_path / "n.csv")
    with pytest.raises(UsageError, match="pass the authors' table"):
        adapt("spaq", images, None, tmp_path / "n.csv")


def test_ava_is_the_mean_of_its_votes(tmp_path: Path, images: Path) -> None:
    scores = write(
        tmp_path / "AVA.txt", "1 10004473376 0 1 0 0 0 0 0 0 0 3 1 22 1396\n2 gone 1 0 0 0 0 0 0 0 0 0 0 0 7\n\n"
    )
    assert adapt("ava", images, scores, tmp_path / "m.csv") == (1, ["gone.jpg"])
    (photo,) = load_manifest(tmp_path / "m.csv")
    assert photo.mos == pytest.approx(((2 + 3 * 10) / 4 - 1) / 9, abs=1e-5)
    assert (photo.source, photo.group) == ("AVA", "ava_10004473376")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1 00001 0 1 0\n", "row 1: 5 cells set apart by blanks, there are to be 15"),
        ("1 00001 0 0 0 0 0 0 0 0 0 0 1 22 1396\n", "row 1: nobody rated photo 00001"),
        ("1 00001 0 -1 0 0 0 0 0 0 0 3 1 22 1396\n", "row 1, column 4: '-1' is not a number on 0-inf"),
        (" \n", "the table of scores is empty"),
    ],
)
def test_faulty_votes(tmp_path: Path, images: Path, line: str, message: str) -> None:
    scores = write(tmp_path / "AVA.txt", line)
    with pytest.raises(ManifestError) as caught:
        adapt("ava", images, scores, tmp_path / "m.csv")
    assert message in str(caught.value) and str(scores) in str(caught.value)


def test_kadid_rises_with_quality_and_copies_stay_together(tmp_path: Path, images: Path) -> None:
    for name in ("I01_01_01.png", "I01_25_05.png"):
        (images / name).write_bytes(b"x")
    scores = write(
        tmp_path / "dmos.csv", "dist_img,ref_img,dmos,var\nI01_01_01.png,I01.png,5,0.4\nI01_25_05.png,I01.png,2,0.8\n"
    )
    adapt("kadid10k", images, scores, tmp_path / "m.csv")
    mild, severe = load_manifest(tmp_path / "m.csv")
    assert (mild.mos, severe.mos) == (1.0, 0.25)
    assert mild.group == severe.group == "kadid10k_I01"


def test_tid2013_mixes_the_case_of_its_names(tmp_path: Path, images: Path) -> None:
    for name in ("I03_01_1.BMP", "i03_24_5.bmp"):
        (images / name).write_bytes(b"x")
    scores = write(tmp_path / "mos_with_names.txt", "5.85 I03_01_1.bmp\n2.25 i03_24_5.bmp\n")
    assert adapt("tid2013", images, scores, tmp_path / "m.csv") == (2, [])
    mild, severe = load_manifest(tmp_path / "m.csv")
    assert (mild.mos, severe.mos) == (0.65, 0.25)
    assert mild.file == "Images/I03_01_1.BMP"
    assert mild.group == severe.group == "tid2013_i03"


def write_live_challenge(folder: Path, names: list[str], scores: list[float]) -> Path:
    """The two tables as MATLAB writes them: a column of cells, and a row of numbers."""
    matlab = pytest.importorskip("scipy.io")
    cells = np.empty((len(names), 1), dtype=object)
    cells[:, 0] = names
    matlab.savemat(folder / "AllImages_release.mat", {"AllImages_release": cells})
    matlab.savemat(folder / "AllMOS_release.mat", {"AllMOS_release": np.array([scores])})
    return folder / "AllMOS_release.mat"


def test_live_challenge_leaves_out_what_taught_the_raters(tmp_path: Path, images: Path) -> None:
    names = [f"t{number}.bmp" for number in range(1, 8)] + ["00001.jpg", "10004473376.jpg"]
    (images / "t1.bmp").write_bytes(b"x")
    scores = write_live_challenge(tmp_path, names, [50.0] * 7 + [63.9634, 25.0])
    assert adapt("live_challenge", images, scores, tmp_path / "m.csv") == (2, [])
    first, second = load_manifest(tmp_path / "m.csv")
    assert first.mos == pytest.approx(0.639634)
    assert second.mos == 0.25
    assert (first.group, first.source) == ("live_challenge_00001", "LIVE In the Wild Challenge")


def test_faulty_matlab_tables(tmp_path: Path, images: Path) -> None:
    def refuse(scores: Path) -> str:
        with pytest.raises(ManifestError) as caught:
            adapt("live_challenge", images, scores, tmp_path / "m.csv")
        return str(caught.value)

    names = [f"{number:05}.jpg" for number in range(9)]
    scores = write_live_challenge(tmp_path, names, [50.0] * 8 + [101.0])
    assert "row 9, column AllMOS_release: '101.0' is not a number on 0-100" in refuse(scores)
    assert "8 scores of 9 photos" in refuse(write_live_challenge(tmp_path, names, [50.0] * 8))
    scores.write_bytes(scores.with_name("AllImages_release.mat").read_bytes())
    assert "no variable AllMOS_release; there are AllImages_release" in refuse(scores)
    scores.write_bytes(scores.read_bytes()[:150])
    assert "AllMOS_release.mat: cannot read it as a MATLAB file" in refuse(scores)
    (tmp_path / "AllImages_release.mat").unlink()
    assert "AllImages_release.mat: cannot read it as a MATLAB file" in refuse(scores)
