"""Policy and reward model: any Hugging Face causal LM in, the same formats out."""
