"""Words for readers: names of classes and features."""

import pytest

from tst import vocabulary


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (["113812204462", "330587238433"], ["collection 1", "collection 2"]),
        (["Aria", "HueBridge"], ["Aria", "HueBridge"]),
        (["113812204462", "other"], ["113812204462", "other"]),
        (["0", "1"], ["0", "1"]),
    ],
)
def test_ids_of_many_digits_are_numbered(names, shown):
    """Only where every name is such an id; other names stay."""
    assert vocabulary.class_labels(names, "collection") == shown


def test_a_unit_in_a_key_is_written_as_one():
    """The gap of iot is in microseconds; other keys lose their underscores."""
    assert vocabulary.in_words("gap_us") == "gap (µs)"
    assert vocabulary.in_words("ping_loss_rate") == "ping loss rate"
