"""What becomes the gallery: written to unnamed temporary files as it comes, read once when the page is put together."""

from __future__ import annotations

import heapq
import os
import tempfile
from array import array
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from edge_runtime.contract import ATTRIBUTE_NAMES
from edge_runtime.output_file import say_os_errors
from edge_runtime.printable import make_printable
from edge_runtime.report.charts import MOST_POINTS
from edge_runtime.report.embed import embed_jpeg, embed_json
from edge_runtime.report.figures import DECISIONS, Figures

__all__ = ["CHUNK_PHOTOS", "Collection"]

CHUNK_PHOTOS = 32  # details that the browser reads at once
MOST_TEXTS = 2000  # sentences and folders kept in memory, so that each stands in the page once


class Collection:
    """The photos of one report.

    Attributes:
        figures: their numbers.
        names: of the first photos, for the points of a plot.
        model: as the first record says; empty as long as no photo was judged.
    """

    def __init__(self, out: Path, most_thumbnails: int, most_heat_maps: int = 0) -> None:
        """Prepares to collect.

        Args:
            out: the report; temporary files are made in its folder, and an error about them is an error about it.
            most_thumbnails: that the page may have.
            most_heat_maps: photos that :attr:`worst` shall name.
        """
        self.figures = Figures()
        self.names: list[str] = []
        self._accepted: list[float] = []  # qualities below 0, of the worst accepted photos that have a thumbnail
        self.model: Mapping[str, str] = {}
        self._out = out
        self._most_thumbnails = most_thumbnails
        self._most_heat_maps = most_heat_maps
        self._worst: list[tuple[int, float, int, str]] = []
        self._heat_maps: list[int] = []
        self._texts: dict[str, int] = {}
        self._jpeg_sizes = array("L")

    def __enter__(self) -> Collection:
        self._files: list[IO[bytes]] = []
        with say_os_errors(self._out):
            self._rows, self._details, self._jpegs, self._failures, self._heat = (self._open() for _ in range(5))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._files:
            # What is still buffered may find the disk full once more; nobody needs it any longer.
            with suppress(OSError):
                file.close()

    def wants_thumbnail(self, record: Mapping[str, Any]) -> bool:
        """Whether the photo may get a thumbnail: an accepted one only if it is among the worst accepted so far."""
        if not self._most_thumbnails:
            return False
        if record["verdict"] != "accept":
            return True
        return len(self._accepted) < self._most_thumbnails or record["quality"] < -self._accepted[0]

    def add(self, record: Mapping[str, Any], jpeg: bytes | None) -> None:
        """Takes a photo that was judged.

        Args:
            record: as ``GateResult.to_dict``.
            jpeg: its thumbnail.

        Raises:
            UsageError: the disk is full, or the like.
        """
        index = len(self.figures)
        category, reasons = self.figures.add(record)
        name = os.path.basename(record["path"]) or record["path"]  # noqa: PTH119 - Path("a/.") has another idea of it
        folder = self._refer(record["path"].removesuffix(name))
        name = make_printable(name)
        if index < MOST_POINTS:
            self.names.append(name)
        self.model = self.model or record["model"]
        decision = DECISIONS.index(record["verdict"])
        if self._most_heat_maps:
            # What a heap gives out is its least: here the photo that needs a look least.
            _push(self._worst, (decision, -record["quality"], -index, record["path"]), self._most_heat_maps)
        attributes = [record["attributes"][attribute] for attribute in ATTRIBUTE_NAMES]
        row = embed_json([name, folder, record["quality"], decision, *attributes, category, reasons])
        details = embed_json(self._build_details(record))
        self._jpeg_sizes.append(len(jpeg or b""))
        if jpeg is not None and record["verdict"] == "accept":
            _push(self._accepted, -record["quality"], self._most_thumbnails)
        with say_os_errors(self._out):
            self._rows.write(row.encode() + b"\n")
            self._details.write(details.encode() + b"\n")
            self._jpegs.write(jpeg or b"")

    def add_failure(self, record: Mapping[str, Any]) -> None:
        """Takes a photo that could not be judged; ``record`` as ``ScoreFailure.to_dict``."""
        self.figures.failed += 1
        path, error = record["path"], record["error"]
        # The path stands beside the message, and need not begin it, too.
        texts = (path, error["type"], error["message"].removeprefix(f"{path}: "))
        row = embed_json([make_printable(text) for text in texts])
        with say_os_errors(self._out):
            self._failures.write(row.encode() + b"\n")

    @property
    def worst(self) -> list[tuple[int, str]]:
        """Number and path of the photos that need a look most, those first."""
        return [(-entry[2], entry[3]) for entry in sorted(self._worst, reverse=True)]

    def add_heat_map(
        self, index: int, jpeg: bytes, attribute: str, place_points: float | None, *, is_complete: bool
    ) -> None:
        """Takes the heat map of a photo.

        Args:
            index: the photo's number.
            jpeg: the map over the photo.
            attribute: what it explains, or "quality".
            place_points: of the place that is much hotter than the rest; None: there is none.
            is_complete: whether all places were looked at before the time was up.

        Raises:
            UsageError: the disk is full, or the like.
        """
        self._heat_maps.append(index)
        place = None if place_points is None else round(place_points)
        row = embed_json({"picture": embed_jpeg(jpeg), "attribute": attribute, "place": place, "complete": is_complete})
        with say_os_errors(self._out):
            self._heat.write(row.encode() + b"\n")

    def read_heat_maps(self) -> Iterator[tuple[int, str]]:
        """Number of a photo and a JSON object about its heat map."""
        return zip(self._heat_maps, self._read(self._heat), strict=True)

    @property
    def heat_maps(self) -> int:
        """How many there are."""
        return len(self._heat_maps)

    @property
    def texts(self) -> list[str]:
        """The sentences and folders that are referred to by number."""
        return list(self._texts)

    def read_failures(self) -> Iterator[str]:
        """A JSON array [path, error type, message] each."""
        return self._read(self._failures)

    def read_rows(self) -> Iterator[str]:
        """A JSON array for each photo: name, folder, quality, decision, five attributes, category, reasons."""
        return self._read(self._rows)

    def read_chunks(self) -> Iterator[str]:
        """JSON arrays of ``CHUNK_PHOTOS`` photos' details, thumbnails among them."""
        kept = self._choose_thumbnails()
        self._jpegs.seek(0)
        chunk: list[str] = []
        for index, details in enumerate(self._read(self._details)):
            jpeg = self._jpegs.read(self._jpeg_sizes[index])
            chunk.append(f'{details[:-1]},"thumb":"{embed_jpeg(jpeg)}"}}' if kept[index] else details)
            if len(chunk) == CHUNK_PHOTOS:
                yield f"[{','.join(chunk)}]"
                chunk = []
        if chunk:
            yield f"[{','.join(chunk)}]"

    def count_thumbnails(self) -> int:
        """Photos that have one in the page."""
        return int(self._choose_thumbnails().sum())

    def _choose_thumbnails(self) -> NDArray[np.bool_]:
        """Whether each photo keeps its thumbnail: more may have been made than the page may have."""
        kept = np.zeros(len(self.figures), bool)
        ranked = self.figures.rank_for_a_look()
        has_one = np.array(self._jpeg_sizes) > 0
        kept[ranked[has_one[ranked]][: self._most_thumbnails]] = True
        return kept

    def _open(self) -> IO[bytes]:
        file: IO[bytes] = tempfile.TemporaryFile(dir=self._out.parent)  # noqa: SIM115 - closed in __exit__
        self._files.append(file)
        return file

    def _read(self, file: IO[bytes]) -> Iterator[str]:
        file.seek(0)
        for line in file:
            yield line[:-1].decode("ascii")

    def _build_details(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """What the gallery shows of one photo when asked; sentences as numbers, where they are kept in memory."""
        image = record["image"]
        return {
            "interval": record["interval"],
            "weighted": record["weighted_quality"],
            "size": [image["width_px"], image["height_px"]],
            "style": record["style"]["label"],
            "said": [[self._refer(reason["message"]), self._refer(reason["advice"])] for reason in record["reasons"]],
            "rules": [
                [
                    self._refer(outcome["rule"]),
                    outcome["state"],
                    *(
                        make_printable(cell) if isinstance(cell, str) else cell
                        for cell in (outcome["value"], outcome["limit"], outcome["unit"])
                    ),
                ]
                for outcome in record["rules"]
            ],
        }

    def _refer(self, text: str) -> int | str:
        text = make_printable(text)
        if text not in self._texts:
            if len(self._texts) >= MOST_TEXTS:
                return text
            self._texts[text] = len(self._texts)
        return self._texts[text]


def _push(heap: list[Any], item: Any, most: int) -> None:
    """Takes ``item`` into a heap that keeps its ``most`` largest."""
    (heapq.heappush if len(heap) < most else heapq.heappushpop)(heap, item)
