"""``photogate watch``: cameras, streams and videos in, a line a frame out, until they end or somebody says so."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from edge_runtime.camera.sources import Source, describe_sources, open_source
from edge_runtime.camera.sources.address import parse_source
from edge_runtime.camera.sources.live_source import LiveSource
from edge_runtime.camera.viewfinder import Viewfinder
from edge_runtime.cli.watch_best import BestShotFile, find_originals
from edge_runtime.cli.watch_lines import LineWriter, describe_summary
from edge_runtime.cli.watch_options import add_watch_options, build_source_options, name_sources
from edge_runtime.cli.watch_session import Watch
from edge_runtime.cli.watch_streams import WatchedSource
from edge_runtime.errors import UsageError
from edge_runtime.gate.policy import Policy, load_policy
from edge_runtime.interpreter import quiet_native_log
from edge_runtime.models import find_model
from edge_runtime.scorer import PhotoScorer

if TYPE_CHECKING:  # for it need not be loaded where nothing is monitored
    from edge_runtime.camera.monitor import Monitor

__all__ = ["add_command", "run_watch"]

EPILOG = """\
Ctrl-C and SIGTERM end it cleanly, with the summary as the last line.

Exit codes: 0 all fine, also when a camera, a stream or standard input was ended by Ctrl-C, by --duration or in the
window; 1 a source broke off or gave no picture, or frames could not be scored; 2 wrong usage, a source that cannot be
opened, or no usable model, policy, interpreter; 130 Ctrl-C before the end of a file or a folder; 141 the reader of the
output went away.
"""


def add_command(commands: Any) -> None:
    """Adds the command to argparse's subparsers."""
    parser = commands.add_parser(
        "watch",
        help="score the frames of cameras, streams and videos as they come",
        description="Scores frames. Of a camera or a stream the newest frame counts, and those that come while it is "
        "scored are dropped and counted; of files, folders and standard input each is scored, but see --realtime.",
        epilog=f"{describe_sources()}\n{EPILOG}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_watch_options(parser)
    parser.set_defaults(run=run_watch)


def run_watch(options: argparse.Namespace) -> int:
    """Watches what ``options.sources`` names.

    Returns:
        The exit code, as the command's help lists them.

    Raises:
        ModelError, PolicyError, RuntimeUnavailableError, SourceError, UsageError: nothing can be watched at all.
        BrokenPipeError: nobody reads the output any more.
    """
    named = name_sources(options.sources)
    source_options = build_source_options(options)
    policy = load_policy(options.policy)
    best = None
    if options.best_shot is not None:
        if len(named) > 1:
            raise UsageError(
                f"--best-shot keeps the best of one source, and there are {len(named)}; run one watch for each"
            )
        window_ms = max(10, round(1e3 * options.best_seconds))
        originals = find_originals(named[0][1])
        best = BestShotFile(options.best_shot, window_ms, originals=originals, force=options.force)
    _check_monitor_options(options)
    with quiet_native_log():
        scorer = PhotoScorer.from_file(find_model(options.model), options.threads)
    with scorer, ExitStack() as stack:
        viewfinder = None
        if options.view:
            viewfinder = stack.enter_context(_open_viewfinder(policy, options.language))
        is_quiet = options.view and options.format is None and sys.stdout.isatty()
        lines = LineWriter(None if is_quiet else sys.stdout, options.format or "jsonl", options.every)
        monitor = None if options.monitor is None else stack.enter_context(_open_monitor(options, named, scorer))
        watch = Watch(lines, policy, viewfinder, best, monitor)
        for name, text in named:
            source = stack.enter_context(open_source(text, source_options))
            watch.add(_build_source(name, text, source, scorer, watch, monitor, options))
        watch.run(options.duration)
        summary = watch.build_summary()
        lines.write_summary(summary)
    if is_quiet:
        print(describe_summary(summary), file=sys.stderr)
    watch.check_best()
    return watch.choose_exit_code()


def _check_monitor_options(options: argparse.Namespace) -> None:
    """Before anything is opened, a window among others.

    Raises:
        UsageError: two options contradict each other.
    """
    if options.monitor is None:
        if options.relearn:
            raise UsageError("--relearn is for --monitor, and there is none; add --monitor FILE.toml or leave it out")
        return
    for option in ("view", "best_shot"):
        if getattr(options, option):
            raise UsageError(
                f"--{option.replace('_', '-')} shows scores, and --monitor events; leave one of the two out"
            )


@contextmanager
def _open_viewfinder(policy: Policy, language: str) -> Iterator[Viewfinder]:
    """A window, or where none can be opened a line of text, with a word about why."""
    from edge_runtime.camera.overlay import has_letters
    from edge_runtime.camera.viewfinder_screens import TextScreen, WindowScreen, explain_no_window

    why = explain_no_window()
    if why is not None:
        print(f"photogate watch: no window, {why}; a line of text instead", file=sys.stderr, flush=True)
    elif not has_letters(language):
        print(
            "photogate watch: no Chinese font was found here, so the window speaks English", file=sys.stderr, flush=True
        )
        language = "en"
    screen = TextScreen(sys.stderr, language) if why is not None else WindowScreen()
    try:
        yield Viewfinder(screen, policy, language)
    finally:
        screen.close()


def _open_monitor(options: argparse.Namespace, named: list[tuple[str | None, str]], scorer: PhotoScorer) -> Monitor:
    from edge_runtime.camera.monitor import Monitor, load_monitor_config

    config = load_monitor_config(options.monitor)
    for name, text in named:
        config.find_regions(name or parse_source(text).name)  # now, and not when its first frame comes
    return Monitor(config, scorer, relearns=options.relearn)


def _build_source(
    name: str | None,
    text: str,
    source: Source,
    scorer: PhotoScorer,
    watch: Watch,
    monitor: Monitor | None,
    options: argparse.Namespace,
) -> WatchedSource:
    is_live = isinstance(source, LiveSource)
    return WatchedSource(
        name or source.name,
        source,
        scorer,
        watch,
        is_live=is_live or options.realtime,
        is_endless=is_live or parse_source(text).kind == "stdin",
        skip_unchanged=not options.no_skip_unchanged,
        keep_frames=options.best_shot is not None,
        monitor=monitor,
    )
