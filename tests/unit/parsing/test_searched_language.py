"""The language of a conversation for the full-text search; a wrong one would hide the other forms of its words."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_core.parsing.searched_language import searched_language, words_of


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Hoe vraag ik mijn verlof aan? Dat kan met het formulier; je hebt nog zes dagen van dit jaar.", "nl"),
        ("Wie kann ich meinen Urlaub beantragen? Das geht mit dem Formular, und Sie haben noch sechs Tage.", "de"),
        ("How do I ask for leave? You can do that with the form, and you have six days left for this year.", "en"),
        ("Comment poser mes congés ? Vous pouvez le faire avec le formulaire, et il vous reste six jours.", "fr"),
        ("¿Cómo pido mis vacaciones? Puede hacerlo con el formulario, y le quedan seis días para usar al año.", "es"),
        ("", None),
        ("leave payslip", None),
        (
            "How do I ask for leave and what is the form? Hoe vraag ik mijn verlof aan met het formulier van dit jaar?",
            None,
        ),
        ("Quanti giorni di ferie mi restano e quando posso prenderli? Le restano dieci giorni con la app.", None),
        ("Quantos dias de férias ainda tenho este ano e quando posso marcar? Tem dez dias no portal, obrigado.", None),
        ("Jag vill veta hur många semesterdagar jag har kvar och när jag kan ta ut dem i år, om det är möjligt.", None),
        ("Bu yıl kaç gün iznim kaldı ve ne zaman kullanabilirim? On gününüz var, portaldan girebilirsiniz.", None),
        ("1234 5678 https://example.com", None),
    ],
)
def test_a_language_is_named_only_if_it_is_certain(text: str, language: str | None) -> None:
    assert searched_language(text) == language


@given(st.text(st.characters(codec="ascii")) | st.text())
def test_words_are_runs_of_letters_whatever_way_they_are_found(text: str):
    assert words_of(text.lower()) == re.findall(r"[^\W\d_]+", text.lower())
