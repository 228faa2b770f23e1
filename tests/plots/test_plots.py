"""Laws of the figures: axes are named, what is drawn is what was given, alt text is required."""

import base64
import subprocess
import sys

import matplotlib
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tst.evaluation.bootstrap import t_interval
from tst.plots import (
    ablation_plots,
    base,
    budget_plots,
    cost_plots,
    distance_plots,
    peer_plots,
    privacy_plots,
    series_plots,
    task_scores,
    training_curves,
    verdict_plots,
)
from tst.study import claims
from tst.study.sampler import KINDS
from tst.vocabulary import METRICS, MODELS, VERDICTS

matplotlib.use("Agg")
NAMES = ["cpu_rate", "memory_usage"]
RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def style():
    """Set the style, and close what a test leaves open."""
    base.set_style()
    yield
    matplotlib.pyplot.close("all")


def scored(x="classifier", panels=("mlp", "svm"), level=0.7, n_seeds=3, **fields):
    """Return tidy rows of two models and the real one, `level` + a tenth each."""
    rows = [
        {"model": m, "train": t, x: p, "seed": s, "value": level + 0.1 * i + 0.01 * s}
        for i, (m, t) in enumerate(
            (("tst_paper", "synthetic"), ("doppelganger", "synthetic"), ("real", "real"))
        )
        for p in panels
        for s in range(n_seeds)
    ]
    return pd.DataFrame(rows).assign(
        **{"dataset": "gcut", "origin": "simulated", "metric": "accuracy"} | fields
    )


def grown():
    """Return tidy rows of two models over three shares."""
    return pd.concat([scored().assign(share=s) for s in (0.0, 0.1, 1.0)]).query(
        "model != 'real' and classifier == 'mlp'"
    )


def by_class():
    """Return tidy rows of F1 in four classes."""
    return pd.concat([scored(panels=["mlp"], metric=f"f1_{k}") for k in range(4)])


def paper(metric):
    """Return the paper's numbers of one metric."""
    return claims.paper_numbers().query("source == 'TST'")[
        lambda f: f["metric"].str.startswith(metric)
    ]


def arrays(n, length=20, n_features=2):
    """Return n random series."""
    return [RNG.random((length + i, n_features)) for i in range(n)]


