"""A report as PDF, from the HTML document that holds all it needs. Pure.

WeasyPrint draws it; it stands on Pango, a library of the system, which a machine may lack: `write` says so by OSError.
Nothing is fetched, whatever the document names. Colours of pictures are the page's variables, which WeasyPrint knows in
styles and not in SVG, so there they are exchanged for the values of the document's own light mode.
"""

from __future__ import annotations

import logging
import re

# Letters that servers have, Latin ones first: a Chinese font would draw those too, and has no true bold.
STYLES = """
body {
  font-family: "Noto Sans", "Liberation Sans", "DejaVu Sans", "Noto Sans CJK SC", "WenQuanYi Zen Hei", sans-serif;
}
.row h2 { flex: 1; } section.card > p:first-of-type { break-after: avoid; }
table { font-size: 7pt; } th, td .small { font-size: 6.5pt; }
"""
_ROOT = re.compile(r":root\s*\{(.*?)\}", re.DOTALL)
_TOKEN = re.compile(r"--([\w-]+):\s*([^;]+);")
_SVG = re.compile(r"<svg\b.*?</svg>", re.DOTALL)
_VARIABLE = re.compile(r"var\(--([\w-]+)\)")


def write(html: str) -> bytes:
    """The PDF. Raises OSError or ImportError where the machine lacks what is needed."""
    # It says each step and each property of a screen that paper has no use for.
    for name in ("weasyprint", "weasyprint.progress"):
        logging.getLogger(name).setLevel(logging.ERROR)
    import weasyprint  # noqa: PLC0415 - heavy, and it loads libraries that may be missing
    from weasyprint.urls import URLFetcher  # noqa: PLC0415

    told = with_colours(html).replace("</head>", f"<style>{STYLES}</style></head>", 1)
    document = weasyprint.HTML(string=told, url_fetcher=URLFetcher(allowed_protocols=()))
    made: bytes = document.write_pdf()
    return made


def with_colours(html: str) -> str:
    """The document with the variables inside its pictures exchanged for the values of its first `:root` rule."""
    root = _ROOT.search(html)
    tokens = dict(_TOKEN.findall(root.group(1))) if root else {}

    def value(found: re.Match[str]) -> str:
        return str(tokens.get(found.group(1), "currentColor")).strip()

    return _SVG.sub(lambda picture: _VARIABLE.sub(value, picture.group(0)), html)
