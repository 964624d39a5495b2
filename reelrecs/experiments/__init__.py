"""Comparing ways to make lists by what people do: arms, exposures, a report."""
