"""Whether a model would have done better at another learning rate (notebooks 14 and 22)."""

import pandas as pd

BETTER_BY = 1.2  # the used rate's score over the best one's, means over seeds
BETTER, NOT_BETTER = "another rate does better", "no other rate does clearly better"


def answers(scored: pd.DataFrame) -> pd.DataFrame:
    """Return, by model, whether another learning rate does better than the one used.

    It does where its mean over the random seeds is lower by more than `BETTER_BY`, and each seed's
    score is lower, too: a single seed may be lucky.

    Parameters
    ----------
    scored
        Rows of validation scores, 0 is best: model, factor (times the rate used, 1 among them),
        seed, value. Trials that failed are absent.

    Returns
    -------
    DataFrame
        Columns model, best (factor with the lowest mean), score (its mean), used (the mean at the
        rate used; NaN where each of its trials failed), answer (in words).
    """
    rows = []
    for model, part in scored.groupby("model", sort=False):
        by_rate = part.pivot_table(index="seed", columns="factor", values="value")
        means = by_rate.mean()
        best = means.idxmin()
        used = by_rate.get(1.0, pd.Series(float("nan"), by_rate.index))
        is_better = used.mean() > BETTER_BY * means[best] and (used > by_rate[best]).all()
        answer = BETTER if is_better else NOT_BETTER
        facts = {"model": model, "best": best, "score": means[best], "used": used.mean()}
        rows.append(facts | {"answer": answer})
    return pd.DataFrame(rows, columns=["model", "best", "score", "used", "answer"])


def preferred(scored: pd.DataFrame) -> dict[str, float]:
    """Return, by model, how many times the used learning rate is preferred, by `answers`' rule.

    Parameters
    ----------
    scored
        As in `answers`; where no other rate does clearly better, the used one stays: 1.
    """
    found = answers(scored)
    factors = found["best"].where(found["answer"] == BETTER, 1.0)
    return dict(zip(found["model"], factors, strict=True))
