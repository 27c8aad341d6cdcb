"""The word lists contain no entry that can never match or that contradicts another."""

from __future__ import annotations

from livedash_core.analysis.offline.text import fold, words
from livedash_core.analysis.offline.wordlists import load
from livedash_core.enums import CATEGORIES

STOPWORDS = {word for listed in load("stopwords").values() for word in listed}


def keywords() -> list[str]:
    return [
        keyword
        for languages in load("categories").values()
        for entry in languages.values()
        for keyword in entry["keywords"]
    ]


def test_every_category_but_the_unrecognized_has_examples() -> None:
    assert set(load("categories")) == set(CATEGORIES) - {"UNRECOGNIZED_OTHER"}


def test_every_keyword_is_a_word_or_a_pair_of_words() -> None:
    assert [keyword for keyword in keywords() if " ".join(words(fold(keyword))) != keyword] == []
    assert [keyword for keyword in keywords() if len(words(keyword)) > 2] == []


def test_no_keyword_is_a_stopword() -> None:
    assert set(keywords()) & STOPWORDS == set()


def test_no_word_is_both_praise_and_complaint() -> None:
    for language, lists in load("sentiment").items():
        assert not set(lists["positive"]) & set(lists["negative"]), language
        assert not set(lists["praise"]) & set(lists["complaints"]), language


def test_the_sentiment_lists_hold_folded_text_in_the_same_lists_per_language() -> None:
    for listed in load("sentiment").values():
        assert set(listed) == {"negations", "positive", "praise", "negative", "complaints", "mentions", "anger"}
        assert [item for items in listed.values() for item in items if item != fold(item)] == []
