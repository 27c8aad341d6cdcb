"""Settings: one frozen object, read from the environment at the edge and handed down."""

from __future__ import annotations

from pathlib import Path

from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from livedash_core.analyzers import AUTO, load_analyzers

#: The folder that holds ``livedash_core``, ``dags`` and ``plugins`` in a checkout.
PROJECT = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """What the environment says. ``Settings()`` reads it; secrets are masked in ``repr``.

    An unset value is ``None``, never a made-up default: who needs it decides.
    """

    model_config = SettingsConfigDict(env_prefix="LIVEDASH_", frozen=True, extra="ignore", env_ignore_empty=True)

    database_url: SecretStr | None = Field(default=None, description="SQLAlchemy URL; unset: the embedded server")
    home: Path = Field(default=PROJECT / ".livedash", description="data, logs and passwords of `livedash up`")
    port: int = Field(default=8080, ge=1, le=65535, description="where `livedash up` serves the Airflow UI")

    analyzer: str = Field(
        default=AUTO, description="auto: a model when there is a key, else offline rules; or the name of an analyzer"
    )
    model: str | None = Field(default=None, description="unset: the default row of ai_model")
    openai_api_key: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("OPENAI_API_KEY", "openai_api_key")
    )
    openai_base_url: str | None = Field(
        default=None, validation_alias=AliasChoices("OPENAI_BASE_URL", "openai_base_url")
    )

    lease_seconds: float = Field(default=300, gt=0, description="a claim not renewed for so long is up for grabs")
    max_attempts: int = Field(default=5, ge=1, description="claims of a stage before a transient error is final")
    csv_max_mib: int = Field(default=1024, ge=1, description="a larger CSV is refused")
    csv_max_lines: int = Field(default=5_000_000, ge=1, description="so is a longer one")
    fetch_concurrency: int = Field(default=16, ge=1, description="transcripts fetched at once in a lane")
    fetch_per_origin: int = Field(default=8, ge=1, description="of which from one server")
    analysis_concurrency: int = Field(default=16, ge=1, description="model calls at once in a lane")
    transcript_tokens: int = Field(
        default=60_000, ge=1000, description="what a model is shown of a conversation at most, by estimate"
    )
    requests_per_minute: int | None = Field(
        default=None, ge=1, description="asked of a model at most, by all lanes; unset: what its server tells"
    )
    tokens_per_minute: int | None = Field(default=None, ge=1, description="likewise, prompts and replies together")
    batch_requests: int = Field(
        default=5000, ge=1, le=50_000, description="sessions in a batch at most (OpenAI: 50 000)"
    )
    batch_megabytes: int = Field(default=200, ge=1, le=200, description="size of a batch's file at most (OpenAI: 200)")
    batch_poll_seconds: float = Field(default=60, gt=0, description="between two looks at a batch under way")
    lanes: int = Field(default=2, ge=1, le=64, description="parallel lanes of a DAG run")
    # Three tries of a lane, each with a last batch that takes its time, fit into a run's hour (dagrun_timeout).
    lane_seconds: float = Field(default=600, gt=0, le=900, description="then a lane ends, and a new run goes on")

    @field_validator("analyzer")
    @classmethod
    def _installed(cls, value: str) -> str:
        choices = load_analyzers().choices
        if value not in choices:
            raise ValueError(f"the analyzers are {', '.join(choices)}")
        return value
