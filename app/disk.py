"""The free-disk floor, below which nothing is claimed or uploaded."""

import shutil

from app.config import Settings


def shortage(settings: Settings) -> str | None:
    """What is wrong with the disk under the home folder, as a sentence's end; None when there is room."""
    usage = shutil.disk_usage(settings.home)
    floor = max(settings.disk_floor_gib * 2**30, usage.total * settings.disk_floor_percent / 100)
    if usage.free >= floor:
        return None
    return f"the disk is nearly full: {usage.free / 2**30:.1f} GiB free, {floor / 2**30:.1f} GiB needed"
