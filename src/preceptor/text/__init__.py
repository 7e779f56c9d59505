"""From messages to tokens and back: the chat template, loss masks, packing, and the batches that models read."""
