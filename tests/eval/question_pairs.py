"""Load the labelled questions as pairs, and measure which pairs a decision calls the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

#: The least precision of the merges that are made without a model.
PRECISION_FLOOR = 0.97


@dataclass(frozen=True)
class LabelledQuestion:
    language: str
    text: str
    meaning: str


@dataclass(frozen=True)
class LabelledPair:
    first: LabelledQuestion
    second: LabelledQuestion
    set: str

    @property
    def same(self) -> bool:
        return self.first.meaning == self.second.meaning

    @property
    def one_language(self) -> bool:
        return self.first.language == self.second.language


@dataclass(frozen=True)
class Measured:
    """Merges of ``pairs``: how many were made, how many of them are right, and how many are right to make."""

    pairs: int
    made: int
    right: int
    same: int

    @property
    def precision(self) -> float:
        return self.right / self.made if self.made else 1.0

    @property
    def recall(self) -> float:
        return self.right / self.same if self.same else 1.0


def load_pairs() -> list[LabelledPair]:
    """Every two questions of a family; those of one meaning are the same."""
    families: list[tuple[str, list[LabelledQuestion]]] = []
    meaning = ""
    for line in Path(__file__).with_name("questions.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith(("# tuned ", "# held ")):
            families.append((line.split()[1], []))
        elif line.startswith("= "):
            meaning = f"{len(families)} {line[2:]}"
        elif line.strip() and not line.startswith("#"):
            language, _, text = line.partition(" ")
            families[-1][1].append(LabelledQuestion(language, text, meaning))
    return [
        LabelledPair(first, second, which)
        for which, questions in families
        for first, second in combinations(questions, 2)
    ]


def measure(pairs: Sequence[LabelledPair], is_same: Callable[[LabelledPair], bool]) -> Measured:
    made = [pair for pair in pairs if is_same(pair)]
    return Measured(len(pairs), len(made), sum(pair.same for pair in made), sum(pair.same for pair in pairs))