LOSS = pd.DataFrame(
    [{"step": t, "loss": 1 / (1 + t) + 0.01 * s, "seed": s} for s in (0, 1) for t in range(20)]
)
STATISTICS = pd.DataFrame(
    {"statistic": ["mean length"] * 2, "source": ["real", "published"], "value": [11.0, 12.0]}
)
JUDGED = claims.judge({"06-classification": grown().query("share == 0")})
PAPERS = pd.DataFrame(
    {"model": ["Diffusion-TS"], "metric": ["context_fid"], "value": [0.1], "half_width": [0.01]}
)
RUN_HERE = pd.DataFrame(
    {
        "model": ["tst", "noise", "tst", "noise"],
        "metric": ["context_fid"] * 2 + ["second_judge_auc"] * 2,
        "value": [0.02, 5.0, 0.6, 1.0],
        "half_width": [0.01, np.nan, np.nan, np.nan],
    }
)
BUDGETS = pd.DataFrame(
    [
        {"model": m, "metric": k, "value": v + len(m), "half_width": h}
        for m, h in (("tst", 0.1), ("tst_own", np.nan), ("par", 0.2), ("random_halves", np.nan))
        for k, v in (("context_fid", 0.5), ("second_judge_auc", 0.6), ("core_seconds", 60))
        if m != "random_halves" or k != "core_seconds"
    ]
)
ON_TABLES = pd.DataFrame(
    [
        {"dataset": name, "model": model, "seed": 0, "metric": metric, "value": len(name + model)}
        for name in ("sales", "etth1")
        for model in ("real_floor", "tst", "par")
        for metric in ("off_calendar", "membership_auc")
    ]
)
SWEEP = pd.DataFrame(
    [
        {"model": m, "size": s, "n_steps": n, "seed": 0, "metric": k, "value": 1 / n + len(m + s)}
        for m in ("tst_paper", "doppelganger")
        for s in ("small", "large")
        for n in (100, 300, 1000)
        for k in ("acf_rms", "accuracy")
    ]
).assign(dataset="gcut", origin="simulated")
AHEAD = pd.DataFrame(
    {"model": ["tst_paper"], "size": ["small"], "metric": ["accuracy"], "n_steps": [10_000.0]}
).assign(value=14.0, low=13.5, high=14.5)
FIGURES = {
    "lengths": lambda: series_plots.lengths({"real": [1, 2, 2, 9], "tst_paper": [3, 3]}),
    "examples": lambda: series_plots.examples(arrays(3), NAMES, "Three series", ["share"] * 2),
    "examples of one feature": lambda: series_plots.examples(
        arrays(5, 550, 1), ["views"], "Five pages", ["views/day"]
    ),
    "comparison": lambda: series_plots.comparison(STATISTICS),
    "pearson": lambda: series_plots.pearson(
        {"real": np.eye(2), "tst_paper": np.ones((2, 2))}, NAMES
    ),
    "loss": lambda: training_curves.loss_curve(LOSS),
    "generated": lambda: series_plots.generated(
        [RNG.random(9)] * 5, [RNG.random(50)] * 5, 2, "cpu_rate", "share"
    ),
    "seedless": lambda: series_plots.generated(
        [RNG.random(9)], [RNG.random(50)], 0, "cpu_rate", "share"
    ),
    "scores": lambda: task_scores.scores(
        scored(), "classifier", paper("accuracy").query("share == 0")
    ),
    "scores of one seed": lambda: task_scores.scores(scored(n_seeds=1), "classifier"),
    "shares": lambda: task_scores.shares(grown(), paper("accuracy")),
    "f1": lambda: task_scores.f1(by_class()),
    "claims": lambda: verdict_plots.claims(JUDGED),
    "budget": lambda: budget_plots.against_steps(SWEEP, AHEAD, {"acf_rms": 5.0}),
    "peers": lambda: peer_plots.beside_peers(RUN_HERE, PAPERS, ["noise"]),
    "peers at their own budgets": lambda: peer_plots.against_budget(
        BUDGETS, ["second_judge_auc", "context_fid"], {"second_judge_auc": 0.6}
    ),
    "peers by table": lambda: peer_plots.by_table(ON_TABLES, ["off_calendar", "membership_auc"]),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_drawn_and_named(name, tmp_path):
    """Each panel holds ink, each figure an x label; the file is opaque white and not too large."""
    fig = FIGURES[name]()
    panels = [ax for ax in fig.axes if ax.get_label() != "<colorbar>"]
    panels = panels[:1] if name == "claims" else panels
    assert all(ax.has_data() or ax.images for ax in panels)
    assert (
        any(ax.get_xlabel() or any(t.get_text() for t in ax.get_xticklabels()) for ax in panels)
        or fig.get_supxlabel()
    )
    assert base.save(fig, tmp_path / "figures" / "a", "What it shows") is None
    image = Image.open(tmp_path / "figures" / "a.png").convert("RGBA")
    assert image.getpixel((0, 0)) == (255, 255, 255, 255) and image.getextrema()[3] == (255, 255)
    assert (
        name == "claims"
        or image.width <= 910
        and image.height <= 1110
        and np.asarray(image.convert("L")).std() > 5
    )
    assert [p.name for p in (tmp_path / "figures").iterdir()] == ["a.png"]


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("lengths", "length (steps, log scale)"),
        ("examples of one feature", "views (views/day)"),
        ("loss", "training loss (normalised units, log scale)"),
        ("generated", "cpu rate (share)"),
        ("scores", "accuracy on real test data; higher is better (dashed: real)"),
        ("shares", "real training data added (%, not to scale)"),
        ("f1", "mean F1 of each class on real test data; higher is better"),
    ],
)
def test_axes_say_what_and_in_which_unit(name, label):
    """The label with its unit stands at an axis."""
    fig = FIGURES[name]()
    assert label in {
        fig.get_supxlabel(),
        fig.get_supylabel(),
        *(ax.get_xlabel() for ax in fig.axes),
        *(ax.get_ylabel() for ax in fig.axes),
    }


@pytest.mark.parametrize("name", ["scores", "shares", "f1", "claims", "budget"])
def test_simulated_stands_in_the_figure(name):
    """A figure of simulated data says so."""
    fig = FIGURES[name]()
    texts = [t.get_text() for t in fig.findobj(matplotlib.text.Text)]
    assert any("simulated" in t for t in texts)


@pytest.mark.parametrize("alt", ["", "  ", None])
def test_alt_text_is_required(alt, tmp_path):
    """A figure without alt text is not written."""
    with pytest.raises(ValueError, match="no alt text"):
        base.save(series_plots.lengths({"real": [1, 2]}), tmp_path / "a", alt)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_notebook_gets_the_alt_text(tmp_path, monkeypatch):
    """Inside IPython the file is shown once, with its alt text; outside nothing is shown."""
    shown = []

    def display(data, raw, metadata):
        shown.append((base64.b64decode(data["image/png"]), data["text/plain"], metadata))

    monkeypatch.setattr(base, "display", display)
    base.save(series_plots.lengths({"real": [1, 2]}), tmp_path / "a", "Two lengths")
    assert shown == []
    monkeypatch.setattr(base, "get_ipython", lambda: "a shell")
    base.save(series_plots.lengths({"real": [1, 2]}), tmp_path / "a", "Two lengths")
    ((png, text, metadata),) = shown
    assert png == (tmp_path / "a.png").read_bytes()
    assert text.startswith("<Figure size")
    assert metadata == {"image/png": {"alt": "Two lengths"}}
    assert not matplotlib.pyplot.get_fignums()


