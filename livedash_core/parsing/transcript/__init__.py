"""Transcripts: from the text that a company publishes to messages with roles and times.

``reader`` puts the parts together. ``formats`` recognises the format; ``contract``, ``plain_text``, ``json_messages``
(from what ``json_documents`` finds), ``html_text`` and ``webvtt`` each read one. Of plain text, ``labels`` reads the
beginning of a line, ``text_lines`` finds the lines, and ``message_starts`` those that begin a message. ``speakers`` has
the words for each role; ``times`` gives every message a time.
"""

from livedash_core.parsing.transcript.messages import ParsedMessage, Transcript
from livedash_core.parsing.transcript.reader import message_count_differs, not_a_transcript, parse_transcript
from livedash_core.parsing.transcript.times import FAR_FROM_SESSION

__all__ = [
    "FAR_FROM_SESSION",
    "ParsedMessage",
    "Transcript",
    "message_count_differs",
    "not_a_transcript",
    "parse_transcript",
]
