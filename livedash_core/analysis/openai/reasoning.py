"""Strip the reasoning that precedes an answer; pure.

Only reasoning at the beginning is stripped: a marker behind it may be one that a user typed and the model quotes.
"""

from __future__ import annotations

import re

#: The names in the markers of reasoning: <think> (DeepSeek, Qwen), [THINK] (Mistral), <|START_THINKING|> (Cohere), ...
_NAME = r"(?:think(?:ing)?|thoughts?|reason(?:ing)?|reflection|scratchpad|analysis)"
_OPENING = re.compile(rf"\s*[<\[◁]\|?(?:start_|seed:)?{_NAME}\|?[>\]▷]", re.IGNORECASE)
_CLOSING = re.compile(rf"[<\[◁]\|?(?:/|end_)(?:seed:)?{_NAME}\|?[>\]▷]", re.IGNORECASE)
#: OpenAI's harmony format: <|channel|>analysis<|message|>...<|end|><|start|>assistant<|channel|>final<|message|>...
_HARMONY = re.compile(r"\s*(?:<\|start\|>\s*assistant)?\s*<\|channel\|>\s*(?:analysis|commentary)\b", re.IGNORECASE)
_FINAL = re.compile(r"<\|channel\|>\s*final\b[^<]{0,80}<\|message\|>", re.IGNORECASE)


def strip_leading_reasoning(text: str, *, is_cut_off: bool) -> str:
    """``text`` without the reasoning that it begins with; unchanged if it begins with no marker.

    Reasoning without an end is all there is of a text that was cut off; otherwise the answer is somewhere in it.
    """
    if _HARMONY.match(text):
        end = _FINAL.search(text)
    elif opening := _OPENING.match(text):
        end = _CLOSING.search(text, opening.end())
    else:
        return text
    if end is not None:
        return text[end.end() :]
    return "" if is_cut_off else text
