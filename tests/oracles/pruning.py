"""Inputs of the worked examples O1 to O8 of the pruning specification."""

# O1: five filters of a (5, 2, 1, 2) convolution, flattened.
O1_FILTERS = [[1, -2, 3, -4], [0.5, 0.5, -0.5, 0.5], [6, 0, 0, 0], [1, -2, 3, -3], [-1, 2, -3, 3.5]]

# O2: (examples, channels, positions).
O2_ACTIVATION = [[[1, 2], [2, 0]], [[0, 1], [1, 1]]]
O2_GRADIENT = [[[0.1, -0.2], [-0.1, 0.4]], [[0.3, 0.5], [0.05, -0.05]]]

# O3: two BatchNorm layers of one group, three channels; the gradients by mini-batch, then by layer.
O3_SCALE = [[1, 0.5, -2], [0.8, 1.5, 0.1]]
O3_SHIFT = [[0, 0.2, 0.5], [-0.4, 0, 1]]
O3_SCALE_GRADIENTS = [[[0.10, -0.20, 0.05], [-0.05, 0.02, 0.30]], [[0, 0.40, -0.10], [0.10, -0.04, 0.20]]]
O3_SHIFT_GRADIENTS = [[[0.30, 0.10, 0.10], [0.20, -0.10, -0.01]], [[0.50, -0.50, 0.40], [0.05, 0.30, 0.03]]]

# O4: four channels; what the network consumed at first, consumes now, and may consume.
O4_LOSS = [4e-3, 6e-3, 3e-3, 8e-3]
O4_MACS_IMPACTS = [0.010, 0.030, 0.004, 0.018]
O4_PARAMS_IMPACTS = [0.002, 0.010, 0.012, 0.040]
O4_CURRENT = {"macs": 80.0, "params": 32.0}
O4_LIMITS = {"macs": 50.0, "params": 24.0}

# O5: loss impacts of the three groups of the mini residual net, by the name of the group's first convolution.
O5_LOSS = {
    "conv1": [0.02, 0.05, 0.03, 0.04],
    "conv_a": [0.01, 0.06],
    "conv_c": [0.001, 0.002, 0.0015, 0.004, 0.003],
}
O5_IMPACTS = {
    "conv1": {"macs": 8224 / 32911, "params": 72 / 320},
    "conv_a": {"macs": 9216 / 32911, "params": 74 / 320},
    "conv_c": {"macs": 131 / 32911, "params": 9 / 320},
}

# O6: share to remove, epochs.
O6_GOAL, O6_EPOCHS = 0.4, 16

# O7: layer-wise pruning of three chained 3x3 layers of eight filters.
O7_EXPECTED_DROP = 0.6


def o7_drop(first: float, second: float, third: float) -> float:
    """The synthetic drop for the shares removed in the three layers."""
    return 0.02 * first**2 + second**4 + 0.9 * third**2
