"""``photogate report``: photos and folders in, one HTML page out."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from pathlib import Path
from typing import Any, TextIO, cast

from edge_runtime.cli.gate import GATE_COLUMNS, summarize
from edge_runtime.cli.inputs import expand_paths
from edge_runtime.cli.options import add_photo_options, add_rule_options, load_detectors, read_count
from edge_runtime.cli.progress import ProgressBar
from edge_runtime.cli.tables import Writer, build_writer
from edge_runtime.cli.words import say
from edge_runtime.errors import ModelError, UsageError
from edge_runtime.explain import Explainer
from edge_runtime.gate import Gate
from edge_runtime.interpreter import quiet_native_log
from edge_runtime.models import find_model
from edge_runtime.originals import Originals
from edge_runtime.output_file import OutputFile
from edge_runtime.report import write_report
from edge_runtime.report.write import MOST_THUMBNAILS
from edge_runtime.scorer import PhotoScorer

__all__ = ["add_command", "run_report"]

USUAL_HEAT_MAPS = 12
PAGE_SUFFIXES = (".html", ".htm")
DATA_FORMATS = {".jsonl": "jsonl", ".csv": "csv"}


def add_command(commands: Any) -> None:
    """Adds the command to argparse's subparsers."""
    parser = commands.add_parser(
        "report",
        help="one HTML page about many photos",
        description="Judges photos as `photogate gate` does and writes one page about them: plots, tables, and a "
        "gallery to sort and filter. The page is a single file that loads nothing.",
        epilog="Exit codes: 0 the page is written, 1 it is, but some inputs failed, 2 wrong usage, or no usable model, "
        "policy, rule pack, interpreter.",
    )
    add_photo_options(parser, has_format=False)
    add_rule_options(parser)
    parser.add_argument("-o", "--output", required=True, type=Path, metavar="OUT", help="the page, an .html file")
    parser.add_argument("--title", metavar="T", help="the page's heading")
    parser.add_argument(
        "--data", type=Path, metavar="FILE", help="write the records, too: .jsonl or .csv, as `photogate gate` prints"
    )
    parser.add_argument(
        "--max-thumbnails",
        type=read_count(0),
        default=MOST_THUMBNAILS,
        metavar="N",
        help="photos with a thumbnail, those first that need a look (default: %(default)s)",
    )
    parser.add_argument(
        "--heat-maps",
        type=read_count(0),
        metavar="N",
        help=f"photos with a heat map of where they lose points, in the same order; each takes half a second "
        f"(default: {USUAL_HEAT_MAPS}, or none with a model that shows none)",
    )
    parser.add_argument("--force", action="store_true", help="replace files that are there")
    parser.set_defaults(run=run_report)


def run_report(options: argparse.Namespace) -> int:
    """Writes the page about what ``options.paths`` names.

    Returns:
        0, or 1 if an input failed.

    Raises:
        ModelError, PolicyError, RuntimeUnavailableError, UsageError: no page can be made at all.
    """
    if options.output.suffix.lower() not in PAGE_SUFFIXES:
        raise UsageError(
            f"--output {options.output}: a report is an HTML page in a file of its own; end the name in .html"
        )
    data = _open_data(options)
    with quiet_native_log():
        model = find_model(options.model)
        scorer = PhotoScorer.from_file(model, options.threads)
        explainer = _open_explainer(scorer, model, options.heat_maps)
    detectors = load_detectors(options)
    gate = Gate(scorer, options.policy, options.rules, language=options.language, detectors=detectors)
    inputs = list(expand_paths(options.paths, is_recursive=options.recursive))
    originals = Originals(entry for entry in inputs if isinstance(entry, str))
    for output in (options.output, options.data):
        if output is not None:
            originals.check(output, force=options.force, makes_folder=False)
    with contextlib.ExitStack() as stack:
        stack.enter_context(scorer)
        progress = stack.enter_context(ProgressBar(len(inputs)))
        writer: Writer | None = None
        if data is not None:
            stream = cast("TextIO", stack.enter_context(data))
            writer = build_writer(DATA_FORMATS[data.path.suffix.lower()], stream, GATE_COLUMNS, ())

        def take(record: dict[str, Any]) -> None:
            if writer is not None:
                writer.write(record)
            progress.advance()

        summary = write_report(
            inputs,
            gate,
            options.output,
            title=options.title,
            max_thumbnails=options.max_thumbnails,
            heat_maps=(USUAL_HEAT_MAPS if options.heat_maps is None else options.heat_maps) if explainer else 0,
            explainer=explainer,
            force=options.force,
            on_record=take,
        )
    counts = {
        "accept": summary.accepted,
        "review": summary.review,
        "reject": summary.rejected,
        "failed": summary.failed,
    }
    size = f"{summary.size_bytes / 1e6:.1f}"
    text = say(gate.language, "report", summary=summarize(gate, counts), path=summary.path, size=size)
    print(text, file=sys.stderr)
    return 1 if summary.failed else 0


def _open_explainer(scorer: PhotoScorer, model: Path, heat_maps: int | None) -> Explainer | None:
    """Who draws the heat maps; None: none are wanted, or none were asked for and the model shows none.

    Raises:
        ModelError: they were asked for, and the model shows none.
    """
    if heat_maps == 0:
        return None
    try:
        return Explainer(scorer, model)
    except ModelError:
        if heat_maps is not None:
            raise
        return None


def _open_data(options: argparse.Namespace) -> OutputFile | None:
    if options.data is None:
        return None
    if options.data.suffix.lower() not in DATA_FORMATS:
        raise UsageError(f"--data {options.data}: cannot tell the format; end the name in {' or '.join(DATA_FORMATS)}")
    if os.path.realpath(options.data) == os.path.realpath(options.output):
        raise UsageError(f"--data {options.data}: is the page itself; choose another name")
    return OutputFile(options.data, force=options.force)
