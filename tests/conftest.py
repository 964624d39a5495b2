"""Settings every test shares."""

from hypothesis import settings

settings.register_profile("reelrecs", deadline=None, derandomize=True, max_examples=40)
settings.load_profile("reelrecs")
