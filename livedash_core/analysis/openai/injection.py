"""Signs that a user's words are meant for the model that analyses them; pure.

They change nothing: the closed schema, the fence and the absence of tools bound the damage. They are noted, so that
somebody can look at such a session before its analysis is believed. Whoever avoids these words is not found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from livedash_core.analysis.contract import Turn
from livedash_core.enums import CATEGORIES

# "Ignore all previous instructions", in the languages of the chats.
_VERBS = "ignore|disregard|forget|negeer|vergeet|ignorier(?:e|en|t)?|vergiss|vergesst|vergessen"
_WHICH = (
    "all|any|previous|prior|above|earlier|your|alle|eerdere|vorige|voorgaande|bovenstaande|jouw|"
    "vorherigen?|bisherigen?|obigen?|deine"
)
_ORDERS = "(?:instruction|prompt|rule|instructie|opdracht|regel|anweisung|instruktion|vorgabe)(?:s|n|en)?"
_WORDS = [
    rf"(?:{_VERBS})\b.{{0,20}}\b(?:{_WHICH})\b.{{0,30}}\b{_ORDERS}\b",
    r"(?:new instructions|nieuwe instructies|neue anweisungen)\s{0,3}:",
    r"syst(?:em|eem)[ -]?prompts?\b",
    # What is analysed, by the names that only we have for it.
    r"(?:sentiment|category|escalated)[\"']?\s{0,3}[=:]",
    rf"(?:forwarded_hr|{'|'.join(name.casefold() for name in CATEGORIES if '_' in name)})\b",
]
# A turn that is not the user's, in a chat or in a model's own notation.
_TURNS = [r"^[ \t]*(?:system|assistant)[ \t]*:", r"<\|\w+\|>", r"\[/?inst\]", r"[\"']role[\"']\s{0,3}:"]
#: Of casefolded text, and each alternative bounded: to ignore case takes it ten times as long.
_CUE = re.compile(rf"\b(?:{'|'.join(_WORDS)})|{'|'.join(_TURNS)}", re.DOTALL | re.MULTILINE)


def injection_cues(turns: Iterable[Turn]) -> int:
    """How many of the user's messages hold one."""
    return sum(turn.role == "User" and _CUE.search(turn.content.casefold()) is not None for turn in turns)
