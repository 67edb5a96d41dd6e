"""Whole cities: making a synthetic one, and reading one into a store."""
