"""From raw prompts to clean prompt sets."""
