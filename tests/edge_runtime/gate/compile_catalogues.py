"""Makes each catalogue's .mo, which gettext reads, from its .po, which people write; both are in the repository.

    python tests/edge_runtime/gate/compile_catalogues.py           # write them
    python tests/edge_runtime/gate/compile_catalogues.py --check   # exit 1 if one is not what its .po says

GNU ``msgfmt`` would do, but not every machine has it, and the standard library ships no compiler. Only what the two
files use is understood: comments, and pairs of msgid and msgstr, each a text over one or more lines.
"""

from __future__ import annotations

import ast
import struct
import sys
from pathlib import Path

MO_MAGIC = 0x950412DE  # https://www.gnu.org/software/gettext/manual/html_node/MO-Files.html
HEADER_BYTES = 28
CHECKOUT = Path(__file__).resolve().parents[3]


def read_po(path: Path) -> dict[str, str]:
    """Texts by key, in the order of the file; the empty key holds the header.

    Raises:
        ValueError: a line that is not understood, a key without a text, or a key that stands there twice.
    """
    entries: list[tuple[str, list[str]]] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        keyword, _, rest = line.partition(" ") if line[0] != '"' else ("", "", line)
        wanted = {"msgid": "msgstr", "msgstr": "msgid"}
        if keyword and (keyword not in wanted or (entries[-1][0] if entries else "msgstr") != wanted[keyword]):
            raise ValueError(f"{path}:{number}: {keyword!r} is not understood here")
        if keyword:
            entries.append((keyword, []))
        entries[-1][1].append(ast.literal_eval(rest))
    keys = ["".join(parts) for keyword, parts in entries if keyword == "msgid"]
    texts = ["".join(parts) for keyword, parts in entries if keyword == "msgstr"]
    if len(set(keys)) != len(keys):
        raise ValueError(f"{path}: {', '.join(sorted({key for key in keys if keys.count(key) > 1}))}: there twice")
    if not all(texts) or len(keys) != len(texts):
        raise ValueError(f"{path}: a key has no text")
    return dict(zip(keys, texts, strict=True))


def build_mo(texts: dict[str, str]) -> bytes:
    """The catalogue in gettext's binary form: two tables of lengths and offsets, sorted by key, then the texts."""
    pairs = sorted((key.encode(), text.encode()) for key, text in texts.items())
    offset = HEADER_BYTES + 16 * len(pairs)
    tables, body = [], b""
    for column in (0, 1):
        for pair in pairs:
            tables.append(struct.pack("<II", len(pair[column]), offset + len(body)))
            body += pair[column] + b"\0"
    # Magic, revision 0, count, where the two tables start, and no hash table.
    header = struct.pack("<7I", MO_MAGIC, 0, len(pairs), HEADER_BYTES, HEADER_BYTES + 8 * len(pairs), 0, offset)
    return header + b"".join(tables) + body


def main() -> int:
    """Writes or checks the catalogues; the exit code."""
    stale = []
    for source in sorted(CHECKOUT.glob("edge_runtime/gate/locale/*/LC_MESSAGES/*.po")):
        target, content = source.with_suffix(".mo"), build_mo(read_po(source))
        if not target.is_file() or target.read_bytes() != content:
            stale.append(target)
            if "--check" not in sys.argv:
                target.write_bytes(content)
    for target in stale:
        print(f"{target}: {'is not what its .po says' if '--check' in sys.argv else 'written'}")
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
