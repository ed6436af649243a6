"""Names of the files of a run folder that more than one package reads or writes."""

SCENARIO = "scenario.toml"
START = "start.safetensors"  # the backbone before the first round, every tensor of it
PUBLIC_PROXIES = "public_proxies.safetensors"
FINAL = "model.safetensors"  # the global backbone after the last round
SETUP = "setup.json"  # what preparing the run found and how long it took
SUMMARY = "summary.json"
LOG = "log.txt"
