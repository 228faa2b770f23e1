"""Laws of the roles of columns: guessed from the contents, overridden by a file, checked."""

import pytest
from helpers import problem_text, table_error, user_table

from tst.errors import DataError
from tst.table.evidence import choose
from tst.table.roles import Roles
from tst.table.table import Table


def columns_of(table, role):
    """Return the columns that have a role."""
    shown = table.roles()
    return shown["column"][shown["role"] == role].tolist()


def test_the_roles_of_a_plain_table_are_guessed():
    """Each column once, in the table's order."""
    table, _ = Table.fit(user_table())
    assert columns_of(table, "id") == ["host"]
    assert columns_of(table, "time") == ["when"]
    assert columns_of(table, "constant") == ["version"]
    assert columns_of(table, "attribute") == ["status", "size", "owner"]
    features = ["cpu", "threads", "up", "state", "exact", "memory", "counter"]
    assert columns_of(table, "feature") == features
    assert len(table.roles()) == len(user_table().columns)


def test_roles_override_the_guess(tmp_path):
    """A YAML names columns; what it leaves out is listed, and the others are guessed."""
    path = tmp_path / "roles.yml"
    path.write_text(
        "leave_out: [memory, exact, owner]\nlabel: status\ncategorical: [threads]\nwindow: 3\n"
    )
    table, series = Table.fit(user_table(), path)
    assert series.feature_names == ["cpu", "threads", "up", "state", "counter"]
    assert series.features[1].kind == "categorical"
    assert series.label == "status"
    assert series.lengths.max() == 3
    assert series.group is not None
    assert table.order == tuple(
        name for name in user_table() if name not in ("memory", "exact", "owner")
    )
    assert "memory: left out" in problem_text(table)


def test_roles_that_the_table_contradicts():
    """An unknown key, a column that is not there, an attribute that changes: each a sentence."""
    frame = user_table()
    assert "unknown key 'feature'; known are id" in table_error(frame, {"feature": ["cpu"]})
    sentence = table_error(frame, {"features": ["cpus"]})
    assert "name a column 'cpus' that the table lacks" in sentence
    sentence = table_error(frame, {"attributes": ["cpu"]})
    assert "attribute 'cpu' changes within a series" in sentence
    sentence = table_error(frame, {"features": ["host"], "id": "host"})
    assert "column 'host' has two roles" in sentence


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"id": 3.5}, "id is 3.5; give one name"),
        ({"id": []}, "id is \\[\\]; give one name or a list"),
        ({"shape": "tall"}, "shape is 'tall'; use long, wide or long_measure"),
        ({"label": ["a"]}, "label is .'a'.; give one name"),
        ({"features": "cpu"}, "features is 'cpu'; give a list of columns"),
        ({"categorical": None}, "categorical is None; give a list of columns"),
        ({"window": True}, "window is True; give a number of rows"),
        ({"window": -1}, "window is -1; give a number of rows"),
        ({"gaps": None}, "gaps is None; give keep or cut"),
        ({"gaps": "fill"}, "gaps is 'fill'; use keep or cut"),
        ([1], "roles holds no `key: value` lines: give some of id, time"),
    ],
)
def test_a_role_of_the_wrong_kind(settings, words):
    """Key, value and what to give instead."""
    with pytest.raises(DataError, match=words):
        Roles.read(settings)


def test_nothing_said_is_nothing_changed():
    """None, an empty mapping and roles without any; roles are taken as they are."""
    assert Roles.read(None) == Roles.read({}) == Roles.read("") == Roles()
    roles = Roles(id="host", window=3)
    assert Roles.read(roles) is roles


def test_no_id_where_times_repeat():
    """One sentence that says what settles it."""
    frame = user_table()
    assert "no column names the series" in table_error(frame[["when", "cpu", "exact"]])


@pytest.mark.slow
@pytest.mark.parametrize("role", ["attributes", "features"])
def test_naming_one_role_leaves_the_others_to_be_guessed(role):
    """No column is left out because another is named."""
    table, series = Table.fit(user_table(), {role: ["status"] if role == "attributes" else ["cpu"]})
    plain, expected = Table.fit(user_table())
    assert table == plain
    assert series.sha256() == expected.sha256()


def test_a_time_is_guessed_beside_a_nullable_column():
    """A number that grows evenly within series is the time, whatever else may be missing."""
    frame = user_table()[["host", "cpu"]]
    frame["position"] = frame.groupby("host").cumcount()
    node = (frame["host"].str[1:].astype(int) // 3).astype("Int64")
    frame["node"] = node.mask(node == node.max())
    choice = choose(frame[["node", "cpu", "host", "position"]], None, None, ())
    assert (choice.id, choice.time) == (("host",), "position")
