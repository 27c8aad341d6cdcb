"""WebVTT captions, as meeting tools export them: https://www.w3.org/TR/webvtt1/. SubRip's differ in a comma."""

from __future__ import annotations

import html
import re
from datetime import datetime, timedelta

from livedash_core.parsing.stamps import UNREADABLE, Stamp, at_instant
from livedash_core.parsing.transcript.labels import label_of_line
from livedash_core.parsing.transcript.messages import RawMessage, Reading
from livedash_core.parsing.transcript.speakers import MARKS, Speaker, SpeakerTable

_HEADER = re.compile(rf"[\s{MARKS}]*WEBVTT(?:[ \t].*)?(?:\n|$)")
_SUBRIP = re.compile(rf"[\s{MARKS}]*\d{{1,6}}[ \t]*\n\d\d:\d\d:\d\d,\d{{3}}[ \t]+-->[ \t]", re.ASCII)
_TIMING = re.compile(
    r"[ \t]*(?:(\d{1,4}):)?(\d\d):(\d\d)[.,](\d{3})[ \t]+-->[ \t]+[\d:.,]{5,16}(?:[ \t].*)?$", re.ASCII
)
_VOICE = re.compile(r"<v(?:\.[^\s>]{1,40})?[ \t]([^>\n]{1,80})>", re.IGNORECASE)
_COMMENT = re.compile(r"(?:NOTE|STYLE|REGION)\b")
_TAG = re.compile(r"</?[a-z0-9:.][^<>\n]{0,100}>", re.IGNORECASE)


def is_webvtt(text: str) -> bool:
    """Whether ``text`` has the first line of the format."""
    return _HEADER.match(text) is not None or _SUBRIP.match(text) is not None


def read_webvtt(text: str, started_at: datetime | None, table: SpeakerTable) -> Reading:
    """A message per speaker and run of cues; times count from the start of the session.

    Captions break a sentence into cues: those of one speaker in a row are one message.
    """
    reading = Reading([], format="vtt", first_line="WEBVTT")
    header = _HEADER.match(text)
    speaker: Speaker | None = None
    stamp: Stamp | None = None
    words: list[str] = []

    def end_message() -> None:
        if words:
            reading.messages.append(RawMessage(speaker, "\n".join(words), stamp))
            words.clear()

    for block in re.split(r"\n[ \t]*\n", text[header.end() if header else 0 :]):
        lines = block.strip("\n").split("\n")
        position = next((index for index, line in enumerate(lines[:2]) if _TIMING.match(line)), None)
        if position is None:
            is_comment = _COMMENT.match(block.strip("\n")) is not None
            reading.notes["items_without_text"] += is_comment
            if not is_comment and block.strip():
                end_message()
                reading.messages.append(RawMessage(None, block.strip()))
            continue
        for voice, content in _voices("\n".join(lines[position + 1 :]), table):
            if not words or (voice is not None and voice != speaker):
                end_message()
                speaker, stamp = voice, _stamp(_TIMING.match(lines[position]), started_at)
            words.append(content)
    end_message()
    return reading


def _stamp(match: re.Match[str] | None, started_at: datetime | None) -> Stamp:
    if match is None or started_at is None:
        return UNREADABLE
    elapsed = timedelta(
        hours=int(match[1] or 0), minutes=int(match[2]), seconds=int(match[3]), milliseconds=int(match[4])
    )
    try:
        return at_instant(started_at + elapsed)
    except OverflowError:
        return UNREADABLE


def _voices(text: str, table: SpeakerTable) -> list[tuple[Speaker | None, str]]:
    pieces = _VOICE.split(text)
    found: list[tuple[Speaker | None, str]] = []
    if before := _plain(pieces[0]):
        label = label_of_line(before, table)
        found.append((None, before) if label is None else (label.speaker, before[label.end :].strip()))
    found += [
        (Speaker(html.unescape(name).strip()), content)
        for name, words in zip(pieces[1::2], pieces[2::2], strict=True)
        if (content := _plain(words))
    ]
    return found


def _plain(text: str) -> str:
    return html.unescape(_TAG.sub("", text)).strip()
