"""Words for readers: names of classes and features."""

import pytest

from tst import vocabulary


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (["113812204462", "330587238433"], ["collection 1", "collection 2"]),
        (["Aria", "HueBridge"], ["Aria", "HueBridge"]),
        (["113812204462", "other"], ["113812204462", "other"]),
        (["c0", "c1"], ["collection 1", "collection 2"]),
        (["0", "1"], ["0", "1"]),
    ],
)
def test_ids_and_codes_are_numbered(names, shown):
    """Only where every name is one; other names stay."""
    assert vocabulary.class_labels(names, "collection") == shown


def test_a_unit_in_a_key_is_written_as_one():
    """The gap of iot is in microseconds; other keys lose their underscores."""
    assert vocabulary.in_words("gap_us") == "gap (µs)"
    assert vocabulary.in_words("ping_loss_rate") == "ping loss rate"


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("full", "full"),
        ("sliding:64", "sliding, 64 steps"),
        ("patch:4 whole", "patches of 4, whole series"),
        ("rope", "rotary"),
        ("tst_paper", "TST"),
        ("my_model", "my model"),
    ],
)
def test_kinds_of_attention_and_positions_are_words(key, shown):
    """No colon and no name of an argument reaches a figure; models keep their labels."""
    assert vocabulary.variant_label(key) == shown
