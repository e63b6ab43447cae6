"""The rows of the table: which models there are to measure, and where their files lie."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from benchmarks.accuracy import Accuracy
from benchmarks.classics import CLASSICS
from benchmarks.environment import compute_sha256
from benchmarks.latency import LatencySummary, Measure, TurnPlan, interleave_rounds
from benchmarks.memory import Footprint
from benchmarks.peers.nima import NIMA_FILES
from edge_runtime.errors import PhotogateError, UsageError
from edge_runtime.model_file import unpack_model
from edge_runtime.models import DEFAULT_MODEL, find_model, list_models
from train.artifact import read_provenance

__all__ = [
    "ROW_KEYS",
    "Row",
    "build_model_rows",
    "build_rows",
    "check_split",
    "choose_split_seed",
    "find_default_artifact",
    "find_int8_model",
    "identify_model",
    "interleave_living",
    "read_split_seed",
]

Kind = Literal["teacher", "photogate", "classic", "nima"]

ROW_LABELS = {
    "teacher": "teacher",
    "float": "student float32",
    "pruned": "student pruned (float32)",
    "int8": "student int8",
    "vgg16": "VGG16 float32",
    "resnet50": "ResNet50 float32",
    "nima-technical": "NIMA technical (MobileNet)",
    "nima-aesthetic": "NIMA aesthetic (MobileNet)",
}
ROW_KEYS = tuple(ROW_LABELS)
REFERENCES = Path(__file__).parent / "reference"
"""The records of the models that ship, by name: float twin, provenance, metrics and parity report."""
REFERENCE = REFERENCES / DEFAULT_MODEL
ARTIFACT_ENDINGS = {"float": "-float.tflite", "pruned": "-pruned.tflite", "int8": ".tflite"}


@dataclass
class Row:
    """One model and what was found out about it; what was not measured stays empty.

    Attributes:
        key: one of :data:`ROW_KEYS`.
        label: for people.
        kind: how it is loaded and called.
        path: its file, or the teacher's folder; None where it is still to be made.
        weights: the teacher's backbone weights, if they have moved; see ``train.models.teacher.load_teacher``.
        trained: of a classic row, the folder of a teacher of that network alone, whose accuracy is the row's.
        note: why something is empty, or what must be known to read the figures.
        is_failed: the file is there, but could not be measured.
        accuracy: by subset.
        latency: by number of threads.
        name, version: that a photogate model bears.
        rounds: at one thread, latencies in milliseconds by round, by which rows are compared.
    """

    key: str
    label: str
    kind: Kind
    path: Path | None
    note: str = ""
    weights: Sequence[str] = ()
    trained: Path | None = None
    is_failed: bool = False
    accuracy: dict[str, Accuracy] = field(default_factory=dict)
    latency: dict[int, LatencySummary] = field(default_factory=dict)
    rounds: list[list[float]] = field(default_factory=list)
    footprint: Footprint | None = None
    size_bytes: int | None = None
    sha256: str = ""
    name: str | None = None
    version: str | None = None

    @property
    def is_usable(self) -> bool:
        """Whether there is something to measure and nothing has gone wrong yet."""
        return self.path is not None and self.path.exists() and not self.is_failed

    def add_note(self, note: str) -> None:
        """Appends to the note."""
        self.note = f"{self.note}; {note}" if self.note else note

    def fail(self, reason: str) -> None:
        """Marks the row as one that could not be measured."""
        self.is_failed = True
        self.add_note(f"failed: {reason}")


def build_rows(
    keys: Sequence[str],
    artifact: Path,
    teacher: Path,
    peers: Path,
    teacher_weights: Sequence[str] = (),
    trained: Sequence[str] = (),
) -> list[Row]:
    """The rows wanted, in the table's order; a row whose file is absent says so in its note.

    Args:
        keys: out of :data:`ROW_KEYS`.
        artifact: the folder that ``python -m compress run`` wrote, or one .tflite file, which is then the int8 row.
        teacher: the teacher's artifact folder.
        peers: the folder with the NIMA models.
        teacher_weights: see :class:`Row`.
        trained: "vgg16=FOLDER", "resnet50=FOLDER": where ``python -m train fit-teacher`` trained heads on that network.

    Raises:
        UsageError: an unknown key, or a folder in ``trained`` that is no teacher of that network alone.
    """
    unknown = sorted(set(keys) - set(ROW_KEYS))
    if unknown:
        raise UsageError(f"unknown rows {', '.join(unknown)}; there are {', '.join(ROW_KEYS)}")
    heads = _read_trained(trained)
    rows = []
    for key in (key for key in ROW_KEYS if key in keys):
        row: Row
        if key == "teacher":
            row = Row(key, ROW_LABELS[key], "teacher", teacher, weights=teacher_weights)
        elif key in CLASSICS:
            row = _build_classic(key, heads)
        elif key in NIMA_FILES:
            row = Row(key, ROW_LABELS[key], "nima", peers / NIMA_FILES[key])
        else:
            row = Row(key, ROW_LABELS[key], "photogate", _find_model(artifact, key))
        if row.path is not None and not row.path.exists():
            row.add_note(f"not found: {row.path}")
        rows.append(row)
    return rows


def build_model_rows(models: Sequence[tuple[str, Path]]) -> list[Row]:
    """A row for each photogate model (name, .tflite file); one whose file is absent says so in its note."""
    return [Row(name, name, "photogate", path, "" if path.exists() else f"not found: {path}") for name, path in models]


def interleave_living(
    rows: Sequence[Row], measures: Mapping[str, Measure], plan: TurnPlan
) -> dict[str, list[list[float]]]:
    """:func:`interleave_rounds`, begun anew without the teacher if its process dies on the way; its row then fails.

    Raises:
        PhotogateError: it was not the teacher's.
    """
    try:
        return interleave_rounds(measures, plan)
    except PhotogateError as error:
        for row in rows:
            if row.kind == "teacher" and row.key in measures:
                row.fail(str(error))
                return interleave_rounds({key: value for key, value in measures.items() if key != row.key}, plan)
        raise


def find_default_artifact() -> Path:
    """The artifact of one's own training where there is one, or the record of the default model."""
    own = Path("artifacts") / DEFAULT_MODEL
    return own if own.is_dir() else REFERENCE


