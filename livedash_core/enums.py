"""Every closed set of values, once: as a type, and as a tuple in its order.

The idiom is ``Literal`` with ``get_args``. The values are stored in text columns and sent as JSON, CSV and form fields,
so they are plain strings everywhere: a ``StrEnum`` would have to be converted at each of these edges, and a database
enum would need a migration for each new value. mypy checks the literals, pydantic, Typer and Airflow's forms read the
types, and the models' CHECKs are made from the tuples. The set of stages is open: ``livedash_core.pipeline`` holds it.
"""

from __future__ import annotations

from typing import Literal, get_args

#: Whose sessions the pages show. ``all``: users who may read the DAGs may read every company. ``granted``: only the
#: companies that are granted to them.
CompanyAccess = Literal["all", "granted"]

#: Who wrote a message.
Role = Literal["User", "Assistant", "System"]
ROLES: tuple[Role, ...] = get_args(Role)

#: Which number of a date like 03/04/2026 comes first.
DayOrder = Literal["day first", "month first"]
DAY_ORDERS: tuple[DayOrder, ...] = get_args(DayOrder)

#: Notes of SESSION_CREATION that cast doubt on who said what or when; the pages filter by them.
TranscriptDoubt = Literal[
    "unknown_speakers",
    "message_count_differs",
    "assumed_speakers",
    "role_lines_inside_messages",
    "lines_split",
    "lines_without_speaker",
    "labels_without_text",
    "times_far_from_session",
    "times_ambiguous",
    "times_unreadable",
]
TRANSCRIPT_DOUBTS: tuple[TranscriptDoubt, ...] = get_args(TranscriptDoubt)

Sentiment = Literal["POSITIVE", "NEUTRAL", "NEGATIVE"]
SENTIMENTS: tuple[Sentiment, ...] = get_args(Sentiment)

#: The main subject of a session.
Category = Literal[
    "SCHEDULE_HOURS",
    "LEAVE_VACATION",
    "SICK_LEAVE_RECOVERY",
    "SALARY_COMPENSATION",
    "CONTRACT_HOURS",
    "ONBOARDING",
    "OFFBOARDING",
    "WORKWEAR_STAFF_PASS",
    "TEAM_CONTACTS",
    "PERSONAL_QUESTIONS",
    "ACCESS_LOGIN",
    "SOCIAL_QUESTIONS",
    "UNRECOGNIZED_OTHER",
]
CATEGORIES: tuple[Category, ...] = get_args(Category)

#: How a session ended for its user. UNKNOWN: it cannot be told, or the user wanted nothing. A session that was not
#: analysed for it has no outcome.
SessionOutcome = Literal["RESOLVED", "UNRESOLVED", "ABANDONED", "HANDED_OVER", "UNKNOWN"]
SESSION_OUTCOMES: tuple[SessionOutcome, ...] = get_args(SessionOutcome)

#: What an UNRESOLVED session lacked: an answer, the right answer, a working system, or a person who decides.
Missing = Literal["NO_ANSWER", "WRONG_ANSWER", "SYSTEM_FAULT", "NEEDS_PERSON"]
MISSING: tuple[Missing, ...] = get_args(Missing)

#: ISO 639's code for a language that could not be determined. Languages are an open set.
UNDETERMINED = "und"

#: How a model is called. realtime: one HTTP call per session. batch: through the provider's batch API, at half the
#: price and within a day.
Mode = Literal["realtime", "batch"]
MODES: tuple[Mode, ...] = get_args(Mode)

CompanyStatus = Literal["ACTIVE", "SUSPENDED", "TRIAL", "ARCHIVED"]
COMPANY_STATUSES: tuple[CompanyStatus, ...] = get_args(CompanyStatus)
#: The only status in which a company's sessions are processed.
ACTIVE: CompanyStatus = "ACTIVE"

#: The status of one stage of one session.
Status = Literal["PENDING", "IN_PROGRESS", "COMPLETED", "FAILED", "SKIPPED"]
STAGE_STATUSES: tuple[Status, ...] = get_args(Status)

#: Where a session is in a stage, as pages and lists show it: its status, with PENDING split into ready (due now),
#: retrying (due at its next retry) and waiting (for an earlier stage).
StageState = Literal["completed", "skipped", "in-progress", "ready", "retrying", "waiting", "failed"]
STAGE_STATES: tuple[StageState, ...] = get_args(StageState)

#: Why an attempt failed. A systemic error is not in the set: it is not attributable to a session and fails none.
ErrorKind = Literal["transient", "permanent", "lease_expired"]
ERROR_KINDS: tuple[ErrorKind, ...] = get_args(ErrorKind)

#: Why a session is deferred although nothing is wrong: the company's monthly budget or its status, or the model's rate
#: limit.
DeferralReason = Literal["budget", "rate limit", "status"]
DEFERRAL_REASONS: tuple[DeferralReason, ...] = get_args(DeferralReason)

#: Why a stage processes nothing, or nothing of one company. systemic: an operator has to act; the others end by
#: themselves.
IncidentKind = Literal["systemic", DeferralReason]
INCIDENT_KINDS: tuple[IncidentKind, ...] = get_args(IncidentKind)

#: How a model call ended. answered: billed, whether the reply is valid or not. rejected: the server refused it and
#: bills nothing. unknown: the connection broke after the request was sent; it may be billed.
FinalCallOutcome = Literal["answered", "rejected", "unknown"]
#: sent: the call is under way, or a crash hid how it ended.
CallOutcome = Literal["sent", FinalCallOutcome]
CALL_OUTCOMES: tuple[CallOutcome, ...] = get_args(CallOutcome)

#: The status of a batch. prepared: its calls are in the ledger. uploaded: the provider has their file. submitted: the
#: provider works on it, and each call may be billed. closed: each session has its outcome.
BatchStatus = Literal["prepared", "uploaded", "submitted", "closed"]
BATCH_STATUSES: tuple[BatchStatus, ...] = get_args(BatchStatus)

#: What put a question into a topic, named a topic or decided about a pair of questions: a rule, a model, a person.
Placer = Literal["rule", "model", "person"]
PLACERS: tuple[Placer, ...] = get_args(Placer)

#: Whether two questions are the same question to an HR desk.
Verdict = Literal["same", "different"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)

#: What a person can do to topics. accept and reject decide about a proposed pair; undo ends one of the others.
TopicVerb = Literal["rename", "merge", "split", "move", "pin", "unpin", "hide", "unhide", "accept", "reject"]
TOPIC_VERBS: tuple[TopicVerb, ...] = get_args(TopicVerb)
