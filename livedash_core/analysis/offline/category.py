"""What a conversation is about, by the words of example questions.

A word, or a pair of words, that the examples know votes for the categories they use it in, the more the fewer those
are. Another word votes through the character n-grams it shares with keywords: inflections, misspellings ("vakanttie")
and the compounds of Dutch and German ("Urlaubsplanung", "kilometervergoeding").
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

#: A keyword counts as that many example questions.
KEYWORD_WEIGHT = 4
NGRAM_SIZES = (3, 4, 5)
#: What a shared n-gram counts beside a known word.
NGRAM_WEIGHT = 0.45
#: Longer ones are no words; some would fill the cache.
MAX_WORD_LETTERS = 40
#: About what one word of one example is worth: less is an accident.
MIN_SCORE = 1.7
#: The winner's lead, as a share of its score.
MIN_MARGIN = 0.05

Votes = dict[Category, float]


class CategoryRule:
    """Compares a conversation with ``data/categories.json``: {category: {language: {keywords, examples}}}.

    Keywords are words or pairs of words. ``data/stopwords.json`` holds the words that say nothing alone.
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
        # The words of a company's chats repeat.
        self._word_votes = lru_cache(maxsize=10_000)(self._look_up)

    def __call__(self, lines: Iterable[str]) -> Category:
        """The category of the user's ``lines``, folded; UNRECOGNIZED_OTHER if none stands out."""
        spoken = [words(line) for line in lines]
        score: Counter[Category] = Counter()
        # Each term once, however often it is said.
        for word in dict.fromkeys(word for line in spoken for word in line if len(word) <= MAX_WORD_LETTERS):
            score.update(self._word_votes(word))
        for pair in dict.fromkeys(" ".join(pair) for line in spoken for pair in pairwise(line)):
            score.update(self._terms.get(pair, {}))
        ranked = score.most_common(2)
        if not ranked or ranked[0][1] < MIN_SCORE:
            return "UNRECOGNIZED_OTHER"
        if len(ranked) > 1 and ranked[1][1] > (1 - MIN_MARGIN) * ranked[0][1]:
            return "UNRECOGNIZED_OTHER"
        return ranked[0][0]

    def _votes(self, counts: Counter[Category]) -> Votes:
        """TF-IDF over categories: nothing for a term that all of them use."""
        rarity = math.log(self._categories / len(counts))
        total = counts.total()
        return {category: rarity * math.log1p(count) * count / total for category, count in counts.items()}

    def _look_up(self, word: str) -> Votes:
        if word in self._terms or word in self._stopwords:
            return self._terms.get(word, {})
        votes: Counter[Category] = Counter()
        found = ngrams(word)
        for ngram in found:
            votes.update(self._ngrams.get(ngram, {}))
        return {category: NGRAM_WEIGHT * vote / math.sqrt(len(found)) for category, vote in votes.items()}


def ngrams(word: str) -> list[str]:
    """The character n-grams of a word with its borders marked; none of a word of three letters or fewer."""
    marked = f" {word} "
    return [marked[i : i + n] for n in NGRAM_SIZES if len(word) >= min(NGRAM_SIZES) for i in range(len(marked) - n + 1)]