def find_int8_model(artifact: Path) -> Path:
    """The int8 model of an artifact, for benchmarks of that one alone.

    Raises:
        UsageError: it is not there.
    """
    (row,) = build_rows(("int8",), artifact, Path(), Path())
    if row.path is None or not row.is_usable:
        raise UsageError(f"{artifact}: no model to measure ({row.note}); pass another --artifact")
    return row.path


def identify_model(path: Path | None) -> dict[str, str | None]:
    """``name`` and ``version`` of a photogate model, ``sha256`` of any file or folder; None where there is none."""
    found: dict[str, str | None] = {"name": None, "version": None, "sha256": None}
    if path is None or not path.exists():
        return found
    found["sha256"] = compute_sha256(path)
    if path.suffix == ".tflite":
        with suppress(PhotogateError):  # a .tflite of somebody else's, or a damaged one, of which its row tells
            contract = unpack_model(path)[1]
            found |= {"name": contract.name, "version": contract.version}
    return found


def choose_split_seed(artifact: Path, given: int | None) -> int:
    """The seed that was given, or else :func:`read_split_seed` of the artifact."""
    return read_split_seed(artifact) if given is None else given


def read_split_seed(artifact: Path) -> int:
    """The seed of the split that the artifact's models were trained with: ``split_seed`` of its provenance.

    Raises:
        UsageError: there is no such artifact, or it does not say. On a split that was guessed, models would be measured
            on what they have learnt.
    """
    is_shipped = artifact.resolve() in (path.resolve() for path in list_models())
    folder = REFERENCES / artifact.stem if is_shipped else artifact if artifact.is_dir() else artifact.parent
    path = folder / "provenance.json"
    if not path.is_file():
        if not artifact.exists():
            raise UsageError(
                f"{artifact}: there is no such artifact, to tell the split's seed: pass another, or --seed"
            )
        raise UsageError(
            f"{artifact}: no provenance.json beside it tells the split that it was trained with: pass the folder that "
            "`python -m compress run` made, or --seed"
        )
    try:
        return int(json.loads(path.read_text(encoding="utf-8"))["split_seed"])
    except (OSError, ValueError, TypeError, LookupError) as error:
        raise UsageError(f"{path}: no usable split_seed ({error}); pass --seed") from error


