"""How often an analyzer agrees with labels written by hand: ``make eval``.

The conversations in ``labelled.json`` are synthetic: written for this, in Dutch, German and English, about nobody.
``batch`` tells how much to believe. 1 and 2 were on the table while the offline rules and lists were made; 3 and 4
were written afterwards, measured and never tuned for. All have the same author as the rules, which flatters them.
Those marked ``adversarial`` try to mislead: orders to the analyzer, forged turns and replies, sarcasm, gibberish,
mixed languages.
"""
