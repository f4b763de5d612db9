"""The order of tags, as the page has it."""

from app.metrics.order import in_order


def test_numbers_by_their_size_however_long_they_are() -> None:
    tags = ["9" * 5_000, "10", "9", "007", "1" + "0" * 5_000, "b2", "b10"]
    assert in_order(tags) == ["007", "9", "10", "9" * 5_000, "1" + "0" * 5_000, "b2", "b10"]
    assert in_order(["x٣", "x12", "x2"]) == ["x2", "x٣", "x12"], "digits of any script"
