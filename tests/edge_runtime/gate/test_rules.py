"""Rule packs: those that ship, and every way to write one wrongly."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from edge_runtime.errors import PolicyError
from edge_runtime.gate.rules import list_packs, load_pack, parse_pack

PACK = """
schema = 1
name = "shop"
title = "The Shop"
source = "https://shop.example/photos"
as_of = 2026-11-20
[[rules]]
name = "size"
check = "longest_side"
level = "must"
minimum = 500
maximum = 10000
[[rules]]
name = "format"
check = "file_format"
level = "should"
formats = ["JPEG"]
applies_from = 2027-01-31
"""


def test_the_packs_that_ship() -> None:
    packs = {name: load_pack(name) for name in list_packs()}
    assert set(packs) == {"amazon", "ebay", "google-merchant", "shopify"}
    for name, pack in packs.items():
        assert pack.name == name
        assert pack.source.startswith("https://")
        assert date(2026, 1, 1) <= pack.as_of <= date.today()
        assert pack.leaves_out

    def limits(pack: str, day: date = date(2027, 1, 31)) -> set[tuple[str, str, float | None, float | None]]:
        levels = [(rule, rule.level_on(day)) for rule in packs[pack].rules]
        return {(rule.check, level, rule.minimum, rule.maximum) for rule, level in levels if level}

    none = (None, None)
    overlays = {("border", "must", *none), ("text", "must", *none), ("watermark", "must", *none)}
    assert limits("ebay") == {("longest_side", "must", 500, None)} | overlays
    assert limits("amazon") == overlays | {
        ("longest_side", "must", 500, 10000),
        ("longest_side", "should", 1000, None),
        ("file_format", "must", *none),
        ("background_white", "must", 255, None),
        ("product_fill", "must", 85, None),
    }
    google = {
        ("shortest_side", "should", 1500, None),
        ("megapixels", "must", None, 64),
        ("file_size", "must", None, 16),
        ("file_format", "must", *none),
        ("extension", "must", *none),
    }
    assert limits("google-merchant") == google | {("shortest_side", "must", 500, None)}
    the_day_before = google | {("shortest_side", "should", 500, None), ("shortest_side", "must", 100, None)}
    assert limits("google-merchant", date(2027, 1, 30)) == the_day_before
    assert limits("shopify") == {
        ("longest_side", "must", None, 4472),
        ("megapixels", "must", None, 20),
        ("file_size", "must", None, 20),
        ("longest_side", "should", 2048, None),
    }


def test_a_pack_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(PACK, encoding="utf-8")
    pack = load_pack(path)
    assert (pack.name, pack.title, pack.scope, pack.leaves_out) == ("shop", "The Shop", "", "")
    size, form = pack.rules
    assert (size.minimum, size.maximum, size.formats) == (500, 10000, ())
    assert form.level_on(date(2027, 1, 30)) is None
    assert form.level_on(date(2027, 1, 31)) == "should"
    assert pack.to_dict()["rules"] == [
        {"name": "size", "check": "longest_side", "level": "must", "minimum": 500, "maximum": 10000, "unit": "px"},
        {
            "name": "format",
            "check": "file_format",
            "level": "should",
            "formats": ["JPEG"],
            "applies_from": "2027-01-31",
        },
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("schema = 1", "schema = 2", "has schema 2, this photogate reads up to 1: upgrade photogate"),
        ("schema = 1", "schema = 2\nnew_key = 1", "upgrade photogate"),
        ("schema = 1", "", "lacks schema"),
        ("schema = 1", 'schema = "1"', "write a number"),
        ("title =", "titel =", "'titel' at the top; did you mean 'title'"),
        ('title = "The Shop"', "", "lacks title; add a text"),
        ('source = "https://shop.example/photos"', "", "lacks source"),
        ("as_of = 2026-11-20", "", "lacks as_of"),
        ("as_of = 2026-11-20", 'as_of = "2026-11-20"', "without quotation marks"),
        ("as_of = 2026-11-20", "as_of = 2026-11-20T10:00:00", "write a date"),
        ("[[rules]]", "[[rulez]]", "did you mean 'rules'"),
        ('"longest_side"', '"longest_sid"', "number 1 check is 'longest_sid'; did you mean 'longest_side'"),
        ('"must"', '"can"', "level is 'can'; known are: must, should"),
        ("minimum = 500", "minimun = 500", "did you mean 'minimum'"),
        ("minimum = 500", "minimum = 50000", "nothing can pass"),
        ("minimum = 500", "minimum = -1", "outside 0 and more"),
        ("minimum = 500\nmaximum = 10000", "", "sets no limit; the check 'longest_side' takes `minimum` and `maximum`"),
        ("minimum = 500", 'formats = ["JPEG"]', "unknown key 'formats'"),
        ('["JPEG"]', '["JPG"]', "holds 'JPG'; did you mean 'JPEG'"),
        ('["JPEG"]', '"JPEG"', "write a list of texts"),
        ('["JPEG"]', "[]", "sets no limit; the check 'file_format' takes `formats`"),
        ('name = "format"', 'name = "size"', "second rule named 'size'"),
        (
            "applies_from = 2027-01-31",
            "applies_from = 2027-01-31\napplies_until = 2027-01-30",
            "is after applies_until",
        ),
    ],
)
def test_faults(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in PACK
    path = tmp_path / "own.toml"
    path.write_text(PACK.replace(old, new), encoding="utf-8")
    with pytest.raises(PolicyError, match=message) as caught:
        load_pack(path)
    assert str(path) in str(caught.value)


def test_limits_end_where_the_scale_does() -> None:
    for check, limit in (("background_white", 256), ("product_fill", 101)):
        with pytest.raises(PolicyError, match="outside 0-"):
            parse_pack(PACK.replace("longest_side", check).replace("500\nmaximum = 10000", str(limit)), "p.toml")


def test_packs_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"no such rule pack.*did you mean 'ebay'"):
        load_pack("ebya")
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(PolicyError, match="cannot read the rule pack"):
            load_pack(path)