def check_split(rows: Sequence[Row], seed: int) -> None:
    """Fails the rows of teachers that learnt from photos on another split, and takes such heads from classics.

    On the part that ``seed`` sets apart, their accuracy would be that of photos they have learnt by heart.
    A row whose folder does not say its split's seed gets a note.
    """
    for row in rows:
        folder = row.path if row.kind == "teacher" else row.trained
        if folder is None or row.is_failed or not folder.exists():
            continue
        trained_with = _read_teacher_seed(folder)
        if trained_with is None:
            row.add_note("does not say its split seed: it may have learnt from photos of this part")
        elif trained_with != seed:
            reason = f"trained with split seed {trained_with}, not {seed}: it has learnt from photos of this part"
            if row.kind == "teacher":
                row.fail(reason)
            else:  # the bare network's latency and size are as good as ever
                row.trained = None
                row.add_note(f"accuracy left out: {reason}")


def _read_teacher_seed(folder: Path) -> int | None:
    """``split_seed`` of the config that a teacher was trained with; None where its folder does not say."""
    try:
        return int(json.loads((folder / "provenance.json").read_text(encoding="utf-8"))["config"]["split_seed"])
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _read_trained(trained: Sequence[str]) -> dict[str, tuple[Path, int]]:
    """By network: the folder of its heads, and the side in pixels of the picture that they were trained on."""
    found = {}
    for entry in trained:
        name, _, folder = entry.partition("=")
        if name not in CLASSICS or not folder:
            raise UsageError(f"{entry!r}: write {' or '.join(f'{key}=FOLDER' for key in CLASSICS)}")
        backbones = read_provenance(Path(folder), "teacher")["config"]["backbones"]
        side_px = {backbone["name"]: int(backbone["input_size_px"]) for backbone in backbones}
        if list(side_px) != [name]:
            raise UsageError(f"{folder}: a teacher on {' and '.join(side_px)} does not tell what {name} can do")
        found[name] = Path(folder), side_px[name]
    return found


def _build_classic(key: str, trained: Mapping[str, tuple[Path, int]]) -> Row:
    if key not in trained:
        return Row(key, ROW_LABELS[key], "classic", None, "latency only, untrained")
    folder, side_px = trained[key]
    note = f"accuracy of heads trained on its frozen features at {side_px} px; all else of the bare network, untrained"
    return Row(key, ROW_LABELS[key], "classic", None, note, trained=folder)


def _find_model(artifact: Path, key: str) -> Path:
    """The file of one precision; named after the model, whose name the artifact's folder need not share."""
    if artifact.suffix == ".tflite":
        # One file stands for the int8 row alone; the others are told where they would be.
        return artifact if key == "int8" else artifact.with_name(artifact.stem + ARTIFACT_ENDINGS[key])
    others = tuple(ending for other, ending in ARTIFACT_ENDINGS.items() if other != "int8")
    found = sorted(artifact.glob(f"*{ARTIFACT_ENDINGS[key]}"))
    if key == "int8":
        found = [path for path in found if not path.name.endswith(others)]
    if len(found) > 1:
        raise UsageError(f"{artifact}: several files could be the {key} row: {', '.join(path.name for path in found)}")
    record = artifact.resolve()
    if not found and key == "int8" and record.parent == REFERENCES.resolve():
        return find_model(record.name)  # it lies in the package and is not kept twice
    return found[0] if found else artifact / f"{artifact.name}{ARTIFACT_ENDINGS[key]}"
