"""Inputs of the worked examples of the FedFR specification, which tests of several packages share."""

# A2: CosFace. The first two proxies are private (labels 0 and 1), the others public.
A2_PROXIES = [[1, 2, 1], [0, 1, -1], [1, 0, 0], [2, 0, 1], [0, 0, 1]]
A2_FEATURES = [[1, 2, 2], [2, -1, 2]]
A2_LABELS = [0, 3]
