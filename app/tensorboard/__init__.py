"""TensorBoard and its data server: one of each per experiment, on demand, behind our login."""
