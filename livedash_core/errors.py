"""Every error LiveDash raises on purpose.

::

    LiveDashError
    ├── ConfigurationError        a setting, connection or company is missing or wrong
    │   ├── LocalConfigurationError   in this process only; other processes may have it
    │   └── SchemaOutdated        the database has not been upgraded
    ├── UsageError                the request is invalid; nothing was changed
    │   ├── CompanyExists
    │   ├── UnknownCompany
    │   ├── UnknownSession
    │   ├── UnknownStage
    │   ├── UnknownTopic
    │   ├── IllegalMove           the stage's status does not allow the transition
    │   └── LeaseLost             the claim's token no longer holds the session
    └── ProcessingError           a stage could not process a session; `kind` says what happens next
        ├── TransientError        retried automatically, with backoff
        ├── PermanentError        not retried until a person resets it
        ├── UnavailableError      a server is known to be down: released without an attempt, due again later
        └── SystemicError         not attributable to a session: aborts the run and releases its claims

An error that a stage raises while it handles a session is that session's failure. A client translates the exceptions
of its library to one of these, ``from exc``.
"""

from __future__ import annotations

import shlex
from typing import ClassVar
from uuid import UUID


class LiveDashError(Exception):
    """Base class of all errors that LiveDash raises on purpose; any other exception is a bug."""


class ConfigurationError(LiveDashError):
    """A setting, connection or company is missing or wrong; the message says how to correct it."""


class LocalConfigurationError(ConfigurationError):
    """A setting or connection is missing in this process; other processes of the installation may have it."""


class SchemaOutdated(ConfigurationError):
    """The database schema is older or newer than this code; `livedash db upgrade` upgrades an older one."""


class UsageError(LiveDashError):
    """The request is invalid; nothing was changed."""


class CompanyExists(UsageError):
    """A company of that name was added before."""

    def __init__(self, company: str) -> None:
        super().__init__(
            f"there is already a company called {company!r}; change it with: "
            f"livedash company update {shlex.quote(company)}"
        )
        self.company = company


class UnknownCompany(UsageError):
    """No company has that name or id."""

    def __init__(self, company: str) -> None:
        super().__init__(f"no company is called {company!r}; `livedash company list` lists the companies")
        self.company = company


class NoCompanyGranted(LiveDashError):
    """Airflow's auth manager grants the user no company."""

    def __init__(self, user: str) -> None:
        super().__init__(
            f"no company is granted to {user}; an administrator of this Airflow can grant one: docs/access.md says how"
        )


class UnknownSession(UsageError):
    """No session has that id."""

    def __init__(self, session: object) -> None:
        super().__init__(f"no session has the id {session}")
        self.session = session


class UnknownStage(UsageError):
    """The pipeline has no stage of that name."""

    def __init__(self, stage: str, known: tuple[str, ...]) -> None:
        super().__init__(f"there is no stage {stage!r}; the stages are {', '.join(known)}")
        self.stage = stage
        self.known = known


class UnknownTopic(UsageError):
    """No topic has that id."""

    def __init__(self, topic: int) -> None:
        super().__init__(f"there is no topic {topic}; `livedash topics list` lists the topics")
        self.topic = topic


class IllegalMove(UsageError):
    """The status of a session's stage does not allow the transition."""

    def __init__(self, session: UUID, stage: str, verb: str, status: str) -> None:
        super().__init__(f"cannot {verb} {stage} of session {session}: it is {status}")
        self.session = session
        self.stage = stage
        self.verb = verb
        self.status = status


class LeaseLost(UsageError):
    """The token does not hold the session, or no longer does; nothing was changed."""

    def __init__(self, session: UUID, stage: str) -> None:
        super().__init__(f"the lease on {stage} of session {session} is lost: another worker may hold the session now")
        self.session = session
        self.stage = stage


class ProcessingError(LiveDashError):
    """A stage could not process a session."""

    kind: ClassVar[str]


class TransientError(ProcessingError):
    """A later attempt may succeed: retried with backoff until the attempts are used up.

    ``retry_after_seconds`` is the server's Retry-After, if it sent one.
    """

    kind = "transient"

    def __init__(self, message: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class PermanentError(ProcessingError):
    """The same attempt would fail again: not retried until a person resets it."""

    kind = "permanent"


class UnavailableError(ProcessingError):
    """A server that the session needs is known to be down: not tried, costs no attempt, due again later.

    The message names the server, not the session; no request is sent to it for ``retry_after_seconds``.
    """

    kind = "unavailable"

    def __init__(self, message: str, *, retry_after_seconds: float) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class SystemicError(ProcessingError):
    """Not attributable to a session (bad key, quota, database down): costs no session an attempt.

    With ``company_id`` the run stops for that company only, else for the whole stage. ``local``: the cause lies in the
    configuration of this process, so the error is reported and no incident is opened for the installation.
    """

    kind = "systemic"

    def __init__(self, message: str, *, company_id: UUID | None = None, local: bool = False) -> None:
        super().__init__(message)
        self.company_id = company_id
        self.local = local
