"""The published MovieLens layouts, one reader each."""
