"""Memory and load time of one peer in a process of its own: ``python -m benchmarks.peers.footprint KEY ...``.

The baseline is a process with Python, numpy, Pillow, and one decoded photo; the peer's libraries count as its own, for
who uses it has to load them.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

from benchmarks.fresh_process import run_python
from benchmarks.memory import Footprint, compute_growth_bytes, peak_rss_bytes, reset_peak_rss, rss_bytes
from benchmarks.peers.catalogue import PeerFiles, find_peer
from edge_runtime.decode import decode_photo

__all__ = ["main", "measure_peer_footprint"]


def measure_peer_footprint(key: str, files: PeerFiles, photo: Path) -> Footprint:
    """Opens the peer in a fresh process and scores ``photo`` twice.

    Raises:
        UsageError: the process fails; the message is its last line.
    """
    named = {"--model": files.model, "--folder": files.folder, "--boosted": files.boosted}
    given = [part for name, path in named.items() if path is not None for part in (name, str(path.resolve()))]
    output = run_python(["-m", "benchmarks.peers.footprint", key, str(photo.resolve()), *given])
    return Footprint(**json.loads(output.strip().splitlines()[-1]))


def main(arguments: list[str] | None = None) -> int:
    """Entry of the fresh process: prints one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers.footprint")
    parser.add_argument("key")
    parser.add_argument("photo", type=Path)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--boosted", type=Path)
    options = parser.parse_args(arguments)
    picture = decode_photo(options.photo).image
    reset_peak_rss()
    before_bytes = rss_bytes()
    start = time.perf_counter()
    score = find_peer(options.key).open(PeerFiles(options.model, options.folder, options.boosted))
    loaded = time.perf_counter()
    score(picture)
    first = time.perf_counter()
    score(picture)
    growth_bytes = compute_growth_bytes(before_bytes, peak_rss_bytes())
    print(json.dumps(asdict(Footprint((loaded - start) * 1e3, (first - loaded) * 1e3, growth_bytes))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