def test_costs_are_bars_that_add_up():
    """A bar a notebook, the dearest on top, as long as its core-seconds whatever it is cut into."""
    costs = pd.DataFrame({"core_seconds": [4.0, 10.0]}, index=["01-a", "02-b"])
    costs = costs.assign(**dict.fromkeys(KINDS, 0.0))
    costs = costs.assign(training=[0.75, 0.5], start_up=[0.25, 0.5])
    (ax,) = cost_plots.by_notebook(costs).axes
    assert [label.get_text() for label in ax.get_yticklabels()] == ["01-a", "02-b"]
    ends = [
        max(bar.get_x() + bar.get_width() for bar in bars)
        for bars in zip(*ax.containers, strict=True)
    ]
    assert ends == [4, 10]
    many = pd.DataFrame({"core_seconds": np.arange(1.0, 51)}, index=list(map(str, range(50))))
    many = many.assign(**dict.fromkeys(KINDS, 1 / len(KINDS)))
    (grown,) = cost_plots.by_notebook(many).axes
    names = [label.get_text() for label in grown.get_yticklabels()]
    assert names == ["the other 14 together", *map(str, range(14, 50))]
    total = sum(bar.get_width() for bars in grown.containers for bar in bars)
    assert total == pytest.approx(many["core_seconds"].sum())
    assert set(cost_plots.WORK) == set(KINDS)


def test_a_broken_figure_leaves_the_old_file(tmp_path, monkeypatch):
    """What cannot be drawn neither replaces nor litters."""
    base.save(series_plots.lengths({"real": [1, 2]}), tmp_path / "a", "Two lengths")
    before = (tmp_path / "a.png").read_bytes()
    monkeypatch.setattr(
        matplotlib.figure.Figure, "savefig", lambda *a, **k: (_ for _ in ()).throw(OSError("no"))
    )
    with pytest.raises(OSError, match="no"):
        base.save(series_plots.lengths({"real": [1, 2]}), tmp_path / "a", "Two lengths")
    assert (tmp_path / "a.png").read_bytes() == before and len(list(tmp_path.iterdir())) == 1


def test_lengths_are_the_share_at_least_as_long():
    """Of 1, 2, 2, 9 all have one step, three quarters two, a quarter nine."""
    (line,) = series_plots.lengths({"real": [1, 2, 2, 9]}).axes[0].lines
    x, y = line.get_data()
    assert dict(zip(x, y, strict=True)) == {1: 100, 2: 75, 10: 0} | {k: 25 for k in range(3, 10)}


def test_intervals_are_those_of_the_claims():
    """Figures and verdicts share one interval; one seed has none."""
    mean, half = base.mean_and_half_width([0.1, 0.4, 0.2])
    assert (mean, mean - half, mean + half) == pytest.approx(t_interval([0.1, 0.4, 0.2]))
    assert np.isnan(base.mean_and_half_width([0.1])[1])


def test_the_paper_s_numbers_are_drawn_where_they_belong():
    """The hollow marker of TST at share 0 stands at 0.711."""
    fig = task_scores.scores(
        scored(panels=["mlp"]), "classifier", paper("accuracy").query("share == 0")
    )
    hollow = {
        float(line.get_xdata()[0])
        for line in fig.axes[0].lines
        if line.get_markerfacecolor() == "white"
    }
    assert hollow == {0.711, 0.671}


def test_published_models_stand_below_and_grey():
    """Ours first, in its colour; a control is a line in each panel, not a row."""
    fig = FIGURES["peers"]()
    labels = fig.axes[0].get_yticklabels()
    assert [label.get_text() for label in labels] == ["TST (ours)", "Diffusion-TS"]
    assert labels[1].get_color() == peer_plots.PALE != labels[0].get_color()
    dots = {line.get_markerfacecolor() for line in fig.axes[0].lines if line.get_marker() != "None"}
    assert {"white", base.GREEN} <= dots
    for ax, value in zip(fig.axes, (5.0, 1.0), strict=True):
        dashed = [line for line in ax.lines if line.get_linestyle() == "--"]
        assert [line.get_xdata()[0] for line in dashed] == [value]


