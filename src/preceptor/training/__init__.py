"""The three stages of training: SFT, reward model, RL. Loops are written out; mathematics is imported from `ops`."""
