"""Settings: one frozen object, read from the environment at the edge and handed down."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from platformdirs import user_data_path
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from livedash_core.analyzers import AUTO, load_analyzers
from livedash_core.enums import CompanyAccess

#: The folder that holds ``livedash_core``, ``dags`` and ``plugins`` in a checkout.
PROJECT = Path(__file__).resolve().parent.parent
#: Whether this code is a checkout; an installed package has no pyproject.toml beside it.
IS_CHECKOUT = (PROJECT / "pyproject.toml").is_file()


def default_home() -> Path:
    """Return ``.livedash`` in a checkout, else the folder that the platform has for a user's data (platformdirs)."""
    return PROJECT / ".livedash" if IS_CHECKOUT else user_data_path("livedash", appauthor=False)


#: What an error about ``LIVEDASH_ALERT_NOTIFIERS`` shows.
NOTIFIERS_EXAMPLE = (
    '[{"class": "airflow.providers.smtp.notifications.smtp.SmtpNotifier", "arguments": {"to": "ops@example.com"}}]'
)


#: The limits of concurrent requests, which processes that work on one stage together divide among them.
DIVIDED_LIMITS = ("fetch_concurrency", "fetch_per_origin", "analysis_concurrency")


def part_of(limit: int, which: int, of: int) -> int:
    """The part of ``limit`` that one of ``of`` processes has (the first is 0); the parts add up to it."""
    return limit // of + (which < limit % of)


class NotifierSettings(BaseModel):
    """A notifier of Airflow, by the path of its class, with the arguments of its constructor."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    class_path: str = Field(alias="class", pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$")
    arguments: dict[str, Any] = Field(default_factory=dict, repr=False)
    #: What the alerts' deliveries are kept under; two notifiers of one class need different names.
    name: str = Field(default="", pattern=r"^[\w .:@-]{0,60}$")

    @property
    def label(self) -> str:
        """The name; without one, the class's own."""
        return self.name or self.class_path.rpartition(".")[2]


