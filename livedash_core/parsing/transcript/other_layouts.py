"""Plain text whose speakers have no colon behind them, written again with one.

Each layout is used only if it makes both sides speak, where the text as it is written does not.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator

from livedash_core.parsing.stamps import STAMP
from livedash_core.parsing.transcript.labels import label_of_line, with_colons
from livedash_core.parsing.transcript.speakers import MARKS, Speaker, SpeakerTable, label_key

#: Without a space at its end, and gaps are bounded, so that the time stays linear for a line of spaces.
_NAME = r"[^\W\d_](?:[^\s:：\[\](){}<>|]|[ \u00a0](?=\S)){0,40}?"
_GAP = rf"[ \t\u00a0\u202f{MARKS}]{{0,8}}"
#: Names have letters of all scripts, times have ASCII digits.
_INLINE = re.IGNORECASE | re.MULTILINE
_CLOCK = STAMP.replace(r"\d", "[0-9]")
_TIME_IN_FRONT = rf"(?:[\[(]?(?P<time>{_CLOCK})[\])]?{_GAP}(?:[-–—|,;]{_GAP})?)?"
#: ``[User] hi``, ``<user> hi``, ``10:05 <jan> hi``
_TAGGED = re.compile(rf"^{_GAP}{_TIME_IN_FRONT}[\[<({{](?P<name>{_NAME})[\]>)}}]{_GAP}[:：]?(?=[ \t\S])", _INLINE)
#: ``User > hi``, ``User - hi``, ``10:05 | User | hi``, ``2026-03-02 10:05:01,user,hi``
_SEPARATED = re.compile(
    rf"^{_GAP}{_TIME_IN_FRONT}(?P<name>{_NAME}){_GAP}"
    r"(?:->|=>|[→»>–—|]|(?<=[ \t])-(?=[ \t])|(?P<cell>[,;\t]))(?=[ \t\S])",
    _INLINE,
)
#: ``User at 10:05 AM: hi``
_TIMED_BEHIND = re.compile(
    rf"^{_GAP}(?P<name>{_NAME}){_GAP}[,|–—-]?[ \t]{{1,8}}(?:(?:at|um|om|à)[ \t]+)?[\[(]?(?P<time>{_CLOCK})[\])]?"
    rf"{_GAP}[:：–—-](?=[ \t]\S)",
    _INLINE,
)
#: Salesforce's seconds since the chat began, and a name.
_ELAPSED = re.compile(
    rf"^{_GAP}\([ \t]*(?:\d{{1,4}}h[ \t]+)?(?:\d{{1,4}}m[ \t]+)?\d{{1,5}}s[ \t]*\){_GAP}(?P<name>{_NAME}):", _INLINE
)
_SPEAKER_KEY = "role|sender|author|from|speaker|who|by"
_TIME_KEY = "time|timestamp|date|created_at|sent_at"
_TEXT_KEY = "content|text|message|body|msg"
#: ``role: user`` above ``content: hi``, as in YAML, with a time between or behind.
_KEYED = re.compile(
    rf"""^[ \t]*(?:-[ \t]+)?(?:{_SPEAKER_KEY})[ \t]*:[ \t]*["']?(?P<name>{_NAME})["']?[ \t]*\n"""
    rf"""(?:[ \t]*(?:{_TIME_KEY})[ \t]*:[ \t]*["']?(?P<time>{_CLOCK})["']?[ \t]*\n)?"""
    rf"""[ \t]*(?:{_TEXT_KEY})[ \t]*:(?:[ \t]*[|>]-?[ \t]*$)?(?P<words>.*)"""
    rf"""(?:\n[ \t]*(?:{_TIME_KEY})[ \t]*:[ \t]*["']?(?P<time_behind>{_CLOCK})["']?[ \t]*$)?""",
    _INLINE,
)
#: ``10:05 User`` or ``User 10:05`` alone on a line, or the time on the line below the name.
_HEAD = re.compile(
    rf"^{_GAP}[*_]{{0,3}}(?:[\[(]?(?P<time>{_CLOCK})[\])]?{_GAP}(?:[-–—|,]{_GAP})?(?P<name>{_NAME})"
    rf"|(?P<name_first>{_NAME})[*_]{{0,3}}(?:[ \t]{{0,8}}[,|–—-])?"
    rf"(?:[ \t\u00a0]{{1,8}}(?:(?:APP|BOT|at|um|om|à)[ \t]+)?|\n{_GAP})"
    rf"[\[(]?(?P<time_behind>{_CLOCK})[\])]?){_GAP}$",
    _INLINE,
)
_CHAT_ML = re.compile(
    r"<\|(?:im_start|start_header_id)\|>[ \t]*(\w{1,20})(?:<\|end_header_id\|>)?\s?|<\|(user|assistant|system)\|>\s?"
)
_CHAT_ML_END = re.compile(r"<\|(?:im_end|end|eot_id|endoftext|begin_of_text)\|>")
_SENTENCE = re.compile(r"</?s>")
#: Up to the next beginning, so that the time stays linear.
_INSTRUCTED = re.compile(r"\[INST\]\s{0,8}<<SYS>>((?:(?!<<SYS>>|<</SYS>>).)*)<</SYS>>", re.DOTALL)
#: A robot, or a person of any skin and with any suffix, at the beginning of a line.
_EMOJI = re.compile(
    "^[ \\t]*(\U0001f916|[\U0001f464\U0001f466-\U0001f469\U0001f9d1\U0001f64b])"
    "[\U0001f3fb-\U0001f3ff\ufe0f\u200d\u2640\u2642\U0001f4bc\U0001f4bb]{0,6}[ \\t]*[:：]?(?=[ \\t]*\\S)",
    re.MULTILINE,
)
_HAS_DATE = re.compile(r"[0-9][-./][0-9]{1,2}[-./][0-9]|[^\W\d_]{3} [0-9]{1,2},? [0-9]{4}|^[ \t]*[\[(]")
#: Lines that can hold a name and a time are short.
_MAX_HEAD_WORDS = 4
#: Longer texts are read as they are: each layout looks through all lines.
_MAX_CHARACTERS = 300_000


