"""Synthetic pedestrians: who they are, how a camera sees them, and datasets of them in any layout."""
