"""Judges with known answers, and a reader of the page that a report is."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from edge_runtime import PhotoScorer
from edge_runtime.decode import DecodedPhoto, decode
from edge_runtime.errors import DecodeError
from edge_runtime.gate import Gate, GateResult
from edge_runtime.gate.policy import find_reasons
from edge_runtime.gate.reasons import find_decision
from edge_runtime.result import Attributes, Label

pytest.importorskip("jinja2", reason="needs jinja2: pip install 'photogate[report]'")


class KnownGate(Gate):
    """Decides by the policy about the quality that a photo's name tells: "q35-toys.jpg" has 35 points and is a toy.

    Whatever else it says is what the real gate says of one drawn photo. A name that begins with "broken" fails.
    """

    def __init__(self, scorer: PhotoScorer, model_result: GateResult, language: str = "en") -> None:
        super().__init__(scorer, language=language)
        self._model_result = model_result

    def judge_and_decode(self, photo: Any, color_order: str = "rgb") -> tuple[GateResult, DecodedPhoto]:
        """See the class."""
        name = Path(photo).name
        if name.startswith("broken"):
            raise DecodeError(f"{photo}: truncated JPEG; take the photo again")
        found = re.match(r"q(\d+)-([a-z]+)", name)
        quality, label = (float(found[1]), found[2]) if found else (50.0, "unknown")
        score = replace(
            self._model_result.score,
            path=str(photo),
            quality=quality,
            attributes=Attributes(quality, *[80.0] * 4),
            category=Label(label, 0.9),
        )
        reasons = find_reasons(score, self.policy, self.language)
        result = replace(self._model_result, score=score, decision=find_decision(reasons), reasons=reasons)
        return result, decode(photo)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory, photo: Image.Image) -> Path:
    """A photo of 80 x 60 pixels."""
    path = tmp_path_factory.mktemp("tiny") / "tiny.jpg"
    photo.resize((80, 60)).save(path)
    return path


@pytest.fixture
def gate(scorer: PhotoScorer, tiny: Path) -> Gate:
    """See ``KnownGate``."""
    return KnownGate(scorer, Gate(scorer).judge(tiny))


@pytest.fixture
def chinese_gate(scorer: PhotoScorer, tiny: Path) -> Gate:
    """See ``KnownGate``; speaks Chinese."""
    return KnownGate(scorer, Gate(scorer).judge(tiny), "zh")


@pytest.fixture
def put(tmp_path: Path, tiny: Path) -> Callable[..., list[str]]:
    """Writes the same small photo under several names, and returns the paths."""

    def write(*names: str) -> list[str]:
        for name in names:
            (tmp_path / name).write_bytes(tiny.read_bytes())
        return [str(tmp_path / name) for name in names]

    return write


@dataclass
class ReadPage(HTMLParser):
    """A page as a browser's parser sees it: elements with their attributes, text by element, and embedded JSON."""

    source: str
    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    scripts: list[tuple[dict[str, str | None], str]] = field(default_factory=list)
    text: str = ""

    def __post_init__(self) -> None:
        super().__init__()
        self._element = ""
        self.feed(self.source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Notes the element."""
        self.tags.append((tag, dict(attrs)))
        self._element = tag
        self.text += " "
        if tag == "script":
            self.scripts.append((dict(attrs), ""))

    def handle_endtag(self, tag: str) -> None:
        """Ends a script or style."""
        self._element = ""

    def handle_data(self, data: str) -> None:
        """Text goes to the page's, a script's to the script."""
        if self._element == "script":
            attributes, text = self.scripts[-1]
            self.scripts[-1] = (attributes, text + data)
        elif self._element != "style":
            self.text += data

    def json(self, name: str) -> Any:
        """The JSON of the script element with that id."""
        (text,) = [text for attributes, text in self.scripts if attributes.get("id") == name]
        return json.loads(text)

    def details(self) -> Iterator[dict[str, Any]]:
        """Details of all photos, in order."""
        for attributes, text in self.scripts:
            if (attributes.get("id") or "").startswith("chunk"):
                yield from json.loads(text)


@pytest.fixture(scope="session")
def read_page() -> Callable[[Path], ReadPage]:
    """Reads a page."""
    return lambda path: ReadPage(path.read_text(encoding="utf-8"))
