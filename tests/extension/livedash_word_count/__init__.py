"""Counts the words of each session: a stage between SESSION_CREATION and AI_ANALYSIS."""

from livedash_core import StageDefinition

WORD_COUNT = StageDefinition(
    name="WORD_COUNT",
    implementation="livedash_word_count.stage:WordCount",
    asset="livedash_word_counts",
    after="SESSION_CREATION",
    dag="livedash_word_count.dag:word_count",
)
