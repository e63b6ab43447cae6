"""The words: every code has them in both languages, with the same placeholders; the .mo is what the .po says."""

from __future__ import annotations

import gettext
import importlib.util
import string
import struct
from pathlib import Path
from types import ModuleType

import pytest

import edge_runtime
from edge_runtime.cli.words import SENTENCES, TABLE_WORDS
from edge_runtime.errors import UsageError
from edge_runtime.gate.catalogue import LANGUAGES, Catalogue, load_catalogue
from edge_runtime.gate.check_names import CHECKS
from edge_runtime.gate.reasons import REASON_CODES
from edge_runtime.report.words import WORDS as REPORT_WORDS

LOCALE = Path(edge_runtime.__file__).parent / "gate" / "locale"
NOT_CHECKED = ("background", "no_product", "too_close", "border", "no_detector", "undecided", "no_file")
WORDS = ("asks.must", "asks.should", "rule.later", "rule.nothing")
MARKS = ("broken", "score", "look", "advice")


@pytest.fixture(scope="module")
def compiler() -> ModuleType:
    spec = importlib.util.spec_from_file_location("compile_catalogues", Path(__file__).parent / "compile_catalogues.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def po_path(language: str) -> Path:
    return LOCALE / language / "LC_MESSAGES" / "photogate.po"


def list_keys() -> set[str]:
    """Every key that the code can ask for."""
    codes = {f"not_checked_{cause}" for cause in NOT_CHECKED} | set(REASON_CODES.values())
    for spec in CHECKS.values():
        codes |= {code for code in (spec.too_low, spec.too_high, spec.found) if code}
    texts = {f"{code}.{part}" for code in codes for part in ("message", "advice")}
    texts |= {f"attribute.{name}" for name in (*REASON_CODES, "weighted_quality")}
    return texts | {f"check.{name}" for name in CHECKS} | {f"mark.{mark}" for mark in MARKS} | set(WORDS)


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("language", LANGUAGES)
def test_mo_is_what_its_po_says(compiler: ModuleType, language: str) -> None:
    texts = compiler.read_po(po_path(language))
    path = po_path(language).with_suffix(".mo")
    assert path.read_bytes() == compiler.build_mo(texts), "run tests/edge_runtime/gate/compile_catalogues.py"
    with path.open("rb") as stream:
        translations = gettext.GNUTranslations(stream)
    for key, text in texts.items():
        if key:
            assert translations.gettext(key) == text
    assert translations.info()["language"] == language


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_has_its_words_and_no_others_are_there(compiler: ModuleType, language: str) -> None:
    assert set(compiler.read_po(po_path(language))) - {""} == list_keys()


def test_placeholders_are_the_same_in_both_languages(compiler: ModuleType) -> None:
    english, chinese = (compiler.read_po(po_path(language)) for language in ("en", "zh"))
    different = [key for key in english if key and placeholders(english[key]) != placeholders(chinese[key])]
    assert not different
    known = {"title", "asks", "check", "value", "limit", "low", "high", "format", "date"}
    assert set().union(*(placeholders(text) for key, text in english.items() if key)) <= known


def test_chinese_is_chinese_and_english_is_not(compiler: ModuleType) -> None:
    english, chinese = (compiler.read_po(po_path(language)) for language in ("en", "zh"))
    assert all(any("\u4e00" <= c <= "\u9fff" for c in text) for key, text in chinese.items() if key)
    assert all(text.isascii() for text in english.values())


@pytest.mark.parametrize("language", LANGUAGES)
def test_tables_and_reports_call_the_attributes_alike(language: str) -> None:
    catalogue = load_catalogue(language)
    for name in REASON_CODES:
        word = catalogue.say(f"attribute.{name}")
        assert REPORT_WORDS[language][name].lower() == word
        assert TABLE_WORDS[language].get(name, name) == word


@pytest.mark.parametrize("decision", ["accept", "review", "reject"])
def test_tables_and_reports_call_the_verdicts_alike(decision: str) -> None:
    for language in LANGUAGES:
        assert TABLE_WORDS[language].get(decision, decision) == REPORT_WORDS[language][decision]


def test_summaries_say_the_same_things_in_both_languages() -> None:
    english, chinese = (
        {key: placeholders(text) for key, text in SENTENCES[language].items()} for language in ("en", "zh")
    )
    assert english == chinese


def test_advice_says_what_to_do(compiler: ModuleType) -> None:
    for key, text in compiler.read_po(po_path("en")).items():
        if key.endswith((".message", ".advice")) and not key.startswith("mark."):
            assert text.endswith((".", "?")), key
            assert len(text.split()) >= 4, key


def test_say() -> None:
    catalogue = load_catalogue("en")
    assert catalogue.say("rule.later", date="2027-01-31") == "This becomes a requirement on 2027-01-31."
    with pytest.raises(KeyError, match=r"has no text 'blured\.message'"):
        catalogue.say("blured.message")
    with pytest.raises(KeyError, match="limit"):
        catalogue.say("product_too_small.advice", value="41 %")
    assert isinstance(catalogue, Catalogue)


def test_unknown_language() -> None:
    with pytest.raises(UsageError, match="no messages in 'fr'; known are: en, zh"):
        load_catalogue("fr")


def test_compiler_refuses_what_it_does_not_understand(compiler: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "x.po"
    for text, message in (
        ('msgid "a"\nmsgstr "b"\nmsgid "a"\nmsgstr "c"\n', "there twice"),
        ('msgid "a"\nmsgstr ""\n', "no text"),
        ('msgid "a"\n', "no text"),
        ('msgid "a"\nmsgid "b"\n', ":2: 'msgid'"),
        ('msgctxt "a"\n', ":1: 'msgctxt'"),
    ):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match=message):
            compiler.read_po(path)
    path.write_text('# c\nmsgid "a"\nmsgstr "x "\n"y"\n', encoding="utf-8")
    assert compiler.read_po(path) == {"a": "x y"}
    assert struct.unpack("<I", compiler.build_mo({"a": "b"})[:4])[0] == 0x950412DE
