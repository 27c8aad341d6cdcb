"""Classify a conversation by the words of example questions (TF-IDF).

A word or a pair of words from the examples votes for the categories in which it occurs; its vote is larger the fewer
these are. Any other word votes through the character n-grams that it shares with keywords. This covers inflections,
misspellings ("vakanttie") and the compounds of Dutch and German ("Urlaubsplanung", "kilometervergoeding").
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise

from livedash_core.analysis.offline.text import fold, words
from livedash_core.analysis.offline.wordlists import load
from livedash_core.enums import Category

#: A keyword counts as this many example questions.
KEYWORD_WEIGHT = 4
NGRAM_SIZES = (3, 4, 5)
#: The weight of a shared n-gram relative to a known word.
NGRAM_WEIGHT = 0.45
#: Longer tokens are not words, and would fill the cache.
MAX_WORD_LETTERS = 40
#: About the vote of one word from one example; a lower score is a coincidence.
MIN_SCORE = 1.7
#: The minimum lead of the first category over the second, as a share of its score.
MIN_MARGIN = 0.05

Votes = dict[Category, float]


class CategoryRule:
    """Compares a conversation with ``data/categories.json``: {category: {language: {keywords, examples}}}.

    Keywords are words or pairs of words. ``data/stopwords.json`` holds the words that carry no meaning alone.
    """

    def __init__(self) -> None:
        by_term: defaultdict[str, Counter[Category]] = defaultdict(Counter)
        by_ngram: defaultdict[str, Counter[Category]] = defaultdict(Counter)
        self._stopwords = frozenset(word for listed in load("stopwords").values() for word in listed)
        examples = load("categories")
        for category, languages in examples.items():
            for entry in languages.values():
                for word in (word for example in entry["examples"] for word in words(fold(example))):
                    by_term[word][category] += 1
                for keyword in map(fold, entry["keywords"]):
                    by_term[keyword][category] += KEYWORD_WEIGHT
                    for ngram in ngrams(keyword):
                        by_ngram[ngram][category] += 1
        self._categories = len(examples)
        self._terms = {term: self._votes(counts) for term, counts in by_term.items() if term not in self._stopwords}
        self._ngrams = {ngram: self._votes(counts) for ngram, counts in by_ngram.items()}
        # Cached, because the chats of a company repeat their words.
        self._word_votes = lru_cache(maxsize=10_000)(self._votes_of_word)

    def __call__(self, lines: Iterable[str]) -> Category:
        """The category of the user's folded ``lines``; UNRECOGNIZED_OTHER if none has a clear lead."""
        words_by_line = [words(line) for line in lines]
        score: Counter[Category] = Counter()
        # Each term counts once, however often it occurs.
        for word in dict.fromkeys(word for line in words_by_line for word in line if len(word) <= MAX_WORD_LETTERS):
            score.update(self._word_votes(word))
        for pair in dict.fromkeys(" ".join(pair) for line in words_by_line for pair in pairwise(line)):
            score.update(self._terms.get(pair, {}))
        ranked = score.most_common(2)
        if not ranked or ranked[0][1] < MIN_SCORE:
            return "UNRECOGNIZED_OTHER"
        if len(ranked) > 1 and ranked[1][1] > (1 - MIN_MARGIN) * ranked[0][1]:
            return "UNRECOGNIZED_OTHER"
        return ranked[0][0]

    def _votes(self, counts: Counter[Category]) -> Votes:
        """The TF-IDF of a term in each category: 0 for a term that all categories use."""
        rarity = math.log(self._categories / len(counts))
        total = counts.total()
        return {category: rarity * math.log1p(count) * count / total for category, count in counts.items()}

    def _votes_of_word(self, word: str) -> Votes:
        if word in self._terms or word in self._stopwords:
            return self._terms.get(word, {})
        votes: Counter[Category] = Counter()
        found = ngrams(word)
        for ngram in found:
            votes.update(self._ngrams.get(ngram, {}))
        return {category: NGRAM_WEIGHT * vote / math.sqrt(len(found)) for category, vote in votes.items()}


def ngrams(word: str) -> list[str]:
    """The character n-grams of a word with its boundaries marked; none for a word of fewer than three letters."""
    marked = f" {word} "
    return [marked[i : i + n] for n in NGRAM_SIZES if len(word) >= min(NGRAM_SIZES) for i in range(len(marked) - n + 1)]
