"""The written half of the sample: conversation scripts in five languages, as JSON beside this module.

A script yields one session per opening. A turn that is a list has one wording per opening, so that two sessions of a
script do not read alike. Texts hold slots (``{first_name}``), filled per session by ``slots``.
"""

from __future__ import annotations

from importlib.resources import files

from pydantic import BaseModel, ConfigDict, model_validator

from livedash_core.enums import Category, Role

#: In the order in which the sessions are dealt; half of them are Dutch.
LANGUAGES = ("nl", "en", "de", "fr", "es")


class Script(BaseModel):
    """One written conversation. ``label`` and ``sentiment`` are the source's own free words, not our vocabulary."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    category: Category
    label: str
    sentiment: str
    escalated: bool = False
    forwarded_hr: bool = False
    #: What the user says first, per session; empty where no user ever speaks.
    openings: tuple[str, ...]
    #: What follows.
    turns: tuple[tuple[Role, str | tuple[str, ...]], ...]

    @model_validator(mode="after")
    def _a_wording_per_opening(self) -> Script:
        for _, wording in self.turns:
            if isinstance(wording, tuple) and len(wording) != len(self.openings):
                raise ValueError(f"{self.name}: {len(wording)} wordings of a turn for {len(self.openings)} openings")
        return self

    def conversation(self, opening: int) -> list[tuple[Role, str]]:
        """The turns of the session that starts with that opening (its index), slots not filled yet."""
        first: list[tuple[Role, str]] = [("User", text) for text in self.openings[opening : opening + 1]]
        return first + [(role, text if isinstance(text, str) else text[opening]) for role, text in self.turns]


class Language(BaseModel):
    """One language's scripts and the words that fill their slots."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    #: How the source writes the language, in more than one way, as sources do.
    language_labels: tuple[str, ...]
    countries: tuple[str, ...]
    #: ``str.format`` over ``day``, ``month`` (numbers) and ``month_name``.
    date_format: str
    weekdays: tuple[str, ...]
    months: tuple[str, ...]
    first_names: tuple[str, ...]
    managers: tuple[str, ...]
    hr_contacts: tuple[str, ...]
    departments: tuple[str, ...]
    locations: tuple[str, ...]
    greetings: tuple[str, ...]
    scripts: tuple[Script, ...]


def load_languages() -> dict[str, Language]:
    """The five languages by ISO 639-1 code, read anew at each call."""
    return {code: Language.model_validate_json(_read(f"{code}.json")) for code in LANGUAGES}


def load_unanswered() -> Script:
    """The conversation (in Dutch) in which only the bot speaks."""
    return Script.model_validate_json(_read("unanswered.json"))


def _read(name: str) -> bytes:
    return (files(__package__) / "material" / name).read_bytes()
