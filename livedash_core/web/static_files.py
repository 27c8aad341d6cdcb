"""The few files that make the pages look right. Routes, not a mount: a mount would not be behind the guard."""

from __future__ import annotations

from importlib.resources import files

from fastapi import APIRouter, HTTPException, Response

#: What may be asked for; a name is looked up here and never becomes a path.
MEDIA_TYPES = {
    "actions.js": "text/javascript",
    "icon.svg": "image/svg+xml",
    "page.css": "text/css",
    "page.js": "text/javascript",
    "theme.js": "text/javascript",
}

_directory = files(__package__) / "static"
router = APIRouter()


@router.get("/static/{name}")
def static_file(name: str) -> Response:
    """One of the files; 404 for any other name."""
    if name not in MEDIA_TYPES:
        raise HTTPException(404)
    return Response((_directory / name).read_bytes(), media_type=MEDIA_TYPES[name])
