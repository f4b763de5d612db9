"""The built-in recipes. Importing this package registers them; torch comes only when one of them runs."""

from worker.recipes import drift, images, quadratic, rings

__all__ = ["drift", "images", "quadratic", "rings"]
