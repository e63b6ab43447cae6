"""The gate: one photo in, one decision out, with every reason for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from time import perf_counter
from types import MappingProxyType
from typing import Any

from edge_runtime.decode import DecodedPhoto
from edge_runtime.errors import UsageError
from edge_runtime.gate.catalogue import load_catalogue
from edge_runtime.gate.check_names import CHECKS
from edge_runtime.gate.checks import RuleOutcome, check_rule
from edge_runtime.gate.evidence import Evidence, FileFacts
from edge_runtime.gate.overlay import OVERLAY_CHECKS, OverlayDetector
from edge_runtime.gate.policy import Policy, find_reasons, load_policy
from edge_runtime.gate.reasons import find_decision, order_reasons
from edge_runtime.gate.rule_reasons import RuleReason, build_rule_reason
from edge_runtime.gate.rules import RulePack, load_pack
from edge_runtime.gate.toml_table import find_near
from edge_runtime.gate.weights import compute_weighted_quality
from edge_runtime.result import Decides, Decision, Reason, Score, ScoreFailure
from edge_runtime.scorer import Photo, PhotoScorer, each

__all__ = ["Gate", "GateResult"]


@dataclass(frozen=True, slots=True)
class GateResult:
    """What the gate says about one photo.

    Attributes:
        decision: "accept", "review" or "reject".
        reasons: those that reject first, then those that ask for a review, then advice; each of these the score's
            first, then the rules', in the order of the packs. ``decides`` of each says which it is.
        score: the model's answer.
        weighted_quality: the weighted mean of the attributes, 0-100, whichever quality the policy judges by.
        outcomes: of every rule that applies today, with its pack.
        policy: the policy's name.
        rules_ms: time that the rules took, in milliseconds.
    """

    decision: Decision
    reasons: tuple[Reason | RuleReason, ...]
    score: Score
    weighted_quality: float
    outcomes: tuple[tuple[RulePack, RuleOutcome], ...]
    policy: str
    rules_ms: float

    def to_dict(self) -> dict[str, Any]:
        """One JSON object: the score's, with verdict, weighted quality, reasons and the outcome of every rule."""
        document = self.score.to_dict()
        timings = document["timings_ms"]
        timings["rules"] = round(self.rules_ms, 2)
        timings["total"] = round(timings["total"] + self.rules_ms, 2)
        first = {"path": document.pop("path")} if "path" in document else {}
        return {
            **first,
            "verdict": self.decision,
            "quality": document.pop("quality"),
            "weighted_quality": round(self.weighted_quality, 1),
            **{key: document.pop(key) for key in ("interval", "interval_coverage", "band", "attributes")},
            "category": document.pop("category"),
            "style": document.pop("style"),
            "reasons": [reason.to_dict() for reason in self.reasons],
            "rules": [outcome.to_dict(pack.name) for pack, outcome in self.outcomes],
            "policy": self.policy,
            **document,
        }


