"""Laws of new names: the pattern of the real ones, none of them, none twice."""

import re
import uuid

import numpy as np
import pandas as pd
import pytest

from tst.table.names import NewNames

RNG = np.random.default_rng(0)
REAL = {
    "numbers": (pd.Series(RNG.permutation(np.arange(700, 760))), r"\d{3}"),
    "padded": (pd.Series([f"{i:06d}" for i in RNG.choice(10**6, 60, False)]), r"\d{6}"),
    "padded, the last one known": (pd.Series(["0000", "9999", "0100", "5000"]), r"\d{4}"),
    "a word": (pd.Series([f"rec{i:02d}" for i in range(40)]), r"rec\d{2}"),
    "a longer word": (pd.Series([f"INV-2024-{i}-b" for i in range(8, 70)]), r"INV-2024-\d+-b"),
    "uuid": (pd.Series([str(uuid.UUID(int=i**9)) for i in range(2, 60)]), r"[0-9a-f-]{36}"),
    "hex": (pd.Series([RNG.bytes(8).hex() for _ in range(50)]), r"[0-9a-f]{16}"),
    "names": (pd.Series(["Ada", "Bo", "Cy", "Di"]), r"synthetic-\d{2}"),
    "streets": (pd.Series([f"{i} {s} Road" for i, s in enumerate("abcdefgh")]), r"synthetic-\d\d"),
    "categories": (pd.Series(["x1", "x2", "x3"], dtype="category"), r"x\d+"),
}


@pytest.mark.parametrize("kind", REAL)
def test_new_names_look_like_the_real_ones(kind):
    """As many as are asked for, in the same dtype and pattern."""
    real, pattern = REAL[kind]
    names = NewNames.of(real.rename("id"), "synthetic")
    made = names.make(np.arange(30), 30)
    assert made.nunique() == 30
    assert not set(made.astype(str)) & set(real.astype(str))
    assert all(re.fullmatch(pattern, str(name)) for name in made)
    assert isinstance(made.dtype, pd.CategoricalDtype) or made.dtype == real.dtype
    pd.testing.assert_series_equal(
        names.make(np.arange(30)[::-1], 30)[::-1].reset_index(drop=True), made
    )


def test_beyond_the_room_a_digit_is_added():
    """No real name has so many."""
    real = pd.Series([f"n{i}" for i in range(10)], name="id")
    made = NewNames.of(real, "synthetic").make(np.arange(5), 5)
    assert made.tolist() == ["n10", "n11", "n12", "n13", "n14"]
    few = NewNames.of(pd.Series(["n1", "n8"], name="id"), "synthetic").make(np.arange(9), 9)
    assert few.tolist() == ["n2", "n3", "n4", "n5", "n6", "n7", "n10", "n11", "n12"]
