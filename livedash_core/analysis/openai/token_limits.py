"""Read the token limits that a server states when it refuses a request as too large; pure.

The wordings are those of OpenAI, Azure, vLLM, SGLang, llama.cpp, LM Studio, TGI, Anthropic, Gemini, DeepSeek, Groq,
Mistral, Moonshot, Cohere, DashScope and GitHub Models.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_NUMBER = r"[`'\"(\[]*(\d[\d,]{0,12})"
_CONTEXT = (
    rf"context limit\D{{0,5}}\d+ ?\+ ?\d+ ?> ?{_NUMBER}",
    rf"context[_ ]?(?:length|size|window|limit)\D{{0,40}}{_NUMBER}",
    rf"{_NUMBER}(?: tokens?)? (?:is the )?max(?:imum)? context",
    rf"maximum number of tokens allowed\D{{0,10}}{_NUMBER}",
    rf"> ?{_NUMBER} ?(?:tokens )?maximum",
    rf"max_new_tokens\W+must be <= ?{_NUMBER}",
    rf"max(?:imum)? (?:input|prompt|sequence|model)[ _](?:length|tokens|len)\D{{0,20}}{_NUMBER}",
    # OpenAI's limit per minute, which a single request exceeds.
    rf"\blimit:? {_NUMBER}, requested",
    rf"tokens per request\D{{0,20}}{_NUMBER}",
    rf"\btoken limit\D{{0,10}}{_NUMBER}",
    rf"max(?:imum)? size\D{{0,10}}{_NUMBER} tokens",
    rf"range of input length\D{{0,20}}\d+, ?{_NUMBER}",
    rf"tokens in the prompt cannot exceed {_NUMBER}",
    rf"(?:less than|fewer than|at most|up to|limit(?:ed to| of| is)|maximum(?: of| is)|exceeds?(?: the)?(?: limit of)?)"
    rf" {_NUMBER} (?:input |prompt |total )?tokens",
)
_COMPLETION = (
    rf"at most {_NUMBER} (?:completion|output) tokens",
    rf"range of `?max_\w*tokens\W{{0,3}}(?:is|should be|must be)\W{{0,3}}\d+, ?{_NUMBER}",
    rf"max_\w*tokens\W{{0,3}}(?:must be|should be|cannot be|is)[^.\d]{{0,40}}?(?:<=|at most|equal to|greater than|"
    rf"less than|exceed)[^.\d]{{0,5}}{_NUMBER}",
    rf"max_\w*tokens\b[^.\d]{{0,40}}\d+ ?> ?{_NUMBER}(?![\d,]* ?-)",
    rf"max_\w*tokens\b[^.\d]{{0,20}}\d+[^.\d]{{0,60}}?(?:at most|max(?:imum)?(?: allowed)?(?: value)?(?: is| of|:)?|"
    rf"less than or equal to|<=|limit(?: is| of|:)?) ?{_NUMBER}",
)
_PROMPT = (
    rf"{_NUMBER} (?:tokens )?(?:in|from) the (?:input |prompt|messages)",
    rf"(?:has|contains?|have) (?:at least )?{_NUMBER} input tokens",
    rf"(?:messages|prompt|input|request) (?:resulted in|has|contains?|is|of) {_NUMBER} tokens",
    rf"request \({_NUMBER} tokens",
    rf"too long: {_NUMBER}",
    rf"passed {_NUMBER} input tokens",
    rf"(?:prompt|input) \(length {_NUMBER}",
    rf"keep the first {_NUMBER} tokens",
    rf"received {_NUMBER}",
    rf"input token count\D{{0,5}}{_NUMBER}",
    rf"{_NUMBER} `?inputs`? tokens",
    rf"input length\D{{0,5}}{_NUMBER}",
)
#: The smallest limit that is believed: below it our instructions alone do not fit.
_MIN_TOKENS = 16


@dataclass(frozen=True, slots=True)
class TokenLimits:
    """Limits in tokens; None where the server states none.

    ``context`` bounds prompt and reply together, ``completion`` the reply alone. ``prompt`` is the server's own count
    of the prompt that it refused.
    """

    context: int | None = None
    completion: int | None = None
    prompt: int | None = None

    def tightened(self, other: TokenLimits) -> TokenLimits:
        """The smaller of each limit, to remember; the count of a single prompt is left out."""
        return TokenLimits(_smaller(self.context, other.context), _smaller(self.completion, other.completion))


NO_LIMITS = TokenLimits()


def _smaller(*limits: int | None) -> int | None:
    return min((limit for limit in limits if limit is not None), default=None)


def read_limits(message: str) -> TokenLimits:
    """The limits in a server's message."""
    context, completion = _first(_CONTEXT, message), _first(_COMPLETION, message)
    if context == completion:
        # One number was read as both.
        is_context = re.search("context|input|prompt", message, re.IGNORECASE)
        context, completion = (context, None) if is_context else (None, completion)
    return TokenLimits(context, completion, _first(_PROMPT, message))


def _first(patterns: tuple[str, ...], message: str) -> int | None:
    for pattern in patterns:
        found = re.search(pattern, message, re.IGNORECASE)
        if found and (number := int(found[1].replace(",", ""))) >= _MIN_TOKENS:
            return number
    return None
