"""Pruned sub-networks: channel groups, maps of kept channels, slices of a network, and what a network costs."""

from fedreid.pruning.costs import RESOURCES, Costs, costs_with, count, impacts, impacts_of, savings, total
from fedreid.pruning.groups import ChannelGroup, architecture_of, check_groups, groups_of, with_widths
from fedreid.pruning.latency import Latency, latency
from fedreid.pruning.latency_table import LatencyTable, latency_impacts, measure_on
from fedreid.pruning.layer import Layer
from fedreid.pruning.layers import layers_of, resized
from fedreid.pruning.maps import ChannelMap, TensorMap, full_map, is_nested, tensor_map
from fedreid.pruning.slicing import scatter, scatter_state, slice_state, sliced
from fedreid.pruning.sub_networks import narrow, narrowed, sub_network

__all__ = [
    "RESOURCES",
    "ChannelGroup",
    "ChannelMap",
    "Costs",
    "Latency",
    "LatencyTable",
    "Layer",
    "TensorMap",
    "architecture_of",
    "check_groups",
    "costs_with",
    "count",
    "full_map",
    "groups_of",
    "impacts",
    "impacts_of",
    "is_nested",
    "latency",
    "latency_impacts",
    "layers_of",
    "measure_on",
    "narrow",
    "narrowed",
    "resized",
    "savings",
    "scatter",
    "scatter_state",
    "slice_state",
    "sliced",
    "sub_network",
    "tensor_map",
    "total",
    "with_widths",
]
