"""The sample's conversation scripts in five languages, as JSON files beside this module.

A script yields one session per opening. A message that is a list has one wording per opening, so that the sessions of a
script differ. Texts contain placeholders (``{first_name}``), which ``placeholders`` fills for each session.
"""

from __future__ import annotations

from importlib.resources import files

from pydantic import BaseModel, ConfigDict, model_validator

from livedash_core.enums import Category, Role

#: Half of the sessions are Dutch.
LANGUAGES = ("nl", "en", "de", "fr", "es")


class Script(BaseModel):
    """A scripted conversation. ``label`` and ``sentiment`` are the CSV's free text, not values of ``enums``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    category: Category
    label: str
    sentiment: str
    escalated: bool = False
    forwarded_hr: bool = False
    #: The first message of the user, per session; empty if only the bot writes.
    openings: tuple[str, ...]
    #: The messages after the opening.
    messages: tuple[tuple[Role, str | tuple[str, ...]], ...]

    @model_validator(mode="after")
    def _a_wording_per_opening(self) -> Script:
        for _, wording in self.messages:
            if isinstance(wording, tuple) and len(wording) != len(self.openings):
                raise ValueError(f"{self.name}: {len(wording)} wordings of a message for {len(self.openings)} openings")
        return self

    def conversation(self, opening: int) -> list[tuple[Role, str]]:
        """Return the messages of the session with that opening (its index), with placeholders."""
        first: list[tuple[Role, str]] = [("User", text) for text in self.openings[opening : opening + 1]]
        return first + [(role, text if isinstance(text, str) else text[opening]) for role, text in self.messages]


class Language(BaseModel):
    """The scripts of a language and the values of their placeholders."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    #: Spellings of the language in the CSV; real sources have several too.
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
    """Load the five languages, by ISO 639-1 code."""
    return {code: Language.model_validate_json(_read(f"{code}.json")) for code in LANGUAGES}


def load_unanswered() -> Script:
    """Load the conversation (in Dutch) in which only the bot writes."""
    return Script.model_validate_json(_read("unanswered.json"))


def _read(name: str) -> bytes:
    return (files(__package__) / "material" / name).read_bytes()