class Settings(BaseSettings):
    """The environment's settings. ``Settings()`` reads them; secrets are masked in ``repr``.

    An unset value is ``None``, never a made-up default: the code that needs the value decides.
    """

    model_config = SettingsConfigDict(env_prefix="LIVEDASH_", frozen=True, extra="ignore", env_ignore_empty=True)

    database_url: SecretStr | None = Field(
        default=None, description="URL of the PostgreSQL database; unset: the embedded server under LIVEDASH_HOME"
    )
    home: Path = Field(
        default_factory=default_home, description="folder for the data, logs and passwords of `livedash up`"
    )
    port: int = Field(default=8080, ge=1, le=65535, description="TCP port of the Airflow UI of `livedash up`")

    company_access: CompanyAccess = Field(
        default="all",
        description="all: whoever may read the DAGs sees every company on the pages; granted: only the companies that "
        "Airflow's auth manager grants to them",
    )

    access_log_days: int = Field(
        default=365, ge=1, le=36_500, description="days after which an entry of the access log is deleted"
    )

    analyzer: str = Field(
        default=AUTO,
        description="analyzer of companies that choose none; auto: openai if OPENAI_API_KEY or a server of your own is "
        "set, else offline",
    )
    model: str | None = Field(
        default=None, description="name of the model to call; unset: the default row of the table ai_model"
    )
    openai_api_key: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("OPENAI_API_KEY", "openai_api_key"),
        description="API key of the model server; the password of the connection livedash_openai overrides it",
    )
    openai_base_url: str | None = Field(
        default=None,
        validation_alias=AliasChoices("OPENAI_BASE_URL", "openai_base_url"),
        description="base URL of an OpenAI-compatible server; unset: OpenAI's own; the connection's host overrides it",
    )
    openai_prices: bool | None = Field(
        default=None,
        description="whether the model server bills OpenAI's list prices; unset: at OpenAI's and Azure's addresses",
    )

    lease_seconds: float = Field(
        default=300, gt=0, description="seconds after which a claim that was not renewed can be claimed again"
    )
    max_attempts: int = Field(
        default=5, ge=1, description="attempts at a stage of a session before a transient error becomes a failure"
    )
    csv_max_mib: int = Field(default=1024, ge=1, description="size limit of a CSV, in MiB; a larger one is refused")
    csv_max_lines: int = Field(
        default=5_000_000, ge=1, description="length limit of a CSV, in lines; a longer one is refused"
    )
    fetch_concurrency: int = Field(
        default=16, ge=1, description="concurrent transcript requests of a lane, to all servers together"
    )
    fetch_per_origin: int = Field(default=8, ge=1, description="concurrent transcript requests of a lane to one server")
    analysis_concurrency: int = Field(
        default=64, ge=1, description="limit of the concurrent model requests of a lane, which adapt to the server"
    )
    transcript_tokens: int = Field(
        default=60_000, ge=1000, description="limit of the conversation text in a prompt, in estimated tokens"
    )
    requests_per_minute: int | None = Field(
        default=None,
        ge=1,
        description="model requests per minute, all lanes together; unset: the limit in the server's headers",
    )
    tokens_per_minute: int | None = Field(
        default=None,
        ge=1,
        description="tokens of prompts and replies per minute, all lanes together; unset: as for requests",
    )
    batch_requests: int = Field(
        default=5000, ge=1, le=50_000, description="requests per batch; OpenAI accepts at most 50,000"
    )
    batch_megabytes: int = Field(
        default=200, ge=1, le=200, description="size limit of a batch's input file, in MB; OpenAI accepts at most 200"
    )
    batch_poll_seconds: float = Field(default=60, gt=0, description="seconds between two polls of an open batch")
    lanes: int = Field(default=2, ge=1, le=64, description="parallel lanes of a DAG run")
    # Three tries of a lane, each with a slow last chunk, fit into the hour of a run (dagrun_timeout).
    lane_seconds: float = Field(
        default=600, gt=0, le=900, description="seconds after which a lane ends and a new run continues its work"
    )

    alert_notifiers: Annotated[tuple[NotifierSettings, ...] | None, NoDecode] = Field(
        default=None,
        description="JSON list of Airflow notifiers that send alerts; unset: alerts are only shown",
    )
    alert_idle_minutes: float = Field(
        default=30, gt=0, description="minutes that sessions are due in a stage that claims nothing, before an alert"
    )
    alert_due_minutes: float = Field(
        default=120, gt=0, description="minutes that the oldest session of a stage is due, before an alert"
    )
    alert_failure_percent: float = Field(
        default=20, gt=0, le=100, description="percent of an hour's sessions that fail in a stage, before an alert"
    )
    alert_spend_factor: float = Field(
        default=3, gt=1, description="times the usual costs of a day that a company's day may cost, before an alert"
    )
    alert_spend_usd: float = Field(
        default=5, ge=0, description="USD that a company's day may cost, however little is usual, before an alert"
    )
    alert_batch_hours: float = Field(default=25, gt=0, description="hours that a batch may be open, before an alert")
    alert_lost_workers: int = Field(
        default=3, ge=1, description="workers of a stage that stop within an hour without settling, before an alert"
    )

    @field_validator("alert_notifiers", mode="before")
    @classmethod
    def _parsed(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError:
            raise ValueError(f"it is no JSON; an example is {NOTIFIERS_EXAMPLE}") from None

    def share(self, which: int, of: int) -> Settings:
        """The settings of one of ``of`` processes (the first is 0) that divide the limits of concurrent requests.

        A limit must be at least ``of``, so that each process has a part of it.
        """
        return self.model_copy(
            update={name: max(1, part_of(getattr(self, name), which, of)) for name in DIVIDED_LIMITS}
        )

    @property
    def has_model_server(self) -> bool:
        """Whether a model can be asked: there is a key, or a base URL that is not OpenAI's, which needs none."""
        base_url = (self.openai_base_url or "").strip()
        return self.openai_api_key is not None or (bool(base_url) and "api.openai.com" not in base_url)

    @field_validator("analyzer")
    @classmethod
    def _installed(cls, value: str) -> str:
        choices = load_analyzers().choices
        if value not in choices:
            raise ValueError(f"the analyzers are {', '.join(choices)}")
        return value
