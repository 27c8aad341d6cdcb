"""The style sheet, scripts and icon. They are routes and not a mount: a mount would skip the access check."""

from __future__ import annotations

from importlib.resources import files

from fastapi import APIRouter, HTTPException, Response

#: The files that are served. A requested name is looked up here and never becomes a path.
MEDIA_TYPES = {
    "actions.js": "text/javascript",
    "airflow.js": "text/javascript",
    "icon.svg": "image/svg+xml",
    "page.css": "text/css",
    "page.js": "text/javascript",
    "runs.js": "text/javascript",
}

_directory = files(__package__) / "static"
router = APIRouter()


@router.get("/static/{name}")
def static_file(name: str) -> Response:
    """Return one of the files; 404 for any other name."""
    if name not in MEDIA_TYPES:
        raise HTTPException(404)
    return Response((_directory / name).read_bytes(), media_type=MEDIA_TYPES[name])
