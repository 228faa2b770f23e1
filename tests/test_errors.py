"""Laws of sentences: one line, bounded, whatever a hostile file puts into it."""

import pytest

from tst.errors import MAX_SENTENCE, DataError, short_message, translate_errors


def test_a_sentence_is_one_line_and_short():
    """Whatever name stands in it; what to do stands at its end and stays."""
    text = str(DataError("column 'a\nb\r\x1b[31m\udc80" + "x" * 999 + "' is bad: rename it."))
    assert text.startswith("column 'a b [31m?xx")
    assert text.endswith("x' is bad: rename it.")
    assert text.isprintable()
    assert len(text) == MAX_SENTENCE


def test_a_message_is_one_short_line():
    """Without its last period, for a sentence goes on behind it; a type's name where it is none."""
    assert short_message(ValueError("a\n  b.")) == "a b"
    assert short_message(KeyError()) == "KeyError"
    assert short_message(ValueError("x" * 999)) == "x" * 117 + "..."


def test_any_error_becomes_a_sentence():
    """But for a DataError, which is one already."""
    with (
        pytest.raises(DataError, match=r"^a is damaged \(no b\); mend it\.$"),
        translate_errors("a is damaged", "mend it"),
    ):
        raise RuntimeError("no b.")
    with pytest.raises(DataError, match=r"^as it is\.$"), translate_errors("a", "b"):
        raise DataError("as it is.")
