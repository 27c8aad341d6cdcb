"""Every setting says what it is and in which unit; docs/configuration.md is checked against these texts."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from livedash_core.settings import Settings

UNITS = re.compile(
    r"\b(seconds|minutes?|hours|days|times|percent|USD|MiB|MB|lines|tokens|requests|attempts|lanes|workers|port)\b"
)


@pytest.mark.parametrize("name", Settings.model_fields)
def test_a_setting_has_a_description_and_a_number_has_a_unit(name: str) -> None:
    field = Settings.model_fields[name]
    assert field.description
    if {int, float} & {field.annotation, *get_args(field.annotation)}:
        assert UNITS.search(field.description)
