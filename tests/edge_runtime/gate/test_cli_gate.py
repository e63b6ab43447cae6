"""``photogate gate`` and ``photogate rules`` from end to end: each test starts the real process."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from edge_runtime.cli.wrapping import display_width
from edge_runtime.gate import list_packs

Run = Callable[..., "subprocess.CompletedProcess[str]"]
DrawPhoto = Callable[..., Image.Image]


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    """Accepts whatever can be scored."""
    path = tmp_path / "all.toml"
    path.write_text("[quality]\naccept_from = 0\nreject_below = 0\n", encoding="utf-8")
    return path


@pytest.fixture
def folder(tmp_path: Path, draw_photo: DrawPhoto) -> Path:
    """A photo that fits the rules of Shopify, one that is too large, a broken one, and one in a folder."""
    root = tmp_path / "photos"
    (root / "inner").mkdir(parents=True)
    draw_photo((2048, 400), (100, 20, 900, 380)).save(root / "a.jpg")
    draw_photo((4473, 400), (100, 20, 900, 380)).save(root / "b.jpg")
    (root / "c.jpg").write_bytes((root / "a.jpg").read_bytes()[:3000])
    draw_photo().save(root / "inner" / "d.png")
    return root


def test_json_lines_in_order(run_command: Run, folder: Path, policy: Path) -> None:
    options = ("--policy", policy, "--rules", "shopify", "--format", "jsonl", "--recursive")
    result = run_command("gate", folder / "b.jpg", folder, *options)
    records = [json.loads(line) for line in result.stdout.splitlines()]
    wanted = [folder / name for name in ("b.jpg", "a.jpg", "b.jpg", "c.jpg", "inner/d.png")]
    assert [record["path"] for record in records] == [str(path) for path in wanted]
    assert [record.get("verdict") for record in records] == ["reject", "accept", "reject", None, "accept"]
    assert records[3]["error"]["type"] == "DecodeError"
    reason = records[0]["reasons"][0]
    assert (reason["code"], reason["rule"], reason["value"], reason["limit"]) == (
        *("longest_side_too_long", "shopify/size", 4473, 4472),
    )
    assert records[0]["policy"] == "all"
    assert result.returncode == 3


def test_exit_codes(run_command: Run, folder: Path, policy: Path) -> None:
    options = ("--policy", policy, "--rules", "shopify")
    a, b, c = (folder / f"{name}.jpg" for name in "abc")
    assert run_command("gate", a, *options).returncode == 0
    assert run_command("gate", a, c, *options).returncode == 1
    assert run_command("gate", a, b, *options).returncode == 3
    assert run_command("gate", a, b, c, *options).returncode == 3
    assert run_command("gate", a, "--policy", policy, "--rules", "ebay").returncode == 0, "review is no rejection"


def test_table_says_why_and_what_to_do(run_command: Run, folder: Path, policy: Path) -> None:
    result = run_command("gate", folder, "--policy", policy, "--rules", "shopify", "--rules", "ebay")
    lines = result.stdout.splitlines()
    assert lines[0].split()[:4] == ["photo", "verdict", "quality", "weighted"]
    text = " ".join(result.stdout.split())
    assert "broken shopify/size: The photo is too large: its longer side has 4473 px, Shopify requires at most" in text
    assert "look ebay/text, ebay/watermark: Not checked for eBay: added text." in text
    assert "c.jpg DecodeError: truncated JPEG" in text
    assert max(map(len, lines)) <= 120 + len(str(folder))
    assert "1 to review, 1 rejected, 1 failed" in result.stderr
    assert "Shopify rules of 2026-11-20, eBay rules of" in result.stderr


def test_csv(run_command: Run, folder: Path, policy: Path) -> None:
    result = run_command("gate", folder, "--policy", policy, "--rules", "shopify", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [row["verdict"] for row in rows] == ["accept", "reject", ""]
    assert rows[0]["rules_passed"] == "4/4"
    assert rows[1]["reasons"] == "longest_side_too_long"
    assert "Save a copy scaled down" in rows[1]["advice"]
    assert rows[1]["rejected_by"] == "shopify/size:longest_side_too_long"
    assert rows[1]["review_by"] == ""
    assert rows[2]["error_type"] == "DecodeError"


def test_csv_says_which_rule_decides_what(run_command: Run, examples_dir: Path) -> None:
    result = run_command("gate", examples_dir / "coffee-dark.jpg", "--rules", "amazon", "--format", "csv")
    (row,) = csv.DictReader(io.StringIO(result.stdout))
    assert row["rejected_by"] == "amazon/background:background_not_white"
    assert row["review_by"].split("; ")[1:] == [
        *("amazon/text:not_checked_no_detector", "amazon/watermark:not_checked_no_detector"),
    ]
    assert row["advised_by"].split("; ") == ["exposure:bad_exposure", "amazon/zoom:longest_side_too_short"]
    assert row["advice"].count("nothing may be written, stamped or drawn") == 1


def test_a_chinese_table(run_command: Run, examples_dir: Path) -> None:
    result = run_command("gate", examples_dir / "coffee-dark.jpg", "--rules", "amazon", "--language", "zh")
    heading, row, *lines = result.stdout.splitlines()
    assert heading.split()[:4] == ["照片", "结论", "质量", "加权"]
    assert row.split()[1] == "不通过"
    assert display_width(heading[: heading.index("质量") + 2]) == display_width(row[: row.index(row.split()[2]) + 4])
    assert any(line.startswith("    评分    曝光: 照片太暗") for line in lines)
    assert max(map(display_width, lines)) <= 118
    assert sum(display_width(line) > 105 for line in lines) >= 3, "lines are full, though there are no spaces"
    assert not any(line.strip()[0] in "，。；：" for line in lines)
    assert "不通过 1 张，失败 0 张（策略 default，Amazon 规则（" in result.stderr


def test_without_rules_it_is_the_policy(run_command: Run, folder: Path, tmp_path: Path) -> None:
    strict = tmp_path / "strict.toml"
    strict.write_text("[quality]\njudged_by = 'weighted'\naccept_from = 100\nreject_below = 100\n", encoding="utf-8")
    result = run_command("gate", folder / "a.jpg", "--policy", strict, "--format", "jsonl", "--language", "zh")
    record = json.loads(result.stdout)
    assert (result.returncode, record["verdict"], record["rules"]) == (3, "reject", [])
    (reason,) = record["reasons"]
    assert (reason["attribute"], reason["value"]) == ("weighted_quality", record["weighted_quality"])
    assert reason["message"] == "照片整体质量低于要求。"


def test_the_same_score_as_photogate_score(run_command: Run, examples_dir: Path) -> None:
    judged, scored = (
        [json.loads(line) for line in run_command(*words, examples_dir, "--format", "jsonl").stdout.splitlines()]
        for words in (("gate", "--rules", "amazon"), ("score",))
    )
    assert len(judged) == len(scored) >= 7
    for gate, score in zip(judged, scored, strict=True):
        for key in ("path", "quality", "attributes", "interval", "band", "category", "style", "image", "model"):
            assert gate[key] == score[key]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gate"], "PATH"),
        (["gate", "x.jpg", "--rules", "amazn"], "did you mean 'amazon'"),
        (["gate", "x.jpg", "--rules", "none.toml"], "cannot read the rule pack"),
        (["gate", "x.jpg", "--rules", "ebay", "--rules", "ebay"], "two rule packs have one name"),
        (["gate", "x.jpg", "--language", "fr"], "invalid choice"),
        (["gate", "x.jpg", "--policy", "none.toml"], "cannot read the policy"),
        (["gate", "x.jpg", "--threads", "0"], "pass 1 or more"),
        (["rules"], "list|show|check"),
        (["rules", "shwo"], "invalid choice"),
        (["rules", "show", "amazn"], "did you mean 'amazon'"),
        (["rules", "check"], "PACK"),
    ],
)
def test_wrong_usage(run_command: Run, tmp_path: Path, arguments: list[str], message: str) -> None:
    result = run_command(*arguments, cwd=tmp_path)
    assert result.returncode == 2
    assert result.stdout == ""
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_help(run_command: Run) -> None:
    for words in (["gate"], ["rules"], ["rules", "list"], ["rules", "show"], ["rules", "check"]):
        result = run_command(*words, "--help")
        assert result.returncode == 0
        assert "Exit codes: 0" in result.stdout
    assert "amazon, ebay, google-merchant, shopify" in " ".join(run_command("gate", "--help").stdout.split())


def test_rules_list(run_command: Run) -> None:
    records = [json.loads(line) for line in run_command("rules", "list", "--format", "jsonl").stdout.splitlines()]
    assert [record["pack"] for record in records] == list(list_packs())
    assert all(record["source"].startswith("https://") and record["rules"] for record in records)
    table = run_command("rules", "list")
    assert table.returncode == 0
    assert "Google Merchant Center" in table.stdout


def test_rules_show(run_command: Run) -> None:
    result = run_command("rules", "show", "google-merchant")
    assert result.returncode == 0
    text = " ".join(result.stdout.split())
    assert "https://support.google.com/merchants/answer/6324350" in text
    assert "must file-size file_size at most 16 MB" in text
    assert "2027-01-31" in text
    document = json.loads(run_command("rules", "show", "amazon", "--format", "jsonl").stdout)
    assert {"name": "fill", "check": "product_fill", "level": "must", "minimum": 85.0}.items() <= (
        next(rule for rule in document["rules"] if rule["name"] == "fill").items()
    )


def test_a_pack_of_ones_own(run_command: Run, folder: Path, policy: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    lines = 'schema = 1\nname = "own"\ntitle = "Own"\nsource = "our wiki"\nas_of = 2026-11-20\n'
    rule = '[[rules]]\nname = "wide"\ncheck = "aspect_ratio"\nlevel = "must"\nmaximum = 2\n'
    own.write_text(lines + rule, encoding="utf-8")
    assert run_command("rules", "check", own).returncode == 0
    assert "aspect_ratio at most 2" in run_command("rules", "show", own).stdout
    result = run_command("gate", folder / "a.jpg", "--policy", policy, "--rules", own)
    assert result.returncode == 3
    assert "width divided by height is 5.1, Own requires at most 2." in " ".join(result.stdout.split())
    own.write_text(lines.replace("2026-11-20", "2126-11-20") + rule, encoding="utf-8")
    assert "as_of is 2126-11-20, in the future" in run_command("rules", "check", own).stdout
    own.write_text(lines + rule.replace("maximum", "maximun"), encoding="utf-8")
    result = run_command("rules", "check", "ebay", own, "--format", "jsonl")
    fine, faulty = map(json.loads, result.stdout.splitlines())
    assert (result.returncode, fine["rules"]) == (1, 4)
    assert "did you mean 'maximum'" in faulty["error"]["message"]


def test_an_odd_extension_does_not_steer_the_terminal(run_command: Run, folder: Path, policy: Path) -> None:
    odd = folder / "a.\x1b[31mjpg"
    (folder / "a.jpg").rename(odd)
    result = run_command("gate", odd, "--policy", policy, "--rules", "google-merchant")
    assert result.returncode == 3
    assert "extension" in result.stdout
    assert "\x1b" not in result.stdout


def test_names_of_a_strangers_files_do_not_steer_the_terminal(run_command: Run, folder: Path, tmp_path: Path) -> None:
    policy, pack = tmp_path / "policy.toml", tmp_path / "pack.toml"
    policy.write_text('name = "\\u001b[31mX"\n[quality]\naccept_from = 0\nreject_below = 0\n', encoding="utf-8")
    top = 'schema = 1\nname = "own"\ntitle = "\\u001b[5mY"\nsource = "wiki"\nas_of = 2026-11-20\n'
    rule = '[[rules]]\nname = "size"\ncheck = "longest_side"\nlevel = "must"\nminimum = 1\nnote = "\\u001b[7mN"\n'
    pack.write_text(top + rule, encoding="utf-8")
    result = run_command("gate", folder / "a.jpg", "--policy", policy, "--rules", pack)
    assert result.returncode == 0
    assert "(policy ?[31mX, ?[5mY rules of 2026-11-20)" in result.stderr
    assert "\x1b" not in result.stdout + result.stderr
    assert "\x1b" not in run_command("rules", "show", pack).stdout


def test_weights_that_overflow_are_refused(run_command: Run, folder: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    limits = '[quality]\naccept_from = 60\nreject_below = 40\njudged_by = "weighted"\n'
    policy.write_text(limits + "[weights]\nsharpness = 1e308\nnoise = 1e308\nexposure = 1e308\n", encoding="utf-8")
    result = run_command("gate", folder / "a.jpg", "--policy", policy, "--format", "jsonl")
    assert (result.returncode, result.stdout) == (2, "")
    assert "PolicyError" in result.stderr and "only their ratios count" in result.stderr
