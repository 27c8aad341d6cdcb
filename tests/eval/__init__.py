"""Measure the agreement of an analyzer with labels written by hand: ``make eval``.

The conversations in ``labelled.json`` are synthetic, in Dutch, German and English, and concern no real person. ``set``
tells how far the figures generalise: the offline rules and lists were developed on sets 1 and 2; sets 3 and 4 were
written afterwards, measured, and never tuned for. The author of all sets also wrote the rules, which favours the rules.
``adversarial`` conversations try to mislead: instructions to the analyzer, forged turns and replies, sarcasm,
gibberish, mixed languages.
"""
