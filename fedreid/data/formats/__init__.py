"""Readers: one file for each way that a dataset lies on disk, and what they share."""
