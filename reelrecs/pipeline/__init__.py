"""The framework: what travels between stages, what a stage is, and the one loop. Knows arrays only."""
