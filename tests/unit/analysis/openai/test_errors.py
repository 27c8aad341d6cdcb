"""What servers and gateways answer, in their own words, and what it means for a session."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx2
import openai
import pytest

from livedash_core.analysis.openai.errors import (
    Call,
    Disturbed,
    NoJson,
    ParameterRefused,
    RateLimited,
    Refused,
    TranscriptTooLong,
    outcome,
    translated,
)
from livedash_core.analysis.openai.http_library import http
from livedash_core.analysis.openai.token_limits import TokenLimits
from livedash_core.errors import PermanentError, ProcessingError, SystemicError, TransientError

CALL = Call("models.example", "small", 60, uuid4())


def error_of(status: int, body: Any, **headers: str) -> ProcessingError:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = httpx2.Response(
        status, content=content, headers=headers, request=httpx2.Request("POST", "http://models.example")
    )
    return translated(openai.APIStatusError("", response=response, body=None), CALL)


def error(message: Any, **fields: Any) -> dict[str, Any]:
    return {"error": {"message": message, **fields}}


#: Requests that are too large, and the limits that the server states: context, reply, and the prompt's size.
TOO_LARGE: dict[str, tuple[int, Any, TokenLimits]] = {
    "vLLM, passed": (
        400,
        error(
            "You passed 5001 input tokens and requested 0 output tokens. However, the model's context length is only "
            "4096 tokens, resulting in a maximum input length of 4096 tokens. (parameter=input_tokens, value=5001)"
        ),
        TokenLimits(4096, None, 5001),
    ),
    "vLLM, decoder": (
        400,
        error("The decoder prompt (length 5001) is longer than the maximum model length of 4096."),
        TokenLimits(4096, None, 5001),
    ),
    "Mistral": (
        400,
        {
            "object": "error",
            "message": "Prompt contains 40000 tokens, too large for model with 32768 maximum context length",
        },
        TokenLimits(32768, None, 40000),
    ),
    "Moonshot": (400, error("Your request exceeded model token limit: 8192"), TokenLimits(8192)),
    "Cohere": (
        400,
        {"message": "too many tokens: the number of tokens in the prompt cannot exceed 4081 - received 5000."},
        TokenLimits(4081, None, 5000),
    ),
    "DashScope": (400, error("Range of input length should be [1, 30720]"), TokenLimits(30720)),
    "DashScope, reply": (400, error("Range of max_tokens should be [1, 2000]"), TokenLimits(None, 2000)),
    "DeepSeek, reply": (
        400,
        error("Invalid max_tokens value, the valid range of max_tokens is [1, 8192]"),
        TokenLimits(None, 8192),
    ),
    "Groq, reply": (
        400,
        error(
            "`max_completion_tokens` must be less than or equal to `8192`, the maximum value for "
            "`max_completion_tokens` is less than the `context_window` for this model",
            param="max_completion_tokens",
        ),
        TokenLimits(None, 8192),
    ),
    "Groq, a minute's tokens": (
        413,
        error(
            "Request too large for model `x` on tokens per minute (TPM): Limit 6000, Requested 9034, please reduce "
            "your message size and try again.",
            type="tokens",
            code="rate_limit_exceeded",
        ),
        TokenLimits(6000),
    ),
    "GitHub Models": (
        413,
        error("Request body too large for gpt-4o-mini model. Max size: 8000 tokens.", code="tokens_limit_reached"),
        TokenLimits(8000),
    ),
    "Anthropic, both": (
        400,
        error("input length and `max_tokens` exceed context limit: 199000 + 4096 > 200000, decrease input length"),
        TokenLimits(200000),
    ),
    "Bedrock": (
        400,
        {"detail": "An error occurred (ValidationException): Input is too long for requested model."},
        TokenLimits(),
    ),
    "Hugging Face": (
        422,
        {"error": "Input validation error: `inputs` must have less than 1024 tokens. Given: 2000", "error_type": "x"},
        TokenLimits(1024),
    ),
    "xAI": (
        400,
        {
            "code": "invalid",
            "error": "This model's maximum prompt length is 131072 but the request contains 140000 tokens.",
        },
        TokenLimits(131072, None, 140000),
    ),
    "LM Studio": (
        400,
        {
            "error": "Trying to keep the first 5000 tokens when context the overflows. However, the model is loaded "
            "with context length of only 4096 tokens, which is not enough."
        },
        TokenLimits(4096, None, 5000),
    ),
    "OpenRouter, the server behind it": (
        400,
        error(
            "Provider returned error",
            code=400,
            metadata={
                "raw": json.dumps(
                    error("This model's maximum context length is 8192 tokens.", code="context_length_exceeded")
                )
            },
        ),
        TokenLimits(8192),
    ),
    "LiteLLM": (
        400,
        error("litellm.ContextWindowExceededError: litellm.BadRequestError: prompt is too long", code="400"),
        TokenLimits(),
    ),
    "Databricks": (
        400,
        {"error_code": "BAD_REQUEST", "message": json.dumps({"external_model_error": error("prompt too long")})},
        TokenLimits(),
    ),
    "Fireworks": (
        400,
        error("The prompt is too long: 9000, model maximum context length: 8191"),
        TokenLimits(8191, None, 9000),
    ),
}


@pytest.mark.parametrize("case", TOO_LARGE)
def test_a_request_that_is_too_large_is_recognised_with_its_limits(case: str) -> None:
    status, body, limits = TOO_LARGE[case]
    found = error_of(status, body)
    assert isinstance(found, TranscriptTooLong), repr(found)
    assert found.limits == limits
    assert not found.of_bytes


#: A server's own words that it works no more, with the status of a refusal or an unusual one.
OUT_OF_ORDER: dict[str, tuple[int, Any]] = {
    "LM Studio, crashed": (400, {"error": "The model has crashed without additional information. (Exit code: 139)"}),
    "LM Studio, unloaded": (400, {"error": "Model unloaded."}),
    "LM Studio, cancelled": (400, {"error": "Operation canceled."}),
    "Ollama, memory": (400, error("llama runner: cudaMalloc failed: out of memory")),
    "a model that loads": (404, {"detail": "Model small is still loading"}),
    "llama.cpp": (503, error("Loading model", type="unavailable_error", code=503)),
    "Groq's flex tier": (498, error("Flex tier capacity exceeded")),
    "nginx": (499, b""),
    "Cloudflare": (530, b"error code: 1033"),
    "Envoy": (503, b"upstream connect error or disconnect/reset before headers. reset reason: connection failure"),
}


@pytest.mark.parametrize("case", OUT_OF_ORDER)
def test_a_server_that_is_out_of_order_is_no_fault_of_a_session(case: str) -> None:
    assert isinstance(error_of(*OUT_OF_ORDER[case]), Disturbed)


#: How long a server asks to wait, wherever it says so.
WAITS: dict[str, tuple[int, Any, dict[str, str], float]] = {
    "Gemini": (
        429,
        [
            {
                "error": {
                    "code": 429,
                    "status": "RESOURCE_EXHAUSTED",
                    "details": [{"@type": "RetryInfo", "retryDelay": "43s"}],
                }
            }
        ],
        {},
        43,
    ),
    "Groq": (429, error("Rate limit reached. Please try again in 7m12.5s."), {}, 432.5),
    "OpenAI": (429, error("Rate limit reached for small: Limit 3, Used 3. Please try again in 20ms."), {}, 0.02),
    "Azure": (429, error("Requests have exceeded the call rate limit. Please retry after 6 seconds."), {}, 6),
    "GitHub Models": (429, error("Rate limit of 15 per 60s exceeded. Please wait 34 seconds before retrying."), {}, 34),
    "LiteLLM": (429, error("No deployments available for selected model, Try again in 5 seconds.", code="429"), {}, 5),
    "the header comes first": (429, error("try again in 99s"), {"retry-after": "3"}, 3),
    "a fraction": (429, error(""), {"retry-after": "1.5"}, 1.5),
    "Hugging Face": (503, {"error": "Model x is currently loading", "estimated_time": 20.0}, {}, 20),
    "a day at the most": (429, error("try again in 999h"), {}, 86_400),
    "a promise of nothing": (429, error("Please try again later."), {}, -1),
    "a number that is none": (429, error("Used 3 of 5", retry_after=True), {}, -1),
}


@pytest.mark.parametrize("case", WAITS)
def test_a_server_is_left_alone_as_long_as_it_asks(case: str) -> None:
    status, body, headers, seconds = WAITS[case]
    found = error_of(status, body, **headers)
    assert isinstance(found, RateLimited | Disturbed)
    assert found.retry_after_seconds == (None if seconds < 0 else pytest.approx(seconds))


def test_a_limit_that_ends_at_a_moment_is_waited_for() -> None:
    moment = str(int((datetime.now(UTC).timestamp() + 600) * 1_000))
    for found in (
        error_of(429, error("free-models-per-day", metadata={"headers": {"X-RateLimit-Reset": moment}})),
        error_of(429, error("slow down"), **{"x-ratelimit-reset": moment}),
    ):
        assert isinstance(found, RateLimited)
        assert found.retry_after_seconds == pytest.approx(600, abs=5)


#: Refusals of a part of the request's form.
PARAMETERS: dict[str, tuple[int, Any, str]] = {
    "Gemini": (
        400,
        [{"error": {"code": 400, "message": 'Invalid JSON payload received. Unknown name "additionalProperties"'}}],
        "response_format",
    ),
    "Groq": (400, error("This model does not support response format `json_schema`."), "response_format"),
    "LM Studio": (400, {"error": "'response_format.type' must be 'json_schema' or 'text'"}, "response_format"),
    "LiteLLM": (
        400,
        error("litellm.UnsupportedParamsError: x does not support parameters: ['response_format']"),
        "response_format",
    ),
    "a gateway to Anthropic": (
        422,
        {"detail": [{"loc": ["body", "max_tokens"], "msg": "Field required", "type": "missing"}]},
        "reply_limit",
    ),
    "a template": (400, error("Only user and assistant roles are supported, got system."), "instructions_role"),
    "an unknown role": (400, error("Unknown role: developer, expected one of user, assistant"), "instructions_role"),
}


@pytest.mark.parametrize("case", PARAMETERS)
def test_the_refused_part_of_the_form_is_recognised(case: str) -> None:
    status, body, parameter = PARAMETERS[case]
    found = error_of(status, body)
    assert isinstance(found, ParameterRefused), repr(found)
    assert found.parameter == parameter


#: Everything else, by its class.
KINDS: dict[str, tuple[int, Any, type[ProcessingError]]] = {
    "Moonshot, no credit": (429, error("suspended", type="exceeded_current_quota_error"), SystemicError),
    "LiteLLM, budget": (400, error("Budget has been exceeded!", type="budget_exceeded", code="400"), SystemicError),
    "Gemini, key": (
        400,
        [{"error": {"code": 400, "message": "no", "details": [{"reason": "API_KEY_INVALID"}]}}],
        SystemicError,
    ),
    "Groq, model": (400, error("x has been decommissioned", code="model_decommissioned"), SystemicError),
    "DashScope, filter": (400, error("inappropriate", code="data_inspection_failed"), PermanentError),
    "Azure, filter": (
        400,
        error("filtered", param="prompt", code="content_filter", innererror={"code": "ResponsibleAIPolicyViolation"}),
        PermanentError,
    ),
    "Groq, JSON": (400, error("Failed to generate JSON", code="json_validate_failed"), NoJson),
    "Cohere, trial": (
        429,
        {"message": "You are using a Trial key, which is limited to 20 calls / minute"},
        RateLimited,
    ),
    "Mistral, capacity": (
        429,
        {"type": "service_tier_capacity_exceeded", "code": "3505", "message": "full"},
        RateLimited,
    ),
    "a tier that counts tokens": (429, error("tokens_limit_reached", code="tokens_limit_reached"), RateLimited),
    "OpenRouter, a filter behind it": (
        400,
        error("Provider returned error", metadata={"raw": json.dumps(error("no", code="data_inspection_failed"))}),
        PermanentError,
    ),
    "AWS, wrong path": (403, {"message": "Missing Authentication Token"}, Refused),
    "Kong": (404, {"message": "no Route matched with those values"}, Refused),
    "a redirect": (302, b"", Refused),
    "a long answer": (400, error("no" * 5_000), Refused),
}


@pytest.mark.parametrize("case", KINDS)
def test_other_errors_have_their_class(case: str) -> None:
    status, body, kind = KINDS[case]
    assert type(error_of(status, body)) is kind


def test_a_refused_model_or_key_is_named_in_the_sentence() -> None:
    sentences = {
        "has no model 'small'": error("models/small is not found for API version v1main", code=404),
        "refuses the API key or its account": error("Your key's budget is used up"),
    }
    for sentence, body in sentences.items():
        found = error_of(404 if "model" in sentence else 400, body)
        assert isinstance(found, Refused)
        assert sentence in found.for_everyone


def test_redirects_in_a_circle_are_no_call_that_may_be_billed() -> None:
    error = openai.APIConnectionError(request=http.Request("POST", "http://models.example"))
    error.__cause__ = http.TooManyRedirects("too many")
    assert outcome(error) == "rejected"
    assert isinstance(translated(error, CALL), TransientError)