def test_a_value_far_below_is_written_not_drawn():
    """One R2 of -453 does not flatten the others: it stands at the edge as a number."""
    frame = scored("regressor", ("linear",), origin="subset", metric="r2")
    frame.loc[frame["model"] == "tst_paper", "value"] = -453.0
    ax = task_scores.scores(frame, "regressor").axes[0]
    assert "◂ -453" in [t.get_text() for t in ax.texts] and ax.get_xlim()[0] > 0


def test_privacy_has_a_panel_a_metric():
    """Epsilons in order, no promise last; one seed has no interval."""
    rows = []
    for metric in ("marginal_jsd", "acf_rms"):
        for epsilon in (np.inf, 1.0, 10.0):
            for seed in range(3 if metric == "acf_rms" else 1):
                row = {"metric": metric, "epsilon": epsilon, "seed": seed, "value": 2.0 + seed}
                rows.append(row)
    fig = privacy_plots.quality(pd.DataFrame(rows))
    shown = [ax for ax in fig.axes if ax.get_visible() and ax.get_title("left")]
    assert [ax.get_title("left").replace("\n", " ") for ax in shown] == [
        "marginals, Jensen-Shannon divergence",
        "autocorrelation, RMS error",
    ]
    assert [tick.get_text() for tick in shown[0].get_xticklabels()] == ["1", "10", "none"]
    square, _, (bars,) = shown[1].containers[0]
    ((_, low), (_, high)) = bars.get_segments()[0]
    middle = square.get_ydata()[0]
    np.testing.assert_allclose(middle, 24 ** (1 / 3))  # of 2, 3 and 4
    np.testing.assert_allclose(low * high, middle**2)  # the interval is even on the log axis
    assert 0 < low and all(ax.get_yscale() == "log" for ax in shown)


def test_a_budget_is_a_line_a_model_and_size():
    """Each at the mean of its runs; what lies ahead stands at its number of steps."""
    fig = budget_plots.against_steps(SWEEP, AHEAD, {"acf_rms": 5.0})
    by_title = {ax.get_title(loc): ax for ax in fig.axes for loc in ("left", "center")}
    ax = by_title["accuracy on real test data"]
    chosen = SWEEP.query("metric == 'accuracy' and model == 'doppelganger' and size == 'large'")
    lines = [line.get_xydata().tolist() for line in ax.lines]
    assert chosen[["n_steps", "value"]].to_numpy().tolist() in lines
    assert [[10_000.0, 14.0]] in lines
    beside = [line.get_xydata().tolist() for line in by_title["autocorrelation, RMS error"].lines]
    assert [[10_000.0, 14.0]] not in beside
    assert [[0.0, 5.0], [1.0, 5.0]] in beside
    assert [[0.0, 5.0], [1.0, 5.0]] not in lines


def test_labels_at_the_end_do_not_overlap():
    """Lines that end at the same height get labels that stand apart."""
    frame = pd.concat([grown().assign(model=m, value=0.5) for m in ("tst", "ar", "rnn", "hmm")])
    fig = task_scores.shares(frame)
    heights = sorted(fig.axes[0].transData.transform((0, t.xy[1]))[1] for t in fig.axes[0].texts)
    assert len(heights) == 4 and min(np.diff(heights)) > 10


def test_claims_without_any_result_is_still_a_figure(tmp_path):
    """Before any table exists the figure says that nothing could be tested."""
    fig = verdict_plots.claims(claims.judge({}))
    assert [ax.get_title(loc="left") for ax in fig.axes] == ["no check could be made"]


def test_models_are_told_apart():
    """No two models share colour and marker, and the fixed colours are fixed."""
    looks = [
        look for key, look in base.COLOUR_MARKER.items() if key not in ("published", "simulated")
    ]
    assert len(set(looks)) == len(looks)
    colours = [base.model_style(key).colour for key in ("real", "tst_paper", "doppelganger")]
    assert colours == ["#444444", "#0072B2", "#E69F00"]
    variants = list(cost_plots.VARIANTS.values())  # of one figure, beside TST and real series
    assert len(set(variants)) == len(variants)


def test_a_training_curve_has_the_colour_of_its_model():
    """Blue is TST, orange DG, green TST (ours); seeds are told apart, and each is labelled so."""
    drawn = {
        "tst_paper": training_curves.loss_curve(LOSS),
        "doppelganger": training_curves.loss_curve(LOSS.assign(loss_critic=-LOSS["loss"])),
        "tst": training_curves.nll(LOSS),
    }
    for model, fig in drawn.items():
        (ax,) = fig.axes
        colours = [line.get_color() for line in ax.lines]
        assert colours[0] == base.model_style(model).colour and len(set(colours)) == 2
        assert {text.get_color() for text in ax.texts} == set(colours)
    shades = [shade for shades in training_curves.SHADES.values() for shade in shades]
    assert len(set(shades)) == len(shades)


