"""Where clients run: a serial grid and a Ray grid behind Flower's Grid interface, and `launch`."""
