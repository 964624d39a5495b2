"""Ratings that arrive: kept in order of arrival, through any crash, until the data has them."""
