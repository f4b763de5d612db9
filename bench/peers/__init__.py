"""Scripts that train the rings example, one a library; each runs in the peers' environment, in a process of its own."""
