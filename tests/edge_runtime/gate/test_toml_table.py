"""TOML that no author means: whatever stands in a file, its reader names the file and what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge_runtime.camera.monitor import load_monitor_config
from edge_runtime.errors import PhotogateError, PolicyError
from edge_runtime.gate.policy import load_policy
from edge_runtime.gate.rules import load_pack
from edge_runtime.gate.toml_table import TomlTable, parse_toml, read_toml_file

LONG = "9" * 400  # more than a float can hold
HUGE = "9" * 5000  # more than Python turns into an integer
HUGE_HEX = "0x" + "f" * 5000  # which it does turn into one, but does not print
DEEP = "[" * 5000 + "]" * 5000
DEEP_TABLE = "{" + ".".join("a" * 5000) + " = 1}"


@pytest.mark.parametrize("value", [LONG, f"-{LONG}", HUGE, HUGE_HEX, DEEP], ids=["long", "low", "huge", "hex", "deep"])
@pytest.mark.parametrize(
    ("load", "text"),
    [
        (load_policy, "[quality]\naccept_from = {}\nreject_below = 1\n"),
        (load_pack, "schema = {}\n"),
        (load_monitor_config, "schema = 1\n[[region]]\nname = 'a'\nmin_quality = {}\n"),
    ],
    ids=["policy", "pack", "monitor"],
)
def test_values_that_python_cannot_take(tmp_path: Path, load: Callable[[Path], Any], text: str, value: str) -> None:
    path = tmp_path / "odd.toml"
    path.write_text(text.format(value), encoding="utf-8")
    with pytest.raises(PhotogateError) as caught:
        load(path)
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < 300 + len(str(path))


@pytest.mark.parametrize(
    ("value", "told"), [(LONG, "more than 1e308"), (f"-{LONG}", "less than -1e308")], ids=["long", "low"]
)
@pytest.mark.parametrize(("high", "outside"), [(100, "outside 0-100"), (float("inf"), "outside 0 and more")])
def test_integers_that_no_float_holds_are_out_of_range(value: str, told: str, high: float, outside: str) -> None:
    with pytest.raises(PolicyError, match=f"x.toml: top level limit is {told}, {outside}; write a number"):
        parse_toml(f"limit = {value}", "x.toml").number("limit", 0, high, "")


def test_what_cannot_be_read_is_named() -> None:
    # A Python of before 3.10.7 reads integers of any length, and a tomli that is compiled goes deeper.
    for value, words in ((HUGE, "thousands of digits|1e308"), (DEEP, "nested too deeply|write a number")):
        with pytest.raises(PolicyError, match=f"x.toml: .*({words})"):
            parse_toml(f"limit = {value}", "x.toml").number("limit", 0, 1, "")


@pytest.mark.parametrize("value", [HUGE_HEX, DEEP_TABLE], ids=["hex", "table"])
@pytest.mark.parametrize(
    "read",
    [
        lambda table: table.text("key"),
        lambda table: table.texts("key"),
        lambda table: table.flag("key"),
        lambda table: table.optional_date("key"),
        lambda table: table.number("key", 0, 1, ""),
    ],
    ids=["text", "texts", "flag", "date", "number"],
)
def test_what_cannot_be_printed_is_still_refused(read: Callable[[TomlTable], Any], value: str) -> None:
    table = parse_toml(f"key = {value}", "x.toml")
    with pytest.raises(PolicyError, match=r"x\.toml: .*key is .*; write"):
        read(table)


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "notepad.toml"
    path.write_text('[quality]\naccept_from = 70\nreject_below = 40\nmessage = "Größer."\n', encoding="utf-8-sig")
    policy = load_policy(path)
    assert (policy.accept_from, policy.quality_words.message) == (70, "Größer.")
    assert read_toml_file(path, "policy").startswith("[quality]")


def test_names_cannot_steer_a_terminal(tmp_path: Path) -> None:
    limits = "[quality]\naccept_from = 70\nreject_below = 40\n"
    path = tmp_path / "a.toml"
    path.write_text('name = "\\u001b[31m店 \\u202ex\\ny"\n' + limits, encoding="utf-8")
    assert load_policy(path).name == "?[31m店 ?x?y"
    unnamed = tmp_path / "b\x1b[31m.toml"
    unnamed.write_text(limits, encoding="utf-8")
    assert load_policy(unnamed).name == "b?[31m"
    rule = '[[rules]]\nname = "size"\ncheck = "longest_side"\nlevel = "must"\nminimum = 500\n'
    top = 'schema = 1\nname = "own"\ntitle = "Own\\u001b]0;x\\u0007"\nsource = "wiki"\nas_of = 2026-11-20\n'
    path.write_text(top + rule, encoding="utf-8")
    assert load_pack(path).title == "Own?]0;x?"
