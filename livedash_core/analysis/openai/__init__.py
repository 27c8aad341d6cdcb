"""The analyzer that asks a model, over the OpenAI chat completions API, of OpenAI or of any server that speaks it."""

from livedash_core.analysis.openai.analyzer import OpenAIAnalyzer

__all__ = ["OpenAIAnalyzer"]
