"""The layers and networks of the paper, and a faster way to compute them on a CPU."""