@pytest.mark.parametrize(("moved", "n_rows"), [(0.0, 3), (1e-9, 4)])
def test_tst_at_its_donors_lengths_is_drawn_where_it_differs(moved, n_rows):
    """Equal scores are TST's own; the least difference keeps the row, in any order of rows."""
    frame = scored(panels=["mlp", "svm"])
    other = frame.query("model == 'tst_paper'").assign(model="tst_oracle").iloc[::-1]
    other.iloc[0, other.columns.get_loc("value")] += moved
    mixed = frame.query("model == 'tst_paper'").assign(train="synthetic+real", value=0.9)
    together = pd.concat([frame, other, mixed], ignore_index=True)
    ax = task_scores.scores(together, "classifier").axes[0]
    assert len(ax.get_yticklabels()) == n_rows + 1  # and TST with real series


@pytest.mark.parametrize(
    ("n", "n_columns", "shape"), [(2, 3, (1, 2)), (4, 3, (2, 2)), (5, 4, (2, 3)), (7, 4, (2, 4))]
)
def test_panels_leave_few_places_empty(n, n_columns, shape):
    """As few rows as the columns allow, and no column more than these need."""
    fig, axes = base.panel_grid(n, n_columns, 2.0, 1.0)
    assert axes.shape == shape and len(fig.axes) == n


def test_a_check_with_a_limit_of_its_own_has_a_tick_there():
    """Above 0 the line is the limit; a margin of 0.01 is a tick left of it."""
    rows = JUDGED[JUDGED["ours"].notna()].iloc[:1]
    near = rows.assign(claim="C7", margin=0.01)
    for frame, ticks in ((rows, []), (pd.concat([rows, near], ignore_index=True), [-0.01])):
        ax = verdict_plots.claims(frame.assign(direction="above", limit=0.0)).axes[0]
        found = [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "|"]
        found = [x for x in found if x in (0, -0.01)]  # caps of intervals have this marker, too
        assert found == ticks
        assert ("tick: its own" in ax.get_xlabel()) is bool(ticks)


def test_correlations_of_a_model_are_titled_in_its_colour():
    """By key or by label with something behind it; another name takes a free colour."""
    fig = series_plots.pearson(
        dict.fromkeys(("tst_paper", "TST (ours), 9 steps"), np.eye(2)), NAMES
    )
    colours = {text.get_text(): text.get_color() for text in fig.findobj(matplotlib.text.Text)}
    assert (colours["TST"], colours["TST (ours), 9 steps"]) == (base.BLUE, base.GREEN)


def test_what_is_drawn_has_a_word():
    """A model with a colour has a label, a panel of an ablation a direction, a verdict a colour."""
    assert set(base.COLOUR_MARKER) <= set(MODELS)
    assert set(ablation_plots.SHOWN) <= set(METRICS)
    assert set(verdict_plots.COLOURS) == set(VERDICTS)


def test_an_unknown_model_is_drawn_under_its_key_in_a_free_colour():
    """A model of a reader's own needs no entry anywhere."""
    assert base.model_style("my_model", 1) == base.ModelStyle("my model", base.RED, "o")


def test_equal_values_have_an_interval_of_no_width():
    """Seeds that agree are certain, not unknown."""
    assert base.mean_and_half_width([0.5, 0.5, 0.5]) == (0.5, 0)


def test_curves_of_many_seeds_are_drawn():
    """A line a run, of the loss a pale one and its running mean; none vanishes."""
    frame = pd.concat([LOSS.query("seed == 0").assign(seed=s) for s in range(10)])
    for draw, n_lines in ((training_curves.nll, 10), (training_curves.loss_curve, 20)):
        opacities = [line.get_alpha() or 1 for line in draw(frame).axes[0].lines]
        assert len(opacities) == n_lines and min(opacities) > 0


def test_of_many_seeds_their_median_and_span_are_written():
    """One label in place of ten that would cover each other; of three each has its own."""
    ends = (3.0, 1.0, 2.0, 4.0)
    for n, told in ((4, ["median of 4: 2.5\n(1 to 4)"]), (2, ["seed 1: 1", "seed 0: 3"])):
        frame = pd.concat([LOSS.query("seed == 0").assign(seed=s, loss=ends[s]) for s in range(n)])
        for draw in (training_curves.nll, training_curves.loss_curve):
            assert [text.get_text() for text in draw(frame).axes[0].texts] == told


