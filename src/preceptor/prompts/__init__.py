"""From raw prompts to clean data sets: what came in is kept as it was, what training sees is built anew each time."""
