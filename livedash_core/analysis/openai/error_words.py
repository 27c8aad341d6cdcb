"""The codes and words with which servers say why they refuse a request; pure.

Codes are compared as a whole, words are searched in the message. A word decides only what a comparison cannot find out:
whether a smaller request, another form or a later time may help (``errors``).
"""

from __future__ import annotations

import re


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


#: Codes of an account or a key, which no conversation causes.
ACCOUNT = _any(
    "insufficient_(quota|balance|funds|credits?)",
    "credit_balance_exhausted|exceeded_current_quota_error|billing.*|budget_exceeded|arrearage",
    "account_deactivated|access_terminated|invalid_api_key|api_key_invalid",
)
#: Codes of a content filter.
REFUSAL = _any(
    "content_?filter.*|content_?policy.*|ResponsibleAIPolicyViolation|invalid_prompt",
    "data_?inspection_?failed|.*moderation.*|.*guardrail.*|sensitive_content|unsafe_content",
)
TOO_LONG = _any(
    "context_?(length|window)_?exceeded(_?error)?|exceed_context_size_error|request_too_large",
    "string_above_max_length|(input|prompt)_too_long|model_max_prompt_tokens_exceeded|payload_too_large",
)
TOO_LONG_TEXT = _any(
    r"context[ _]?(length|size|window|limit)",
    r"\b(prompt|input|request|message|conversation|text|content|body|sequence)s?(?: (?:is|are|was))? too "
    r"(?:long|large|big)",
    r"too many (?:input |prompt |total )?tokens|token limit|input token count|tokens in the prompt",
    r"max(?:imum)?(?: number of)? (?:input|prompt|sequence|model|total)[ _](?:length|tokens)|max_new_tokens",
    r"max_model_len|range of input length|must have less than \d+ tokens|longer than the max",
    r"reduce (?:the length|your (?:prompt|message))",
)
#: A rate limit counts tokens too, so that only these words tell a request that no waiting makes smaller.
REQUEST_TOO_LARGE = _any("request too large", "tokens per request", "reduced in order to run")
TOO_MANY_COMPLETION_TOKENS = _any(r"max_(completion_|new_|output_)?tokens")
MODEL = _any(
    "(model|deployment)_?not_?(found|available|supported)|(invalid|unknown|unavailable|unsupported|no_such)_model",
    "model_(decommissioned|deprecated|not_exist)",
)
MODEL_TEXT = _any(
    r"\b(models?|deployments?|engine)\b.*(not found|not exist|not available|not have access|not supported for|"
    r"deprecated|shut ?down|decommissioned|retired|discontinued|no longer)",
    r"invalid model|not a valid model|unknown model|no such model|unsupported model|no models? (is )?loaded",
)
KEY_TEXT = _any(
    r"api[ _-]?key|credential|unauthorized|authenticat|\bcredit|billing|quota|\bbudget|\bbalance\b|subscription|"
    r"(access|invalid|expired|secret) (key|token)"
)
#: A server that says with the status of a refusal that it is out of order (LM Studio, Ollama, vLLM behind a proxy).
OUT_OF_ORDER_TEXT = _any(
    r"\bcrashed\b|\bunloaded\b|\b(?:still|currently) loading\b|\bis loading\b|out of memory|cuda error",
    r"operation cancell?ed|temporarily (?:unavailable|overloaded|out of)|connection (?:refused|reset)",
)
#: The code of a reply that the server discarded because it was no JSON.
NO_JSON = "json_validate_failed"
