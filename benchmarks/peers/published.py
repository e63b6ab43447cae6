"""What others have published about models that are too heavy to run here, each figure with the place it was read.

Nothing here was measured by this project, and none of it on BIQ2021: KonIQ-10k, SPAQ and LIVE in the Wild are phone and
web photos like BIQ2021's, but not the same. ``learnt_from`` tells which were seen in training.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PUBLISHED", "PublishedFigure"]

IQA_PYTORCH = "github.com/chaofengc/IQA-PyTorch, tests/NR_benchmark_results.csv at 01ae427"
IDEALO = "github.com/idealo/image-quality-assessment, README"
ONE_ALIGN = "huggingface.co/q-future/one-align, README (Q-Align, arXiv:2312.17090)"


@dataclass(frozen=True)
class PublishedFigure:
    """One SRCC with people's ratings as published.

    Attributes:
        learnt_from: the rated photos that the model was trained on.
        judged_on: the rated photos of the figure.
        source: where it was read.
    """

    model: str
    learnt_from: str
    judged_on: str
    srcc: float
    source: str


PUBLISHED: tuple[PublishedFigure, ...] = (
    PublishedFigure("NIMA aesthetic, MobileNet (the one measured above)", "AVA", "AVA, its test part", 0.609, IDEALO),
    PublishedFigure(
        "NIMA technical, MobileNet (the one measured above)", "TID2013", "TID2013, its test part", 0.675, IDEALO
    ),
    PublishedFigure("NIMA (pyiqa's)", "AVA", "KonIQ-10k", 0.6662, IQA_PYTORCH),
    PublishedFigure("NIMA (pyiqa's)", "AVA", "SPAQ", 0.5201, IQA_PYTORCH),
    PublishedFigure("BRISQUE", "LIVE", "KonIQ-10k", 0.23, IQA_PYTORCH),
    PublishedFigure("BRISQUE", "LIVE", "SPAQ", 0.5259, IQA_PYTORCH),
    PublishedFigure("NIQE", "no ratings", "KonIQ-10k", 0.3769, IQA_PYTORCH),
    PublishedFigure("NIQE", "no ratings", "SPAQ", 0.6929, IQA_PYTORCH),
    PublishedFigure("CLIP-IQA", "no ratings", "KonIQ-10k", 0.6572, IQA_PYTORCH),
    PublishedFigure("CLIP-IQA+", "KonIQ-10k", "LIVE in the Wild", 0.8045, IQA_PYTORCH),
    PublishedFigure("HyperIQA (pyiqa's)", "KonIQ-10k", "KonIQ-10k, its test part", 0.904, IQA_PYTORCH),
    PublishedFigure("HyperIQA (pyiqa's)", "KonIQ-10k", "LIVE in the Wild", 0.7546, IQA_PYTORCH),
    PublishedFigure("MUSIQ", "KonIQ-10k", "KonIQ-10k, its test part", 0.916, ONE_ALIGN),
    PublishedFigure("MUSIQ", "KonIQ-10k", "SPAQ", 0.8676, IQA_PYTORCH),
    PublishedFigure("TOPIQ", "KonIQ-10k", "KonIQ-10k, its test part", 0.9299, IQA_PYTORCH),
    PublishedFigure("TOPIQ", "KonIQ-10k", "SPAQ", 0.8704, IQA_PYTORCH),
    PublishedFigure("LIQE", "SPAQ among others", "SPAQ, its test part", 0.922, ONE_ALIGN),
    PublishedFigure("OneAlign", "KonIQ-10k, SPAQ and others", "KonIQ-10k, its test part", 0.941, ONE_ALIGN),
)
