"""Laws of GenerativeTST as a file: it comes back with its bits, and a damaged one is refused."""

import json
from dataclasses import replace

import pytest
import torch
from helpers import encoded_batches, mixed_series, modulate, tiny_generative

from tst.errors import DataError
from tst.io import weights
from tst.models.transformer.generative import MAX_VARIABLES, GenerativeTST, token_nll
from tst.models.transformer.packing import Packing
from tst.models.transformer.variables import Variable


def model(**settings):
    """Return a tiny untrained model of `mixed_series`."""
    encoder, spec, _ = encoded_batches(mixed_series(), **settings)
    return tiny_generative(spec, encoder, **settings).eval()


@pytest.mark.parametrize("head", ["sigmoid", "mixture", "quantised"])
@pytest.mark.parametrize("patch", [1, 3])
def test_a_loaded_model_samples_the_same_bits(tmp_path, head, patch):
    """Configuration, spec, encoder and weights come back."""
    saved = model(head=head, patch=patch)
    saved.save(tmp_path / "m")
    loaded = GenerativeTST.load(tmp_path / "m")
    assert (loaded.config, loaded.spec) == (saved.config, saved.spec)
    assert loaded.encoder == saved.encoder
    assert loaded.sample(3, seed=5).sha256() == saved.sample(3, seed=5).sha256()


def test_other_models_are_not_needed_to_save(tmp_path):
    """A model without an encoder comes back without one."""
    _, spec, _ = encoded_batches(mixed_series())
    tiny_generative(spec).save(tmp_path / "m")
    assert GenerativeTST.load(tmp_path / "m").encoder is None


@torch.no_grad()
def test_a_model_that_was_saved_before_starts_had_weights_is_as_it_was(tmp_path):
    """Nothing is added at its starts; what it samples is what it sampled."""
    old = model()
    old.head.context.weight[:, old.head.n_context] = 0.0
    old.head.skip[0] = 0.0
    state = old.state_dict()
    kept = torch.arange(old.head.context.in_features) != old.head.n_context
    state["head.context.weight"] = state["head.context.weight"][:, kept]
    state["head.skip"] = state["head.skip"][1:]
    weights.save(tmp_path / "m", old.facts(), state)
    loaded = GenerativeTST.load(tmp_path / "m")
    assert loaded.sample(3, seed=5).sha256() == old.sample(3, seed=5).sha256()


def changed(facts, path, value):
    """Set one value in nested mappings and lists."""
    place = facts
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("config", "n_layer"), 1000),
        (("config", "n_layer"), 10**12),
        (("config", "d_model"), 65_536),
        (("config", "patch"), 10**6),
        (("config", "context_length"), 10**18),
        (("spec", "step", 0, "n_categories"), -5),
        (("spec", "step", 2, "n_categories"), 10**15),
        (("spec", "step", 0, "kind"), "unknown"),
        (("spec", "bin_edges", 0), []),
        (("encoder", "feature_encoders"), []),
        (("encoder", "loc", 0), "x"),
        (("encoder", "facts", "features", 0, "kind"), "unknown"),
        (("encoder", "log_length"), None),
        (("encoder", "log_length"), [0.0]),
        (("encoder", "log_length"), [0.0, 0.0]),
        (("spec", "draws_length"), False),
        (("config", "modulated"), False),
        (("encoder",), 3),
    ],
)
def test_settings_that_the_weights_cannot_hold_are_refused(tmp_path, path, value):
    """One sentence, within a second or two, whatever model.json asks for; its sum put right."""
    saved = model()
    facts = json.loads(json.dumps(saved.facts()))
    changed(facts, path, value)
    weights.save(tmp_path / "m", facts, saved.state_dict())
    with pytest.raises(DataError, match="no sound model"):
        GenerativeTST.load(tmp_path / "m")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("head.skip", None),
        ("first", None),
        ("first", torch.tensor(1.0)),
        ("head.chain", torch.tensor(1.0)),
        ("head.context.weight", torch.ones(3)),
    ],
)
def test_weights_of_another_form_are_refused(tmp_path, name, value):
    """One that is missing, or has other dimensions; its sum put right."""
    saved = model()
    state = saved.state_dict()
    state["head.skip"] = state["head.skip"][1:]  # as of a model that was saved before
    if value is None:
        del state[name]
    else:
        state[name] = value
    weights.save(tmp_path / "m", saved.facts(), state)
    with pytest.raises(DataError, match="no sound model"):
        GenerativeTST.load(tmp_path / "m")


def test_a_token_has_no_more_numbers_than_a_head_can_loop_over():
    """Many steps a patch, or many measurements a step."""
    tiny = model()
    n = MAX_VARIABLES + 1
    many = replace(tiny.spec, step=(Variable(),) * n, bin_edges=((0.0, 1.0),) * n)
    with pytest.raises(ValueError, match="a token has 8,193 numbers; give at most 8,192"):
        GenerativeTST(tiny.config, many)


def test_training_never_sees_the_future():
    """Likelihoods of earlier tokens do not change by a bit with a later one."""
    _, spec, batches = encoded_batches(mixed_series(lengths=(13, 8, 5)))
    tiny = modulate(tiny_generative(spec)).double().eval()
    batch = batches(0).map(lambda t: t.double() if t.is_floating_point() else t)
    packing_lengths = batch.lengths
    with torch.no_grad():
        before = tiny(batch, Packing(packing_lengths))
        later = replace(batch, recent=batch.recent.clone())
        later.recent[7] += 1.0  # of the first, longest series
        after = tiny(later, Packing(packing_lengths))
    assert torch.equal(after[:7], before[:7])
    assert not torch.equal(after[7:13], before[7:13])
    assert torch.equal(after[13:], before[13:]), "other series of the batch see nothing of it"


@pytest.mark.parametrize("kinds", [("rate", "x"), ("state",)])
def test_every_weight_that_learns_has_a_gradient(kinds):
    """Processes that share a step wait for the gradient of each; also where all are categories."""
    series = mixed_series(lengths=(7, 9, 4, 6))
    kept = [series.feature_names.index(kind) for kind in kinds]
    features = [series.features[i] for i in kept]
    series = replace(series, values=series.values[:, kept], features=features)
    _, spec, batches = encoded_batches(series)
    model = tiny_generative(spec)
    token_nll(model, batches(0)).backward()
    lacking = [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert lacking == []
