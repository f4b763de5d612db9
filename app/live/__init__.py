"""The live stream: one poller per app, any number of subscribers, server-sent events."""
