"""The tables of the PostgreSQL schema ``livedash``. A test compares them with the Alembic migrations."""

from livedash_core.models.access import AccessLog
from livedash_core.models.ai import (
    AiBatch,
    AiCostDaily,
    AiModel,
    AiModelPricing,
    AiProcessingRequest,
    CurrencyRate,
    ModelServer,
    RateLimitState,
    SessionAnalysis,
)
from livedash_core.models.alert import Alert, AlertEvaluation
from livedash_core.models.base import SCHEMA, Base
from livedash_core.models.company import Company, CompanyCsv
from livedash_core.models.insight import QuestionDayCount, QuestionMonthCount, SessionDayCount, SessionMonthCount
from livedash_core.models.question import Question, SessionQuestion
from livedash_core.models.search import SessionSearch
from livedash_core.models.session import ImportRejection, Message, Session, SessionImport, SessionTranscript
from livedash_core.models.status import ProcessingFailure, ProcessingLease, ProcessingStatus, SystemicIncident
from livedash_core.models.status_count import (
    FailureCount,
    FailureDelta,
    ProcessingActivity,
    ProcessingCount,
    ProcessingDelta,
)
from livedash_core.models.topic import QuestionPair, QuestionVector, Topic, TopicDayCount, TopicEdit, TopicMember

__all__ = [
    "SCHEMA",
    "AccessLog",
    "AiBatch",
    "AiCostDaily",
    "AiModel",
    "AiModelPricing",
    "AiProcessingRequest",
    "Alert",
    "AlertEvaluation",
    "Base",
    "Company",
    "CompanyCsv",
    "CurrencyRate",
    "FailureCount",
    "FailureDelta",
    "ImportRejection",
    "Message",
    "ModelServer",
    "ProcessingActivity",
    "ProcessingCount",
    "ProcessingDelta",
    "ProcessingFailure",
    "ProcessingLease",
    "ProcessingStatus",
    "Question",
    "QuestionDayCount",
    "QuestionMonthCount",
    "QuestionPair",
    "QuestionVector",
    "RateLimitState",
    "Session",
    "SessionAnalysis",
    "SessionDayCount",
    "SessionImport",
    "SessionMonthCount",
    "SessionQuestion",
    "SessionSearch",
    "SessionTranscript",
    "SystemicIncident",
    "Topic",
    "TopicDayCount",
    "TopicEdit",
    "TopicMember",
]
