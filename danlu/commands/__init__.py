"""The commands of `danlu`, by subject. Whatever needs the server's or the worker's code imports it when it runs."""