class Gate:
    """Decides about photos by a policy and, if wanted, the rules of marketplaces.

    The stricter of the two wins. A photo that breaks a must of a pack is rejected. A must that could not be checked
    makes an accepted photo one to review, for nobody has looked, unless the policy lists that check under
    ``checked_elsewhere``. What a pack only recommends adds reasons and changes nothing.
    """

    def __init__(
        self,
        scorer: PhotoScorer,
        policy: Policy | str | Path | None = None,
        rules: RulePack | str | Path | Sequence[RulePack | str | Path] | None = (),
        *,
        language: str = "en",
        detectors: Mapping[str, OverlayDetector] = MappingProxyType({}),
        today: date | None = None,
    ) -> None:
        """Reads what there is to read.

        Args:
            scorer: scores the photos; it stays its owner's to close.
            policy: a policy, or its file; None: the default policy.
            rules: packs, their files, or names as "ebay"; one alone need not be in a list. None: no rules.
            language: of messages and advice: "en" or "zh".
            detectors: for the checks "text" and "watermark", by these names; without one they are "not checked".
            today: the day that decides which rules apply; None: the day of each call.

        Raises:
            PolicyError: the policy or a pack cannot be used.
            UsageError: an unknown language, a detector for another check, or the same pack twice.
        """
        load_catalogue(language)
        for name in detectors:
            if name not in OVERLAY_CHECKS:
                raise UsageError(f"no detector can be given for {name!r}; {find_near(name, OVERLAY_CHECKS)}")
        self._scorer = scorer
        self.policy = load_policy(policy)
        packs = [rules] if isinstance(rules, (RulePack, str, Path)) else rules or ()
        self.packs = tuple(pack if isinstance(pack, RulePack) else load_pack(pack) for pack in packs)
        names = [pack.name for pack in self.packs]
        if len(set(names)) != len(names):
            raise UsageError(f"two rule packs have one name ({', '.join(names)}); leave one out or rename it")
        self.language = language
        self._detectors = detectors
        self._today = today
        self._needs_pixels = any(CHECKS[rule.check].needs_pixels for pack in self.packs for rule in pack.rules)

    def judge(self, photo: Photo, color_order: str = "rgb") -> GateResult:
        """Decides about one photo.

        Args:
            photo: as for ``PhotoScorer.score``, whose score is the same.
            color_order: of a frame: "rgb" or "bgr".

        Raises:
            InputError: the photo cannot be read or decoded.
            UsageError: the scorer is closed.
        """
        if self._needs_pixels:
            return self.judge_and_decode(photo, color_order)[0]
        return self._decide(photo, self._scorer.score(photo, color_order), None)

    def judge_and_decode(self, photo: Photo, color_order: str = "rgb") -> tuple[GateResult, DecodedPhoto]:
        """Decides about one photo and hands out its picture, too, for those who show it.

        Args and errors are those of :meth:`judge`; so is the result.
        """
        score, decoded = self._scorer.score_and_decode(photo, color_order)
        return self._decide(photo, score, decoded), decoded

    def judge_many(self, photos: Iterable[Photo], color_order: str = "rgb") -> Iterator[GateResult | ScoreFailure]:
        """Decides about photos one after another, lazily and in order; one that fails does not stop the others.

        Yields:
            A GateResult, or a ScoreFailure with the path (or "#index") and the error.
        """
        return each(lambda photo: self.judge(photo, color_order), photos)

    def _decide(self, photo: Photo, score: Score, decoded: DecodedPhoto | None) -> GateResult:
        started = perf_counter()
        outcomes = []
        if self.packs:
            image, box = (decoded.image, decoded.box) if decoded is not None else (None, None)
            evidence = Evidence(score.image, FileFacts.read(photo), image, box)
            outcomes = list(self._check(evidence))
        reasons: list[Reason | RuleReason] = list(find_reasons(score, self.policy, self.language))
        for pack, outcome in outcomes:
            # That nobody checked a recommendation is no reason for anything.
            if outcome.state == "failed" or (outcome.state == "not_checked" and outcome.level == "must"):
                reasons.append(build_rule_reason(outcome, pack, self.language, self._find_decides(outcome)))
        return GateResult(
            find_decision(reasons),
            order_reasons(reasons),
            score,
            compute_weighted_quality(score.attributes, self.policy.weights),
            tuple(outcomes),
            self.policy.name,
            1e3 * (perf_counter() - started),
        )

    def _find_decides(self, outcome: RuleOutcome) -> Decides:
        """The verdict that an outcome other than "passed" asks for."""
        if outcome.level != "must":
            return None
        if outcome.state == "failed":
            return "reject"
        return None if outcome.rule.check in self.policy.checked_elsewhere else "review"

    def _check(self, evidence: Evidence) -> Iterator[tuple[RulePack, RuleOutcome]]:
        today = self._today or date.today()
        for pack in self.packs:
            for rule in pack.rules:
                level = rule.level_on(today)
                if level is not None:
                    yield pack, check_rule(rule, level, evidence, self._detectors, today)
