"""An experiment as files that anything can read: Parquet and JSON in one zip, written while it is sent."""