def test_dots_of_held_out_series_are_named():
    """Only where there are dots."""
    for held_out, told in ((LOSS["loss"], "dots: held-out series"), (np.nan, "")):
        fig = training_curves.nll(LOSS.assign(held_out=held_out))
        assert fig.axes[0].get_title(loc="right") == told


def test_the_end_of_a_loss_is_its_running_mean():
    """Of 40 steps the last two: one spike is not what a run ends with."""
    frame = pd.DataFrame({"step": range(40), "loss": [1.0] * 39 + [3.0], "seed": 0})
    fig = training_curves.loss_curve(frame)
    assert [text.get_text() for text in fig.axes[0].texts] == ["seed 0: 2"]


def test_only_what_grew_from_real_steps_has_a_donor():
    """Without conditioning steps the grey series is a real one, and no donor."""
    for n_seed_steps, name in ((0, "real"), (2, "real donor")):
        fig = series_plots.generated([RNG.random(9)], [RNG.random(50)], n_seed_steps, "cpu")
        assert name in [text.get_text() for text in fig.legends[0].get_texts()]


def test_a_second_copy_is_not_added_to_the_real_series():
    """`2 x real` holds the real series twice, and not three times."""
    frame = scored("regressor", ("linear",), origin="subset", metric="r2")
    twice = frame.query("model == 'real'").assign(model="real_twice", train="synthetic+real")
    fig = task_scores.scores(pd.concat([frame, twice]), "regressor")
    assert "2 x real" in [label.get_text() for label in fig.axes[0].get_yticklabels()]


@pytest.mark.slow
def test_importing_opens_no_window():
    """Importing the module prints nothing and makes no figure."""
    code = "import tst.plots.base, matplotlib.pyplot as p; assert not p.get_fignums()"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={"MPLBACKEND": "Agg"}
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_scaling_shows_the_slope():
    """Cubic cost has slope 3; a metric with one point has no panel."""
    x = [10, 20, 40]
    rows = pd.DataFrame({"metric": "a", "x": x, "value": [v**3 for v in x]})
    rows = pd.concat([rows, pd.DataFrame({"metric": ["b"], "x": [1], "value": [1.0]})])
    fig = cost_plots.scaling(rows, {"a": ("Training", "steps"), "b": ("Nothing", "steps")})
    (ax,) = fig.axes
    assert np.isnan(cost_plots.slope([1, 2], [0.0, 1]))
    assert "slope 3.00" in ax.get_title("left") and ax.get_xlabel() == "steps"


def test_cost_by_length_names_each_slope():
    """A line an attention, its exponent fitted from the given length on beside its end."""
    rows = [("full", n, n**2 if n >= 400 else 1) for n in (100, 400, 1600)] + [
        ("patch:4", n, n) for n in (400, 1600)
    ]
    frame = pd.DataFrame(rows, columns=["attention", "length", "value"]).assign(
        metric="peak_memory_mb"
    )
    (ax,) = cost_plots.by_length(frame, {"peak_memory_mb": "MB"}, 400).axes
    assert {t.get_text() for t in ax.texts} == {"full (slope 2.00)", "patches of 4 (slope 1.00)"}


@pytest.mark.slow
def test_beyond_window_draws_means_and_the_window():
    """A line a name, the mean of its seeds, and the window as a vertical line."""
    rows = [
        (name, seed, n, n + seed)
        for name in ("rope", "real", "patch:4 whole")
        for seed in (0, 2)
        for n in (9, 90)
    ]
    frame = pd.DataFrame(rows, columns=["name", "seed", "length", "value"]).assign(metric="a")
    (ax,) = cost_plots.beyond_window(frame, {"a": "error"}, 40).axes
    assert ax.lines[0].get_ydata().tolist() == [10, 91] and ax.lines[-1].get_xdata()[0] == 40
    assert {t.get_text() for t in ax.texts} == {"rotary", "real", "patches of 4, whole series"}


def test_cost_and_quality_draws_a_row_an_attention():
    """A panel a metric, a point a seed and their mean; real series are lines, not rows."""
    rows = [
        ("f1_macro", kind, seed, value + seed / 10)
        for kind, value in (("full", 0.5), ("sliding:64", 0.3))
        for seed in (0, 1)
    ]
    rows += [("f1_macro", "real", 0, 0.8), ("f1_macro", "permuted_labels", 0, 0.1)]
    rows += [("peak_memory_mb", "full", 0, 90), ("peak_memory_mb", "sliding:64", 0, 60)]
    frame = pd.DataFrame(rows, columns=["metric", "attention", "seed", "value"])
    titles = {"peak_memory_mb": "memory", "f1_macro": "F1"}
    memory, f1 = cost_plots.cost_and_quality(frame, titles).axes
    assert [t.get_text() for t in memory.get_yticklabels()] == ["full", "sliding, 64 steps"]
    assert len(memory.lines) == 4 and memory.get_xlim()[0] == 0
    np.testing.assert_allclose(f1.lines[0].get_xdata(), [0.5, 0.6])
    np.testing.assert_allclose(f1.lines[1].get_xdata(), [0.55])
    assert [line.get_xdata()[0] for line in f1.lines[4:]] == [0.8, 0.1]


