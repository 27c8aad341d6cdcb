"""Topics: the questions of a company grouped by meaning, and what people change about them."""
