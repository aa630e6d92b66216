"""Replace Font Awesome's script and fonts, 2 MB, by the few icons that the rendered pages show."""

from __future__ import annotations

import re
from pathlib import Path

from fontTools import subset

ICON = re.compile(r"\bfa-([a-z0-9-]+)")
RULE = re.compile(r"((?:\.fa-[a-z0-9-]+:{1,2}before,?)+)\{content:\"\\?([^\"]+)\"\}")
SCRIPT = re.compile(r'<script src="[^"]*fontawesome[^"]*"></script>\n?')
PRELOAD = re.compile(r'<link rel="preload" as="font"[^>]*>\n?')


def keep_used_icons(html: Path) -> None:
    """Rewrite the pages and the icon fonts of a rendered book in place."""
    folder = next((html / "_static" / "vendor" / "fontawesome").iterdir())
    pages, used = list(html.rglob("*.html")), set[str]()
    for page in pages:
        text = page.read_text("utf-8")
        used |= set(ICON.findall(text))
        page.write_text(PRELOAD.sub("", SCRIPT.sub("", text)), "utf-8")
    css = folder / "css" / "all.min.css"
    glyphs: set[int] = set()

    def keep(rule: re.Match[str]) -> str:
        if not used & set(ICON.findall(rule[1])):
            return ""
        glyphs.add(int(rule[2], 16) if len(rule[2]) > 1 else ord(rule[2]))
        return rule[0]

    text = RULE.sub(keep, css.read_text("utf-8"))
    faces = re.findall(r"@font-face\{[^}]*\}", text)
    kept = [face for face in faces if r"Font Awesome\ 6" in face]  # the others are older names
    text = re.sub(r"@font-face\{[^}]*\}", "", text) + "".join(dict.fromkeys(kept))
    text = re.sub(r"(\w[\w-]+)\.woff2\) format\(\"woff2\"\),url\([^)]*\)[^;}]*", r"\1.woff)", text)
    css.write_text(text, "utf-8")
    for font in (folder / "webfonts").iterdir():
        if font.suffix == ".ttf":
            options = subset.Options(flavor="woff")
            made = subset.load_font(font, options)
            smaller = subset.Subsetter(options)
            smaller.populate(unicodes=glyphs)
            smaller.subset(made)
            subset.save_font(made, font.with_suffix(".woff"), options)
        font.unlink()
    for script in (folder / "js").iterdir():
        script.unlink()