def test_over_floor_divides_by_the_floor():
    """A distance of twice the floor stands at 2; a metric without floor has no panel."""
    rows = [
        ("real_floor", "a", 0.1),
        ("tst_paper", "a", 0.2),
        ("noise", "a", 0.5),
        ("tst_paper", "b", 0.2),
    ]
    frame = pd.DataFrame(rows, columns=["model", "metric", "value"]).assign(
        dataset="gcut", origin="simulated", seed=0
    )
    (ax,) = distance_plots.distance_over_floor(frame).axes
    assert ax.get_title("left") == "a"
    assert [line.get_xdata()[0] for line in ax.lines[:3]] == pytest.approx([1, 5, 2])


def test_autocorrelation_and_embedding_draw_what_is_given():
    """A line a model and feature; a panel a generator, real behind."""
    curves = pd.DataFrame(
        {
            "model": ["real", "tst_paper"] * 3,
            "feature": "cpu",
            "lag": [0, 0, 1, 1, 2, 2],
            "value": 0.5,
        }
    )
    (ax,) = distance_plots.autocorrelation(curves, "5min").axes
    assert len(ax.lines) == 3 and ax.get_xlabel() == "lag (steps of 5 minutes)"
    for interval, steps in (("packet", "packets"), ("1D", "days"), ("2MS", "steps of 2MS")):
        fig = distance_plots.autocorrelation(curves, interval)
        assert fig.axes[0].get_xlabel() == f"lag ({steps})"
        assert [text.get_text() for text in fig.legends[0].get_texts()] == ["real", "TST"]
    points = pd.DataFrame({"model": ["real", "ar", "hmm"], "x": [0.0, 1, 2], "y": [0.0, 1, 2]})
    assert [a.get_title("left") for a in distance_plots.embedding(points).axes] == [
        "real",
        "AR",
        "HMM",
    ]


def ablated():
    """Return rows of an ablation: two settings, three seeds, R2 twice, an error, a ratio."""
    rows = [
        {"setting": k, "seed": s, "metric": m, "value": v + 0.01 * s + shift}
        for k, shift in (("point", 0.0), ("mixture", 0.1))
        for s in range(3)
        for m, v in (
            ("acf_rms", 0.2),
            ("r2 kernel_ridge", 0.5),
            ("r2 mlp_1", 0.7),
            ("spread_ratio", 0.85),
        )
    ]
    return pd.DataFrame(rows)


def test_ablation_draws_each_setting():
    """A panel a metric and regressor, a row a setting, a point a seed.

    More, less and near 1 are told apart.
    """
    fig = ablation_plots.ablation(ablated(), ["point", "mixture"])
    assert [ax.get_title("left") for ax in fig.axes] == [
        "R² on real test data, kernel ridge\n(higher is better)",
        "R² on real test data, MLP, 1 layer\n(higher is better)",
        "autocorrelation, RMS error\n(lower is better)",
        "spread over the real one\n(nearer 1 is better)",
    ]
    points = fig.axes[0].lines[0].get_xdata()
    np.testing.assert_allclose(points, [0.5, 0.51, 0.52])
    assert [t.get_text() for t in fig.axes[0].get_yticklabels()] == ["point", "mixture"]


def test_lengths_by_class_draws_shares_of_each_class():
    """A panel a class, a line a model that has the class; all are as long as the shortest."""
    frame = pd.DataFrame(
        [
            {"model": m, "label": k, "length": n}
            for m, k, n in (("tst", "A", 3), ("tst", "A", 9), ("real", "A", 5), ("real", "B", 2))
        ]
    )
    fig = distance_plots.lengths_by_class(frame)
    assert [(ax.get_title("left"), len(ax.lines)) for ax in fig.axes] == [("A", 2), ("B", 1)]
    assert list(fig.axes[0].lines[0].get_ydata()) == [100] * 3 + [50] * 6 + [0]
    assert {t.get_text() for t in fig.legends[0].get_texts()} == {"TST (ours)", "real"}


