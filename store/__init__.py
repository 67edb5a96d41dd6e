"""Producers, facts and gradings, kept as canonical documents addressed by their hash."""
