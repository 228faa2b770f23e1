"""Laws of the GRUs side by side: each is torch's GRU, none sees another."""

import torch
from torch import nn

from tst.evaluation.peer_gru import SideBySide, draw


def side_by_side():
    """Return three GRUs of 5 inputs and 2 units, in float64, and windows (3, 7, 11, 5)."""
    generator = torch.Generator().manual_seed(0)
    grus = SideBySide(3, 5, 2, generator).double()
    return grus, torch.randn(3, 7, 11, 5, generator=generator, dtype=torch.float64)


def as_torch(grus, i):
    """Return torch's GRU with the weights of one of them."""
    one = nn.GRU(5, 2, batch_first=True).double()
    one.weight_ih_l0.data = grus.weight_x[i].detach().T.clone()
    one.weight_hh_l0.data = grus.weight_h[i].detach().T.clone()
    one.bias_ih_l0.data = grus.bias_x[i, 0].detach().clone()
    one.bias_hh_l0.data = grus.bias_h[i, 0].detach().clone()
    return one


def test_each_is_the_gru_of_torch():
    """The same weights give the same states and outputs."""
    grus, x = side_by_side()
    states = grus.states(x)  # (R, T, B, n_units)
    outputs = grus.output(states.flatten(1, 2)).view(3, 11, 7)
    for i in range(3):
        one = as_torch(grus, i)
        linear = nn.Linear(2, 1).double()
        linear.weight.data = grus.output_weight[i].T
        linear.bias.data = grus.output_bias[i, 0]
        expected, _ = one(x[i])
        torch.testing.assert_close(states[i].transpose(0, 1), expected, rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(outputs[i].T, linear(expected)[..., 0], rtol=1e-10, atol=1e-12)


def test_none_sees_another():
    """The gradient of the first's output by the second's windows and weights is exactly 0."""
    grus, x = side_by_side()
    x.requires_grad_()
    grus.output(grus.states(x)[:, -1])[0].sum().backward()
    assert x.grad[0].abs().sum() > 0
    assert not x.grad[1:].any()
    for parameter in grus.parameters():
        assert not parameter.grad[1:].any()


def test_gradients_are_those_of_torch():
    """By the inputs and by all weights, through all steps and by each state's part in the loss."""
    grus, x = side_by_side()
    x.requires_grad_()
    parameters = [p for name, p in grus.named_parameters() if not name.startswith("output")]

    def loss(states):
        return (states.sin() * torch.arange(1.0, 12)[:, None, None]).sum()

    loss(grus.states(x)).backward()
    for i in range(3):
        one = as_torch(grus, i)
        inputs = x[i].detach().requires_grad_()
        loss(one(inputs)[0].transpose(0, 1)).backward()
        theirs = [one.weight_ih_l0, one.weight_hh_l0, one.bias_ih_l0, one.bias_hh_l0]
        for mine, their in zip(parameters, theirs, strict=True):
            expected = their.grad.T if their.ndim > 1 else their.grad[None]
            torch.testing.assert_close(mine.grad[i], expected, rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(x.grad[i], inputs.grad, rtol=1e-10, atol=1e-12)


def test_no_window_stands_twice_in_a_batch():
    """And every window may be drawn."""
    rows = draw(31, 29, 5, torch.Generator().manual_seed(0))
    assert rows.shape == (5, 29)
    assert all(len(set(row.tolist())) == 29 for row in rows)
    assert set(rows.flatten().tolist()) == set(range(31))
