"""The bricks of the page: escaping, tables, figures, and the frame around it all, without one outside address."""

from __future__ import annotations

import html
from collections.abc import Sequence

__all__ = ["Markup", "build_page", "build_table", "build_text_cell", "escape", "format_number", "format_share", "shade"]

ABSENT = "–"

STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5b6675; --line: #dfe4ea; --card: #fff; --ground: #f3f5f8;
  --good: 24, 138, 80; --bad: 200, 48, 48; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --soft: #9aa6b5; --line: #313b48; --card: #1b222c;
  --ground: #12171e; --good: 60, 180, 115; --bad: 235, 90, 90; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1060px; margin: 0 auto; padding: 16px 12px 48px; }
h1 { font-size: 1.5rem; line-height: 1.2; margin: 8px 0 4px; }
h2 { font-size: 1.15rem; margin: 0 0 6px; }
h3 { font-size: 1rem; margin: 18px 0 4px; }
p { margin: 4px 0 10px; max-width: 46rem; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 14px; margin: 14px 0; }
.soft, small, caption { color: var(--soft); }
.scroll { overflow-x: auto; margin: 8px -14px; padding: 0 14px; }
table { border-collapse: collapse; font-size: 0.87rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding-bottom: 4px; }
th, td { text-align: right; padding: 4px 9px; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { font-weight: 600; vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0; background: var(--card); }
td:first-child { white-space: normal; min-width: 5.5rem; max-width: 22rem; overflow-wrap: break-word; }
th.text, td.text { text-align: left; white-space: normal; }
td small { display: block; line-height: 1.2; }
td.met { color: rgb(var(--good)); font-weight: 600; } td.missed { color: rgb(var(--bad)); font-weight: 600; }
tr.head td { font-weight: 600; padding-top: 10px; }
details { margin: 8px 0; } summary { cursor: pointer; font-weight: 600; }
img { max-width: 100%; } img.plot { width: 520px; border-radius: 6px; display: block; }
svg { vertical-align: middle; }
.gallery { display: flex; flex-wrap: wrap; gap: 12px; margin-top: 8px; }
figure { margin: 0; flex: 1 1 136px; max-width: 190px; }
figure img { width: 100%; height: 140px; object-fit: contain; background: var(--ground);
  border-radius: 6px; display: block; }
figcaption { font-size: 0.8rem; line-height: 1.35; overflow-wrap: anywhere; }
@media (max-width: 640px) { main { padding: 8px 6px 32px; } section { padding: 12px 10px; }
  .scroll { margin: 8px -10px; padding: 0 10px; } table { font-size: 0.78rem; } th, td { padding: 4px 5px; }
  th { white-space: normal; } td:first-child { min-width: 7rem; max-width: 9.5rem; } td.text { min-width: 10rem; } }
"""
# Whatever a photo's name or a manifest's cell may hold, the browser is told to fetch nothing and to run nothing.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


class Markup(str):
    """Text that is HTML already; everything else is escaped."""

    __slots__ = ()


def build_page(title: str, sections: Sequence[str]) -> str:
    """The whole document.

    Args:
        title: plain text.
        sections: HTML of each.
    """
    body = "\n".join(sections)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{html.escape(title)}</h1>\n{body}\n</main>\n</body>\n</html>\n"
    )


def build_table(headers: Sequence[str], rows: Sequence[Sequence[str]], caption: str = "") -> str:
    """A table that scrolls sideways in its own frame; a row of one cell is a heading between rows.

    Args:
        headers: plain text, or :class:`Markup`; one that begins with ``<th`` brings its own tag.
        rows: cells likewise, with ``<td``.
        caption: plain text above the table.
    """
    lines = []
    for row in rows:
        if len(row) == 1:
            lines.append(f'<tr class="head"><td colspan="{len(headers)}">{escape(row[0])}</td></tr>')
        else:
            lines.append(f"<tr>{''.join(_build_cell(cell) for cell in row)}</tr>")
    head = "".join(_build_cell(header, "th") for header in headers)
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    body = "\n".join(lines)
    return f'<div class="scroll"><table>{title}<thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table></div>'


def escape(text: str) -> str:
    """HTML of a text, or a Markup as it is."""
    return text if isinstance(text, Markup) else html.escape(text)


def format_number(value: float | None, digits: int = 3) -> str:
    """A number, or a dash for None."""
    return ABSENT if value is None else f"{value:.{digits}f}"


def format_share(value: float | None) -> str:
    """A share on 0-1 as per cent, or a dash for None."""
    return ABSENT if value is None else f"{100 * value:.1f} %"


def shade(text: str, share: float | None, is_good: bool = True) -> Markup:
    """A cell tinted the stronger, the higher ``share`` (0-1) is: green for what is good, red for what is not."""
    tint = 0.0 if share is None else 0.5 * min(max(share, 0.0), 1.0)
    name = "good" if is_good else "bad"
    return Markup(f'<td style="background:rgba(var(--{name}),{tint:.2f})">{escape(text)}</td>')


def build_text_cell(text: str, tag: str = "td") -> Markup:
    """A cell, or with ``tag`` "th" a header, of plain text that stands on the left and wraps."""
    return Markup(f'<{tag} class="text">{escape(text)}</{tag}>')


def _build_cell(cell: str, tag: str = "td") -> str:
    return cell if isinstance(cell, Markup) and cell.startswith(f"<{tag}") else f"<{tag}>{escape(cell)}</{tag}>"
