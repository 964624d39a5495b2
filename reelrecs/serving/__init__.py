"""The engine left running: one process or several, its data and model exchanged while it serves."""
