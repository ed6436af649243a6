"""What is known of datasets, and whether a copy of one is what it should be: `fedreid data list` and `check`."""
