"""Speed and memory, as ratios within one run. `python -m tests.benchmarks` runs all; each module runs by itself too."""
