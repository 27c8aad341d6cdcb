"""What the readers of the several formats find, and what is made of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from livedash_core.enums import Role
from livedash_core.parsing.stamps import Stamp
from livedash_core.parsing.transcript.speakers import Speaker


class ParsedMessage(NamedTuple):
    """One message; ``content`` is never empty, ``sent_at`` in UTC."""

    role: Role
    content: str
    sent_at: datetime


class RawMessage(NamedTuple):
    """A message as its format gives it. Without a ``speaker`` it is a System message."""

    speaker: Speaker | None
    content: str
    stamp: Stamp | None = None


@dataclass(slots=True)
class Reading:
    """What a format's reader found in a text, in the order of the text.

    ``newest_first`` tells that the format may list the newest message first. ``first_line`` is what an error quotes.
    """

    messages: list[RawMessage]
    notes: Counter[str] = field(default_factory=Counter)
    format: str = "text"
    in_fields: bool = False
    newest_first: bool = False
    first_line: str = ""


@dataclass(frozen=True, slots=True)
class Transcript:
    """The messages in the order of the text, ``sent_at`` never decreasing; none when nothing was said.

    ``speakers`` has each speaker as the text calls it, with the role that was read.
    ``problem`` says why no message may be trusted: the speakers are unknown. ``notes`` count what was read otherwise
    than it is written; what did not happen is not in it:

    - ``unknown_speakers``: names in no table; what they said is kept as System messages with the name in front
    - ``assumed_speakers``: the one unknown name beside one known side, read as the other side
    - ``role_lines_inside_messages``: lines like ``User: jdoe`` that were left in the message around them
    - ``lines_split``: messages that began in the middle of a line
    - ``lines_without_speaker``: timed lines without a name, kept as System messages
    - ``labels_without_text``: lines that are a speaker with a time or name and nothing else; no message is made of them
    - ``items_without_text``: entries of a JSON or HTML file that say nothing
    - ``times_unreadable``, ``times_ambiguous`` (day and month cannot be told apart), ``times_out_of_order``,
      ``times_far_from_session`` (more than ``FAR_FROM_SESSION``)
    - ``escapes_kept``: ``\\n`` and ``\\t`` written as two characters, as in the text format of PostgreSQL's COPY
    - ``order_reversed``: the file lists the newest message first
    """

    messages: list[ParsedMessage]
    notes: dict[str, int]
    problem: str | None = None
    format: str = "text"
    speakers: dict[str, Role] = field(default_factory=dict)
