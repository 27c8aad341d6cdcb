"""Judges by its content what was fetched as a CSV: takes the CSV out of a .zip, and names what is no text."""

from __future__ import annotations

import tempfile
import zipfile
import zlib
from contextlib import ExitStack
from typing import BinaryIO

from livedash_core.errors import PermanentError

_PIECE_BYTES = 65_536
_ZIP = b"PK\x03\x04"
_EMPTY_ZIP = b"PK\x05\x06"
#: OLE 2: the .xls of Excel before 2007, and any encrypted workbook.
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_SAVE_AS = "in Excel: File, Save As, CSV UTF-8 (Comma delimited)"
_NO_TEXT = {
    _OLE: f"an Excel workbook (.xls, or protected by a password); save it as CSV, {_SAVE_AS}",
    b"%PDF-": "a PDF",
    b"PAR1": "a Parquet file; export it as CSV",
    b"\x89PNG": "an image",
    b"\xff\xd8\xff": "an image",
    b"\x1f\x8b\x08": "compressed with gzip twice; compress it once",
    b"BZh": "compressed with bzip2; only gzip and zip are read",
    b"\xfd7zXZ\x00": "compressed with xz; only gzip and zip are read",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive; only gzip and zip are read",
    b"\x28\xb5\x2f\xfd": "compressed with zstd; only gzip and zip are read",
    b"SQLite format 3": "an SQLite database; export the table as CSV",
}


def csv_in(file: BinaryIO, *, max_bytes: int, opened: ExitStack) -> BinaryIO:
    """Return ``file``, or the only CSV in it if it is a .zip, as a temporary file that ``opened`` closes.

    ``max_bytes`` limits the size after decompression. Raises ``PermanentError`` for workbooks and other files that are
    no text, and for an archive with another number of CSVs; the message continues "the file is".
    """
    file.seek(0)
    beginning = file.read(512)
    file.seek(0)
    if beginning.startswith((_ZIP, _EMPTY_ZIP)):
        return _unzipped(file, max_bytes, opened)
    for magic, description in _NO_TEXT.items():
        if beginning.startswith(magic):
            raise PermanentError(f"the file is {description}")
    return file


def _unzipped(file: BinaryIO, max_bytes: int, opened: ExitStack) -> BinaryIO:
    try:
        with zipfile.ZipFile(file) as archive:
            members = [
                member
                for member in archive.infolist()
                if not member.is_dir() and not member.filename.startswith("__MACOSX/")
            ]
            if any(member.filename in ("[Content_Types].xml", "mimetype") for member in members):
                raise PermanentError(f"the file is a workbook of Excel or LibreOffice; save it as CSV, {_SAVE_AS}")
            texts = [member for member in members if member.filename.lower().endswith((".csv", ".txt", ".tsv"))]
            chosen = members if len(members) == 1 else texts
            if len(chosen) != 1:
                raise PermanentError(f"the file is a .zip with {len(texts)} CSVs; it must have exactly one")
            into = opened.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the caller's stack closes it
            with archive.open(chosen[0]) as member:
                while piece := member.read(_PIECE_BYTES):
                    if into.tell() + len(piece) > max_bytes:
                        raise PermanentError(f"the CSV in the .zip is larger than {max_bytes:,} bytes")
                    into.write(piece)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        reason = "protected by a password" if isinstance(error, RuntimeError) else "broken, or compressed unusually"
        raise PermanentError(f"the file is a .zip that is {reason}") from None
    into.seek(0)
    return into