@pytest.mark.slow
def test_of_many_classes_the_largest_have_panels(tmp_path):
    """Twelve panels, those with the most real series, on one screen; how many there are is said."""
    lengths = {"real": [5] * 2, "tst": [7] * 9}
    rows = [
        {"model": model, "label": f"type {k:02d}", "length": n + k}
        for k in range(29)
        for model, many in lengths.items()
        for n in many[: 1 if k % 2 else None]
    ]
    fig = distance_plots.lengths_by_class(pd.DataFrame(rows))
    titles = [ax.get_title("left") for ax in fig.axes]
    assert len(titles) == 12 and all(int(title.removeprefix("type ")) % 2 == 0 for title in titles)
    assert [text.get_text() for text in fig.texts] == ["the 12 largest of 29 classes"]
    base.save(fig, tmp_path / "a", "Lengths")
    assert Image.open(tmp_path / "a.png").height <= 1110


@pytest.mark.parametrize("n_classes", [4, 27])
def test_f1_names_every_class(n_classes, tmp_path):
    """Few classes are columns, many are rows; each has its name, and each cell its number."""
    names = [f"LongDeviceName{k}" for k in range(n_classes)]
    rows = [scored(panels=["mlp"], metric=f"f1_{k}") for k in range(n_classes)]
    fig = task_scores.f1(pd.concat(rows), names)
    (ax,) = fig.axes
    axis = ax.get_yticklabels() if n_classes > 10 else ax.get_xticklabels()
    assert [label.get_text() for label in axis] == names
    assert len(ax.texts) == n_classes * scored()["model"].nunique()
    base.save(fig, tmp_path / "a", "F1")
    image = Image.open(tmp_path / "a.png")
    assert image.width <= 910 and image.height <= 1110


@pytest.mark.slow
def test_units_stand_once_or_with_their_feature():
    """One unit of all stands in the title, several each at its feature."""
    same = series_plots.examples(arrays(2), NAMES, "Two", ["share"] * 2)
    assert same.get_suptitle() == "Two; all values in share"
    each = series_plots.examples(arrays(2), NAMES, "Two", ["bytes", "share"])
    assert each.get_suptitle() == "Two"
    labels = [ax.get_ylabel() for ax in each.axes if ax.get_ylabel()]
    assert [label.split("\n")[-1] for label in labels] == ["(bytes)", "(share)"]


@pytest.mark.parametrize("n_features", [1, 2])
def test_each_example_has_its_name(n_features):
    """Above the first panel of its series; without names there is none."""
    features = NAMES[:n_features]
    for names in (["es.wikipedia.org", "fr.wikipedia.org", "one"], []):
        fig = series_plots.examples(arrays(3, 20, n_features), features, "Three", names=names)
        titles = [ax.get_title("left") for ax in fig.axes]
        assert titles == (names or [""] * 3) + [""] * 3 * (n_features - 1)


def test_large_and_tiny_values_have_no_factor_above_the_panel():
    """Ticks are 20M, or written in full; powers of ten on a log axis from 10,000 on."""
    for largest, tick, text in ((4e7, 2e7, "20M"), (8e-5, 5e-5, "5e-05"), (0.5, None, "")):
        fig, ax = matplotlib.pyplot.subplots()
        ax.plot([0, largest])
        base.format_values(ax.yaxis, np.array([0, largest]))
        if tick is not None:
            assert ax.yaxis.get_major_formatter()(tick, 0) == text
        fig.draw_without_rendering()
        assert not ax.yaxis.get_offset_text().get_text()
        matplotlib.pyplot.close(fig)
    fig, ax = matplotlib.pyplot.subplots()
    ax.plot([1, 1e6])
    ax.set_yscale("log")
    base.format_log_axis(ax.yaxis)
    formatted = [ax.yaxis.get_major_formatter()(x, 0) for x in (1, 1000, 1e4, 1e6)]
    assert formatted == ["1", "1,000", "$10^{4}$", "$10^{6}$"]
    matplotlib.pyplot.close(fig)


def test_samples_stand_below_real_series():
    """Two rows, the values as given, on a log axis plus one; the likelihood is a running mean."""
    fig = series_plots.real_above_samples(
        [np.arange(5.0)] * 3, [np.arange(7.0)] * 4, "views", "1/day", log=True
    )
    assert len(fig.axes) == 6 and all(ax.get_yscale() == "log" for ax in fig.axes)
    np.testing.assert_array_equal(fig.axes[3].lines[0].get_ydata(), np.arange(7.0) + 1)
    assert fig.get_supylabel() == "views + 1 (1/day)"
    fig = training_curves.nll(LOSS.assign(loss=LOSS["step"] - 3.0), smooth=2)
    np.testing.assert_allclose(fig.axes[0].lines[0].get_ydata()[:3], [-3, -2.5, -1.5])
