"""WCAG 2.2, 1.4.3 and 1.4.11: text has a contrast of 4.5, parts of a graphic 3, in both themes."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

CSS = (files("livedash_core.web") / "static" / "page.css").read_text()
COLOURS = dict(re.findall(r"--([\w-]+): light-dark\((#\w{6}, #\w{6})\)", CSS))


def luminance(colour: str) -> float:
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in channels]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize(("theme", "position"), [("light", 0), ("dark", 1)])
@pytest.mark.parametrize(
    ("front", "back", "least"),
    [
        *((front, back, 4.5) for front in ("ink", "muted", "link") for back in ("canvas", "surface", "alert-surface")),
        ("alert", "surface", 4.5),
        ("alert", "alert-surface", 4.5),
        ("ink", "bubble", 4.5),
        *((front, "surface", 3) for front in ("completed", "in-progress", "failed", "muted")),
    ],
)
def test_colours_have_enough_contrast(theme: str, position: int, front: str, back: str, least: float) -> None:
    found = contrast(*(COLOURS[name].split(", ")[position] for name in (front, back)))

    assert found >= least, f"{front} on {back} in {theme}: {found:.2f}"


def test_the_text_of_a_button_has_enough_contrast() -> None:
    assert all(contrast("#ffffff", colour) >= 4.5 for colour in COLOURS["accent"].split(", "))
