"""Detect phrases that try to instruct the model that analyses the conversation; pure.

The analysis does not change: the closed schema, the fence and the absence of tools limit the damage. The number of
such messages is noted, so that a reader can check the session. Other wordings are not detected.
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
    # The names of our result fields and categories.
    r"(?:sentiment|category|escalated)[\"']?\s{0,3}[=:]",
    rf"(?:forwarded_hr|{'|'.join(name.casefold() for name in CATEGORIES if '_' in name)})\b",
]
# A forged turn of another role, in a chat's or a model's notation.
_TURNS = [r"^[ \t]*(?:system|assistant)[ \t]*:", r"<\|\w+\|>", r"\[/?inst\]", r"[\"']role[\"']\s{0,3}:"]
#: For casefolded text, because IGNORECASE is ten times slower; each alternative is bounded.
_CUE = re.compile(rf"\b(?:{'|'.join(_WORDS)})|{'|'.join(_TURNS)}", re.DOTALL | re.MULTILINE)


def injection_cues(turns: Iterable[Turn]) -> int:
    """The number of user turns with such a phrase."""
    return sum(turn.role == "User" and _CUE.search(turn.content.casefold()) is not None for turn in turns)