def rewritten(text: str, table: SpeakerTable) -> Iterator[str]:
    """Return ``text`` with colons behind its speakers, once for each layout that it may have."""
    layouts: tuple[Callable[[str, SpeakerTable], str], ...] = (
        _elapsed,
        _keyed,
        with_colons,
        _tagged,
        _separated,
        _timed_behind,
        _with_heads,
    )
    if len(text) > _MAX_CHARACTERS:
        return
    for tokens in (_chat_ml, _instructions, _emoji):
        if (read := tokens(text)) != text:
            yield read
    for layout in layouts:
        if (read := layout(text, table)) != text:
            yield read


def _chat_ml(text: str) -> str:
    if "<|" not in text:
        return text
    return _CHAT_ML_END.sub("", _CHAT_ML.sub(lambda match: f"\n{match[1] or match[2]}: ", text))


def _instructions(text: str) -> str:
    """``[INST] <<SYS>> what it is <</SYS>> a question [/INST] an answer``, as some models are trained."""
    if "[/INST]" not in text:
        return text
    text = _INSTRUCTED.sub("\nSystem: \\1\n[INST]", _SENTENCE.sub("", text))
    return text.replace("[INST]", "\nUser: ").replace("[/INST]", "\nAssistant: ")


def _emoji(text: str) -> str:
    return _EMOJI.sub(lambda match: "Bot: " if match[1] == "\U0001f916" else "User: ", text)


def _elapsed(text: str, table: SpeakerTable) -> str:
    """If the text calls one of two speakers an agent ("Agent Anna S"), that one answers and the other one asks."""
    names = {match["name"].strip() for match in _ELAPSED.finditer(text)}
    answering = {name for name in names if f"Agent {name}" in text or table.find(Speaker(name), loosely=True)}
    if len(names) != 2 or not answering:
        return text

    def label(match: re.Match[str]) -> str:
        name = match["name"].strip()
        if table.find(Speaker(name), loosely=False):
            return f"{name}:"
        side = table.find(Speaker(name), loosely=True) or ("Agent" if name in answering else "Visitor")
        return f"{name} ({side}):"

    return _ELAPSED.sub(label, text)


def _keyed(text: str, _: SpeakerTable) -> str:
    def label(match: re.Match[str]) -> str:
        time = match["time"] or match["time_behind"]
        name = match["name"].strip()
        return f"[{time}] {name}:{match['words']}" if time else f"{name}:{match['words']}"

    return _KEYED.sub(label, text)


def _timed_behind(text: str, table: SpeakerTable) -> str:
    return _with_labels(text, _TIMED_BEHIND, table, also_unknown=True)


def _tagged(text: str, table: SpeakerTable) -> str:
    return _with_labels(text, _TAGGED, table, also_unknown=True)


def _separated(text: str, table: SpeakerTable) -> str:
    return _with_labels(text, _SEPARATED, table, also_unknown=True)


def _with_labels(text: str, pattern: re.Pattern[str], table: SpeakerTable, *, also_unknown: bool) -> str:
    sides: set[str | None] = set()

    def label(match: re.Match[str]) -> str:
        time, name = match["time"], match["name"].strip()
        known = table.find(Speaker(name), loosely=time is not None)
        is_cell = match.groupdict().get("cell") is not None
        if (known is None and (is_cell or not (also_unknown and time))) or (is_cell and not time):
            return match[0]
        sides.add(known)
        return f"[{time}] {name}: " if time else f"{name}: "

    read = pattern.sub(label, text)
    return read if len(sides - {"System"}) > 1 else text


def _with_heads(text: str, table: SpeakerTable) -> str:
    """Read a name and a time alone on a line as the beginning of a message.

    The name must be in the table, occur on another such line, or stand below an empty line. If it is not in the table
    and the next line also has a time, the line belongs to the message above it.
    """
    heads = list(_HEAD.finditer(text))
    if len(heads) < 2:
        return text
    names = [_name_in(head) for head in heads]
    times_said = Counter(map(label_key, names))
    pieces: list[str] = []
    end = 0
    followers = [*(head.start() for head in heads[1:]), len(text)]
    for head, name, follower in zip(heads, names, followers, strict=True):
        known = table.find(Speaker(name), loosely=True)
        above = text[max(0, head.start() - 2) : head.start()]
        is_name = len(name.split()) <= _MAX_HEAD_WORDS
        is_alone = times_said[label_key(name)] > 1 or above in ("", "\n", "\n\n") or _HAS_DATE.search(head[0])
        if known or (is_name and is_alone and _speaks_below(text, head.end(), follower, table)):
            pieces += text[end : head.start()], f"[{head['time'] or head['time_behind']}] {name}: "
            end = head.end()
    return "".join([*pieces, text[end:]])


def _speaks_below(text: str, begin: int, end: int, table: SpeakerTable) -> bool:
    line = text[begin:end].lstrip().partition("\n")[0]
    label = label_of_line(line, table)
    return bool(line) and not (label is not None and label.is_timed)


def _name_in(head: re.Match[str]) -> str:
    return (head["name"] or head["name_first"]).strip(" \t\u00a0,|-–—*_")
