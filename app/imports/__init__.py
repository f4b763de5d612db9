"""Runs that were trained elsewhere: found in TensorBoard directories and exports, and made rows here."""
