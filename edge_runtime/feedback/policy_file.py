"""A policy back into TOML, so that the gate reads exactly what was fitted."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from edge_runtime.gate.policy import OwnWords, Policy
from edge_runtime.output_file import write_output

__all__ = ["format_policy", "save_policy"]


def format_policy(policy: Policy, comments: Sequence[str] = ()) -> str:
    """TOML from which ``parse_policy`` makes an equal policy.

    Args:
        policy: any that ``load_policy`` can give.
        comments: lines to stand on top.
    """
    lines = [f"# {line}".rstrip() for comment in comments for line in comment.splitlines()]
    lines += [f"name = {_quote(policy.name)}", "", "[quality]"]
    lines += [f"accept_from = {float(policy.accept_from)!r}", f"reject_below = {float(policy.reject_below)!r}"]
    lines += [f"judged_by = {_quote(policy.judged_by)}", *_format_words(policy.quality_words)]
    for limit in policy.attribute_limits:
        lines += ["", f"[attributes.{limit.attribute}]", f"minimum = {float(limit.minimum)!r}"]
        lines += [f"reject_below = {float(limit.reject_below)!r}"] * (limit.reject_below > 0)
        lines += ["required = true"] * limit.is_required
        lines += _format_words(limit.words)
    lines += ["", "[weights]", *(f"{name} = {float(weight)!r}" for name, weight in policy.weights.items())]
    if policy.checked_elsewhere:
        names = ", ".join(_quote(name) for name in policy.checked_elsewhere)
        lines += ["", "[rules]", f"checked_elsewhere = [{names}]"]
    return "\n".join(lines) + "\n"


def save_policy(
    policy: Policy, path: str | os.PathLike[str], comments: Sequence[str] = (), *, force: bool = False
) -> None:
    """Writes a policy file.

    Args:
        policy, comments: see :func:`format_policy`.
        path: the file.
        force: replace an existing file.

    Raises:
        UsageError: the file exists or cannot be written.
    """
    write_output(Path(path), format_policy(policy, comments), force=force)


def _format_words(words: OwnWords) -> list[str]:
    pairs = (("message", words.message), ("advice", words.advice))
    return [f"{key} = {_quote(text)}" for key, text in pairs if text is not None]


def _quote(text: str) -> str:
    """A TOML basic string: JSON's, but for DEL, which TOML wants escaped, too."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
