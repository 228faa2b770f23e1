"""Laws of loading a model: what model.json claims is what the weights hold, or it is refused."""

import json

import pytest
import torch
from fuzzing import attempt, sentence, sign
from helpers import user_table
from safetensors.torch import load_file, save_file

from tst import Synthesiser
from tst.errors import DataError
from tst.io import weights
from tst.models.transformer.config import TSTConfig
from tst.models.transformer.model import TST


@pytest.fixture
def plain(tmp_path):
    """The folder of a small model."""
    TST(TSTConfig(n_features=5, d_model=8, n_head=2, n_layer=2, d_ff=6, context_length=9)).save(
        tmp_path / "m"
    )
    return tmp_path / "m"


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """The folder of a small model of a table, and what stands in its model.json."""
    folder = (
        Synthesiser(max_steps=2, d_model=8, n_layer=1)
        .fit(user_table(12))
        .save(tmp_path_factory.mktemp("own"))
    )
    return folder, json.loads((folder / "model.json").read_text())


def test_a_changed_setting_is_told(plain, tmp_path):
    """One that no weight's shape depends on; and the files of two models, as a kill leaves them."""
    facts = json.loads((plain / "model.json").read_text())
    changed = facts | {"config": facts["config"] | {"n_head": 4}}
    (plain / "model.json").write_text(json.dumps(changed))
    refused(TST.load, plain, "its two files were changed, or are two models'; train it again")
    (plain / "model.json").write_text(json.dumps(facts))
    TST(TST.load(plain).config).save(tmp_path / "other")
    (plain / "model.safetensors").write_bytes(
        (tmp_path / "other" / "model.safetensors").read_bytes()
    )
    refused(TST.load, plain, "its two files were changed, or are two models'")


def refused(load, folder, words):
    """Check that a folder is refused with these words, soon and in little memory."""
    with pytest.raises(DataError, match=words) as caught:
        load(folder)
    sentence(caught.value)
    assert attempt("liar", lambda: load(folder)) is None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"n_layer": 10**6}, "n_layer is 1000000; give at most 1,000"),
        ({"n_layer": 1000}, r"model.json asks for .* of shape .*, the weights have None"),
        ({"d_model": 60_000}, r"model.json asks for .* of shape .*, the weights have"),
        ({"d_model": 10**7}, "d_model is 10000000; give at most 65,536"),
        ({"context_length": 10**12}, "context_length is 1000000000000; give at most"),
        ({"n_head": 3}, "d_model 8 is not a multiple of n_head 3"),
        ({"n_layer": 0}, "n_layer is 0; give at least 1"),
        ({"n_layer": True}, "n_layer = True, of the wrong type"),
        ({"d_model": "8"}, "d_model = '8', of the wrong type"),
        ({"color": 1}, "an unknown 'color'"),
    ],
)
def test_settings_that_the_weights_do_not_hold(plain, change, words):
    """Each is refused before memory is asked for."""
    facts = json.loads((plain / "model.json").read_text())
    facts["config"] |= change
    (plain / "model.json").write_text(json.dumps(facts))
    refused(TST.load, sign(plain), words)


def test_weights_of_another_model(plain, tmp_path):
    """A tensor more, one less, one of another shape, no number, none at all, no file."""
    path = plain / "model.safetensors"
    whole = load_file(path)
    for change, words in (
        ({"more": torch.zeros(2)}, "asks for more of shape None"),
        ({"output.bias": None}, "the weights have None"),
        (
            {"output.bias": torch.zeros(3)},
            "asks for output.bias of shape .5,., the weights have .3,.",
        ),
        ({"output.bias": torch.full((5,), float("nan"))}, "a weight is not a finite number"),
    ):
        save_file({k: v for k, v in (whole | change).items() if v is not None}, path)
        refused(TST.load, sign(plain), words)
    path.write_bytes((10**15).to_bytes(8, "little") + b"{}")
    refused(TST.load, plain, "no sound model at")
    path.unlink()
    refused(TST.load, plain, "model.safetensors is missing; train it first")


def set_in(tree, path, value):
    """Set a value deep in a tree."""
    for key in path[:-1]:
        tree = tree[key]
    tree[path[-1]] = value


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("config", "patch"), 10**6, "a token has 8,000,000 numbers; give at most"),
        (("spec", "step", 0, "n_categories"), 10**9, "no sound model at"),
        (("spec", "attributes", 0, "n_categories"), 10**9, "no sound model at"),
        (("spec", "bin_edges", 0), [0.0] * 10**5, "no sound model at"),
        (("encoder", "longest"), 10**12, "would inflate to"),
        (("encoder", "loc"), [], "its parts do not fit each other"),
        (("encoder", "feature_encoders"), [], "its parts do not fit each other"),
        (("table", "features"), [], "do not fit each other"),
        (("table", "clock", "step"), "x", "Clock has step = 'x', of the wrong type"),
        (("table", "names", 0, "dtype"), "datetime64[ns, Nowhere]", "is damaged"),
        (("table", "order"), ["a"], "do not fit each other"),
        (("seed",), -1, "has the seed -1"),
        (("format",), "synthesiser-9", "this version reads"),
        (("table",), None, "is damaged"),
    ],
)
def test_a_model_of_a_table_that_lies(own, tmp_path, path, value, words):
    """Sizes, schema, table and their fit."""
    folder, facts = own
    facts = json.loads(json.dumps(facts))
    set_in(facts, path, value)
    (tmp_path / "model.json").write_text(json.dumps(facts))
    (tmp_path / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    refused(Synthesiser.load, sign(tmp_path), words)


class Line(torch.nn.Linear):
    """A model with a buffer, that counts how often it is made, and on which device."""

    made = ()

    def __init__(self, n_inputs, n_buffered=2):
        super().__init__(n_inputs, 3)
        self.register_buffer("positions", torch.zeros(n_buffered), persistent=False)
        Line.made = (*Line.made, self.weight.device.type)


@pytest.fixture
def line(tmp_path, monkeypatch):
    """The folder of a saved Line; the count begins anew."""
    monkeypatch.setattr(Line, "made", ())
    model = Line(5)
    weights.save(tmp_path, {"n_inputs": 5}, model.state_dict())
    Line.made = ()
    return tmp_path, model


def test_read_returns_what_was_saved(line):
    """The settings without their checksum, the state_dict bit by bit."""
    folder, model = line
    settings, state = weights.read(folder)
    assert settings == {"n_inputs": 5}
    assert state.keys() == model.state_dict().keys()
    assert all(torch.equal(state[name], tensor) for name, tensor in model.state_dict().items())


def test_load_into_builds_without_memory_first(line):
    """Then in memory, with the weights, in evaluation mode."""
    folder, model = line
    settings, state = weights.read(folder)
    loaded = weights.load_into(lambda: Line(**settings), state, folder)
    assert Line.made == ("meta", "cpu")
    assert torch.equal(loaded.weight, model.weight)
    assert not loaded.training


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: Line(7), "no sound line at .*asks for weight of shape .3, 7., the weights have"),
        (lambda: Line(10**9), "asks for weight of shape"),
        (lambda: Line(5, 10**14), "would inflate to"),
        (lambda: Line("x"), "no sound line at"),
    ],
)
def test_load_into_refuses_before_memory_is_allocated(line, build, words):
    """Other shapes, a buffer beyond the memory there is, settings that cannot be built."""
    folder, _ = line
    _, state = weights.read(folder)
    with pytest.raises(DataError, match=words):
        weights.load_into(build, state, folder, "line")
    assert "cpu" not in Line.made
