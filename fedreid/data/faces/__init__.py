"""Tests of faces: lists of pairs and templates beside their images, and alignment by landmarks."""
