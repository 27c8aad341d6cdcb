"""Every error LiveDash raises on purpose.

::

    LiveDashError
    ├── ConfigurationError        a setting, connection or company is missing or wrong
    │   └── SchemaOutdated        the database has not been upgraded
    ├── UsageError                the caller asked for something that makes no sense
    │   ├── CompanyExists
    │   ├── UnknownCompany
    │   ├── UnknownSession
    │   ├── UnknownStage
    │   ├── IllegalMove           that state cannot be left that way
    │   └── LeaseLost             somebody else holds the session now
    └── ProcessingError           a stage could not do its work; `kind` says what happens next
        ├── TransientError        retried by itself, with backoff
        ├── PermanentError        waits for a person
        ├── UnavailableError      what it needs is out of reach for everyone: goes back, and waits
        │   └── Deferred          its company's turn has not come (a budget, a rate limit): nothing is wrong
        └── SystemicError         nobody's session is at fault: the task ends, claims go back

What a stage raises while it handles a session *is* that session's failure; foreign exceptions are
translated to one of these at the client that meets them, ``from exc``.
"""

from __future__ import annotations

import shlex
from typing import ClassVar
from uuid import UUID


class LiveDashError(Exception):
    """The root: catch this to tell our errors from bugs."""


class ConfigurationError(LiveDashError):
    """A setting, connection or company is missing or wrong; the message says how to mend it."""


class SchemaOutdated(ConfigurationError):
    """The database schema is older or newer than this code; `livedash db upgrade` mends the former."""


class UsageError(LiveDashError):
    """The caller asked for something that makes no sense; nothing was changed."""


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
        super().__init__(f"no company is called {company!r}; `livedash company list` shows those there are")
        self.company = company


class UnknownSession(UsageError):
    """No session has that id."""

    def __init__(self, session: object) -> None:
        super().__init__(f"no session has the id {session}")
        self.session = session


class UnknownStage(UsageError):
    """The registry has no such stage."""

    def __init__(self, stage: str, known: tuple[str, ...]) -> None:
        super().__init__(f"there is no stage {stage!r}; the stages are {', '.join(known)}")
        self.stage = stage
        self.known = known


class IllegalMove(UsageError):
    """A stage of a session cannot leave its present state that way."""

    def __init__(self, session: UUID, stage: str, verb: str, status: str) -> None:
        super().__init__(f"cannot {verb} {stage} of session {session}: it is {status}")
        self.session = session
        self.stage = stage
        self.verb = verb
        self.status = status


class LeaseLost(UsageError):
    """The token is not, or no longer, the one that holds the session; nothing was changed."""

    def __init__(self, session: UUID, stage: str) -> None:
        super().__init__(f"the lease on {stage} of session {session} is lost: somebody else may hold it now")
        self.session = session
        self.stage = stage


class ProcessingError(LiveDashError):
    """A stage could not do its work."""

    kind: ClassVar[str]


class TransientError(ProcessingError):
    """It may work later: retried with backoff until the attempts are used up.

    ``retry_after_seconds`` is what the other side asked for (Retry-After), if it did.
    """

    kind = "transient"

    def __init__(self, message: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class PermanentError(ProcessingError):
    """It will fail again the same way: waits for a person."""

    kind = "permanent"


class UnavailableError(ProcessingError):
    """What the session needs is known to be out of reach: not tried, costs no attempt, due again later.

    The message names whoever is out of reach, not the session; ``retry_after_seconds`` is how long it is left alone.
    """

    kind = "unavailable"

    def __init__(self, message: str, *, retry_after_seconds: float) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class Deferred(UnavailableError):
    """Nothing is wrong, but not now: the session goes back unharmed, and the task stays green.

    ``reason`` is an ``enums.DeferralReason``. Unless it is only ``this_session``, its company waits for the next run.
    """

    kind = "held_back"

    def __init__(
        self, message: str, reason: str, *, retry_after_seconds: float = 0, this_session: bool = False
    ) -> None:
        super().__init__(message, retry_after_seconds=retry_after_seconds)
        self.reason = reason
        self.this_session = this_session


class SystemicError(ProcessingError):
    """No session is at fault (bad key, quota, database down): costs no session an attempt.

    With ``company_id`` only that company stops; without, the whole stage does.
    """

    kind = "systemic"

    def __init__(self, message: str, *, company_id: UUID | None = None) -> None:
        super().__init__(message)
        self.company_id = company_id
