"""Plain text whose speakers have no colon behind them, written again with one.

Each layout is used only if it makes both sides speak, where the text as it is written does not.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator

from livedash_core.parsing.stamps import STAMP
from livedash_core.parsing.transcript.labels import GAP, with_colons
from livedash_core.parsing.transcript.speakers import Speaker, SpeakerTable, label_key

_NAME = r"[^\W\d_][^:：\n\t\[\](){}<>|]{0,40}?"
#: Names have letters of all scripts, times have ASCII digits.
_INLINE = re.IGNORECASE | re.MULTILINE
_CLOCK = STAMP.replace(r"\d", "[0-9]")
_TIME_IN_FRONT = rf"(?:[\[(]?(?P<time>{_CLOCK})[\])]?{GAP}(?:[-–—|,;]{GAP})?)?"
#: ``[User] hi``, ``<user> hi``, ``10:05 <jan> hi``
_TAGGED = re.compile(rf"^{GAP}{_TIME_IN_FRONT}[\[<({{](?P<name>{_NAME})[\]>)}}]{GAP}[:：]?(?=[ \t\S])", _INLINE)
#: ``User > hi``, ``User - hi``, ``10:05 | User | hi``, ``2026-03-02 10:05:01,user,hi``
_SEPARATED = re.compile(
    rf"^{GAP}{_TIME_IN_FRONT}(?P<name>{_NAME}){GAP}(?:->|=>|[→»>–—|]|(?<=[ \t])-(?=[ \t])|(?P<cell>[,;\t]))(?=[ \t\S])",
    _INLINE,
)
#: ``10:05 User`` or ``User 10:05`` alone on a line, or the time on the line below the name.
_HEAD = re.compile(
    rf"^{GAP}(?:[\[(]?(?P<time>{_CLOCK})[\])]?{GAP}(?:[-–—|,]{GAP})?(?P<name>{_NAME})"
    rf"|(?P<name_first>{_NAME})(?:[ \t]*[,|–—-])?(?:[ \t\u00a0]+(?:(?:APP|BOT|at|um|om|à)[ \t]+)?|\n{GAP})"
    rf"[\[(]?(?P<time_behind>{_CLOCK})[\])]?){GAP}$",
    _INLINE,
)
_CHAT_ML = re.compile(
    r"<\|(?:im_start|start_header_id)\|>[ \t]*(\w{1,20})(?:<\|end_header_id\|>)?\s?|<\|(user|assistant|system)\|>\s?"
)
_CHAT_ML_END = re.compile(r"<\|(?:im_end|end|eot_id|endoftext|begin_of_text)\|>")
#: Lines that can hold a name and a time are short.
_MAX_HEAD_WORDS = 4


def rewritten(text: str, table: SpeakerTable) -> Iterator[str]:
    """Return ``text`` with colons behind its speakers, once for each layout that it may have."""
    layouts: tuple[Callable[[str, SpeakerTable], str], ...] = (with_colons, _tagged, _separated, _with_heads)
    if (read := _chat_ml(text)) != text:
        yield read
    for layout in layouts:
        if (read := layout(text, table)) != text:
            yield read


def _chat_ml(text: str) -> str:
    if "<|" not in text:
        return text
    return _CHAT_ML_END.sub("", _CHAT_ML.sub(lambda match: f"\n{match[1] or match[2]}: ", text))


def _tagged(text: str, table: SpeakerTable) -> str:
    return _with_labels(text, _TAGGED, table, also_unknown=True)


def _separated(text: str, table: SpeakerTable) -> str:
    return _with_labels(text, _SEPARATED, table, also_unknown=False)


def _with_labels(text: str, pattern: re.Pattern[str], table: SpeakerTable, *, also_unknown: bool) -> str:
    sides: set[str | None] = set()

    def label(match: re.Match[str]) -> str:
        time, name = match["time"], match["name"].strip()
        known = table.find(Speaker(name), loosely=time is not None)
        if (known is None and not (also_unknown and time)) or (match.groupdict().get("cell") and not time):
            return match[0]
        sides.add(known)
        return f"[{time}] {name}: " if time else f"{name}: "

    read = pattern.sub(label, text)
    return read if len(sides - {"System"}) > 1 else text


def _with_heads(text: str, table: SpeakerTable) -> str:
    """A name and a time alone on a line, of names that are known, come again, or stand below an empty line."""
    heads = list(_HEAD.finditer(text))
    if len(heads) < 2:
        return text
    names = [_name_in(head) for head in heads]
    times_said = Counter(map(label_key, names))
    pieces: list[str] = []
    end = 0
    for head, name in zip(heads, names, strict=True):
        known = table.find(Speaker(name), loosely=True)
        above = text[max(0, head.start() - 2) : head.start()]
        is_name = len(name.split()) <= _MAX_HEAD_WORDS
        if known or (is_name and (times_said[label_key(name)] > 1 or above in ("", "\n", "\n\n"))):
            pieces += text[end : head.start()], f"[{head['time'] or head['time_behind']}] {name}: "
            end = head.end()
    return "".join([*pieces, text[end:]])


def _name_in(head: re.Match[str]) -> str:
    return (head["name"] or head["name_first"]).strip(" \t\u00a0,|-–—")
