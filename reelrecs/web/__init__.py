"""Recommendations over HTTP: JSON for programs and a page for people. Needs the extra `web`."""
