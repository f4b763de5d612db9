"""Metric series, read from the event files through TensorBoard's own data server."""
