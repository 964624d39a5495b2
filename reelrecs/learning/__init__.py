"""From the sequences of a store to a model file."""
