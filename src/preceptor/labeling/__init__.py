"""The labelling room: a web app in which people write, rank, rate and talk, and whose work is the training data."""
