"""What a teacher said of every view, in a file small enough to keep: whoever has the photographs, but not the hour that
the teacher takes to look at them, can make the same labels.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_runtime.errors import UsageError
from train.artifact import NPZ_ERRORS
from train.config import TeacherConfig
from train.config_reader import parse_config
from train.data.samples import Sample
from train.packing import pack_hints, pack_probabilities, unpack_hints, unpack_probabilities

__all__ = ["Answers", "load_answers"]


@dataclass(frozen=True)
class Answers:
    """A teacher's judgement of samples.

    Attributes:
        config: the teacher's.
        keys: (n,) the samples' names.
        outputs: ``quality`` (n,), ``attributes`` (n, 5), ``category`` and ``style`` probabilities (n, labels).
        known: attributes (n, 5) known of the samples themselves, NaN where unknown.
        hints: (n, count); see ``train.hints``. NaN where a model answered that has none.
    """

    config: TeacherConfig
    keys: NDArray[np.str_]
    outputs: dict[str, NDArray[np.float32]]
    known: NDArray[np.float32]
    hints: NDArray[np.float32]

    @property
    def files(self) -> frozenset[str]:
        """The photos that the samples show, as their manifests call them."""
        return frozenset(key.partition("|")[0] for key in self.keys.tolist())

    def find_missing(self, samples: Sequence[Sample]) -> list[Sample]:
        """Those of ``samples`` that the teacher was not asked about."""
        known = set(self.keys.tolist())
        return [sample for sample in samples if sample.key not in known]

    def extend(self, others: Answers) -> Answers:
        """These answers, then ``others``, under this config."""
        return Answers(
            self.config,
            np.concatenate([self.keys, others.keys]),
            {name: np.concatenate([values, others.outputs[name]]) for name, values in self.outputs.items()},
            np.concatenate([self.known, others.known]),
            np.concatenate([self.hints, others.hints]),
        )

    def select(self, samples: Sequence[Sample]) -> Answers:
        """Those of ``samples``, in their order.

        Raises:
            UsageError: the teacher was not asked about some of them.
        """
        place = {key: index for index, key in enumerate(self.keys.tolist())}
        if missing := self.find_missing(samples):
            raise UsageError(
                f"the teacher's answers lack {len(missing)} of {len(samples)} views (first: {missing[0].key}): pass "
                "the manifests they were made with, ask the teacher itself with --teacher, or an exported model with "
                "--otherwise"
            )
        rows = [place[sample.key] for sample in samples]
        outputs = {name: values[rows] for name, values in self.outputs.items()}
        return Answers(self.config, self.keys[rows], outputs, self.known[rows], self.hints[rows])

    def save(self, path: Path) -> None:
        """Writes a compressed ``.npz``: quality and attributes to half precision, the rest to 8 bits.

        Of the backbones' weights it says the files' names, not where they lay.
        """
        backbones = tuple(replace(entry, weights=Path(entry.weights).name) for entry in self.config.backbones)
        is_hinted = ~np.isnan(self.hints).any(axis=1)
        np.savez_compressed(
            path,
            config=json.dumps(asdict(replace(self.config, backbones=backbones))),
            keys=self.keys,
            quality=self.outputs["quality"].astype(np.float16),
            attributes=self.outputs["attributes"].astype(np.float16),
            known=self.known.astype(np.float16),
            category=pack_probabilities(self.outputs["category"]),
            style=pack_probabilities(self.outputs["style"]),
            is_hinted=is_hinted,
            **pack_hints(self.hints[is_hinted]),
        )


def load_answers(path: Path) -> Answers:
    """Reads what :meth:`Answers.save` wrote.

    Raises:
        UsageError: the file is missing, damaged or of another kind.
    """
    try:
        with np.load(path) as archive:
            arrays = dict(archive)
        config = parse_config(json.loads(str(arrays["config"])), TeacherConfig, str(path))
        probabilities = {name: unpack_probabilities(arrays[name]) for name in ("category", "style")}
        judged = {name: arrays[name].astype(np.float32) for name in ("quality", "attributes")}
        hints = np.full((len(arrays["keys"]), len(arrays["hints_low"])), np.nan, dtype=np.float32)
        is_hinted = arrays.get("is_hinted", np.ones(len(hints), dtype=bool))  # an older file has a hint for each
        hints[is_hinted] = unpack_hints(arrays)
        return Answers(config, arrays["keys"], {**judged, **probabilities}, arrays["known"].astype(np.float32), hints)
    except NPZ_ERRORS as error:
        raise UsageError(f"{path}: this is no file of a teacher's answers that can be read: {error}") from error
