"""The shopper model: seeded, vectorised, and simple enough that every expectation has a closed form (`truth.py`).

A shopper is of one of two classes (browsers see much and buy little), sees 1 to 6 impressions, clicks each or not,
buys with a probability that a click raises, orders 1 to 3 times at lognormal prices, and may rate what was bought. An
arm moves the probability of a click and of a purchase, the price, the taste and what the arm costs.

Everything random about shopper i comes from `DRAWS` uniform numbers at a fixed place of a counter-based stream
(Philox): the same seed and number give the same shopper in any batch, thread or second run, whatever the arm. Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from experiments.stats.metrics import COUNTED_COLUMNS

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]

IMPRESSIONS_MAX = 6
ORDERS_MAX = 3
RATINGS = np.arange(1, 6)

# The places of a shopper's uniform numbers. A multiple of 4: Philox makes four at each step of its counter.
CLASS, IMPRESSIONS, CLICK, BUYS, ORDERS = 0, 1, 2, 2 + IMPRESSIONS_MAX, 3 + IMPRESSIONS_MAX
PRICE, RATES, RATING = ORDERS + 1, ORDERS + 1 + ORDERS_MAX, ORDERS + 2 + ORDERS_MAX
DRAWS = 16

# How far an arm's effects spread around a small gain, on log scales. Real headlines of one test differ with a standard
# deviation of .21 in log odds (Upworthy Research Archive); a mean above 0 keeps a demo worth looking at.
EFFECT_MEAN, EFFECT_SPREAD = 0.10, 0.20


@dataclass(frozen=True, slots=True)
class Population:
    """What the shoppers of a seed have in common: class shares (2,), impressions (2, 6) and orders (3,) as
    probabilities.
    """

    shares: Floats
    impressions: Floats
    orders: Floats


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How shoppers answer to one arm. Probabilities by class have shape (2,), `ratings` (2, 5); money in the
    experiment's currency.

    An order's price is exp(normal(price_log_mean, price_log_sigma)) rounded to cents; margin is a share of it;
    `cost_per_impression` and `cost_per_order` (the discount) are what the arm costs.
    """

    arm: str
    click: Floats
    buy_without_click: Floats
    buy_after_click: Floats
    price_log_mean: float
    price_log_sigma: float
    margin_share: float
    cost_per_impression: float
    cost_per_order: float
    rates: float
    ratings: Floats


@dataclass(frozen=True, slots=True)
class Plan:
    """One experiment's world: the population and each arm's behaviour, control first."""

    seed: int
    population: Population
    behaviours: tuple[Behaviour, ...]

    @property
    def control(self) -> Behaviour:
        """The arm that the others are compared with."""
        return self.behaviours[0]

    def behaviour(self, arm: str) -> Behaviour:
        """The behaviour under an arm. Raises ValueError naming an arm the plan does not have."""
        for behaviour in self.behaviours:
            if behaviour.arm == arm:
                return behaviour
        raise ValueError(f"arm: {arm!r} is not among {', '.join(one.arm for one in self.behaviours)}")


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What n shoppers did: `clicked` (n, 6) marks the impressions clicked, `prices` (n, 3) the orders (0: none),
    `rating` (n,) 0 for none; money in whole cents.
    """

    impressions: Whole
    clicked: npt.NDArray[np.bool_]
    prices: Whole
    margins: Whole
    media_cost: Whole
    discount: Whole
    rating: Whole

    def units(self) -> Floats:
        """The unit columns of `experiments.stats.metrics.COUNTED_COLUMNS`, shape (n, 9): what the fold makes of the
        events.
        """
        orders = (self.prices > 0).sum(axis=1)
        columns = {
            "impressions": self.impressions,
            "clicks": self.clicked.sum(axis=1),
            "converted": orders > 0,
            "orders": orders,
            "revenue": self.prices.sum(axis=1) / 100,
            "margin": self.margins.sum(axis=1) / 100,
            "cost": (self.media_cost + self.discount) / 100,
            "rating_sum": self.rating,
            "rating_count": self.rating > 0,
        }
        return np.column_stack([columns[name] for name in COUNTED_COLUMNS]).astype(np.float64)


def make_plan(seed: int, arms: Sequence[str]) -> Plan:
    """The world of a seed for these arms; the first is the control and gets the baseline, each other effects drawn
    from seed and arm key. So an arm behaves alike whichever others stand beside it.
    """
    if len(set(arms)) != len(arms) or not arms:
        raise ValueError(f"arms: {list(arms)} must be distinct and at least one")
    population, baseline = _world(np.random.default_rng([seed, 1]), control=arms[0])
    return Plan(seed, population, (baseline, *(_changed(baseline, seed, arm) for arm in arms[1:])))


def draws(seed: int, first: int, count: int) -> Floats:
    """The uniform numbers of shoppers first .. first+count-1, shape (count, DRAWS), at their fixed place in the
    stream.
    """
    stream = np.random.Philox(key=seed, counter=first * (DRAWS // 4))
    return np.random.Generator(stream).random((count, DRAWS))


def outcomes(plan: Plan, arms: npt.NDArray[np.intp], uniform: Floats) -> Outcomes:
    """What shoppers do; `arms` (n,) are places in `plan.behaviours`, `uniform` (n, DRAWS) comes from `draws`."""
    kind = (uniform[:, CLASS] >= plan.population.shares[0]).astype(np.intp)
    impressions = 1 + _pick(plan.population.impressions[kind], uniform[:, IMPRESSIONS])
    shown = np.arange(IMPRESSIONS_MAX) < impressions[:, None]
    click = _of_arm(plan, "click")[arms, kind]
    clicked = shown & (uniform[:, CLICK : CLICK + IMPRESSIONS_MAX] < click[:, None])
    buy = np.where(clicked.any(axis=1), _of_arm(plan, "buy_after_click")[arms, kind],
                   _of_arm(plan, "buy_without_click")[arms, kind])  # fmt: skip
    orders = np.where(uniform[:, BUYS] < buy, 1 + _pick(plan.population.orders[None, :], uniform[:, ORDERS]), 0)
    prices = _prices(plan, arms, uniform) * (np.arange(ORDERS_MAX) < orders[:, None])
    rated = (orders > 0) & (uniform[:, RATES] < _of_arm(plan, "rates")[arms])
    rating = RATINGS[_pick(_of_arm(plan, "ratings")[arms, kind], uniform[:, RATING])]
    return Outcomes(
        impressions=impressions,
        clicked=clicked,
        prices=prices,
        margins=np.rint(prices * _of_arm(plan, "margin_share")[arms, None]).astype(np.int64),
        media_cost=impressions * _cents(_of_arm(plan, "cost_per_impression"))[arms],
        discount=orders * _cents(_of_arm(plan, "cost_per_order"))[arms],
        rating=np.where(rated, rating, 0),
    )


def unit_name(seed: int, index: int) -> str:
    """The shop's name for shopper `index` of a seed."""
    return f"shopper-{seed}-{index}"


def attributes(seed: int, index: int) -> dict[str, object]:
    """What a shop knows of a shopper when it asks for a decision: language, device, orders, visits, new or not.

    Always the same for a seed and number, and independent of what the shopper does, so an audience that chooses among
    them has the same truth as all.
    """
    random = np.random.default_rng([seed, 2, index]).random(4)
    orders = int(random[0] * random[0] * 12)
    return {
        "language": "zh" if random[1] < 0.4 else "en",
        "device": "mobile" if random[2] < 0.65 else "desktop",
        "orders": orders,
        "visits": orders + 1 + int(random[3] * 20),
        "new": orders == 0,
    }


def _pick(probabilities: Floats, uniform: Floats) -> Whole:
    # Inverse of the distribution function, row by row; the last column is left out so that rounding in the sum cannot
    # point beyond it.
    picked: Whole = (uniform[:, None] >= np.cumsum(probabilities, axis=1)[:, :-1]).sum(axis=1)
    return picked


def _prices(plan: Plan, arms: npt.NDArray[np.intp], uniform: Floats) -> Whole:
    normal = special.ndtri(np.clip(uniform[:, PRICE : PRICE + ORDERS_MAX], 1e-12, 1 - 1e-12))
    logs = _of_arm(plan, "price_log_mean")[arms, None] + _of_arm(plan, "price_log_sigma")[arms, None] * normal
    cents: Whole = np.maximum(np.rint(np.exp(logs) * 100), 1).astype(np.int64)
    return cents


def _of_arm(plan: Plan, name: str) -> Floats:
    return np.array([getattr(behaviour, name) for behaviour in plan.behaviours])


def _cents(money: Floats) -> Whole:
    return np.rint(money * 100).astype(np.int64)


def _world(rng: np.random.Generator, *, control: str) -> tuple[Population, Behaviour]:
    browsers = rng.uniform(0.5, 0.75)
    population = Population(
        shares=np.array([browsers, 1 - browsers]),
        impressions=np.array([_falling(rng.uniform(0.70, 0.85)), _falling(rng.uniform(0.35, 0.55))]),
        orders=np.array([0.85, 0.12, 0.03]),
    )
    click = rng.uniform(0.05, 0.09)
    without, after = rng.uniform(0.04, 0.07), rng.uniform(0.20, 0.30)
    taste = np.array([0.05, 0.08, 0.17, 0.35, 0.35])
    return population, Behaviour(
        arm=control,
        click=np.array([click, click * rng.uniform(1.8, 2.6)]),
        buy_without_click=np.array([without * 0.6, without * 1.5]),
        buy_after_click=np.array([after * 0.7, after * 1.4]),
        price_log_mean=float(np.log(rng.uniform(25, 60))),
        price_log_sigma=rng.uniform(0.35, 0.55),
        margin_share=round(rng.uniform(0.30, 0.45), 2),
        cost_per_impression=0.01,
        cost_per_order=0.0,
        rates=rng.uniform(0.45, 0.65),
        ratings=np.array([taste, _tilted(taste, 0.2)]),
    )


def _changed(baseline: Behaviour, seed: int, arm: str) -> Behaviour:
    rng = np.random.default_rng([seed, 3, int.from_bytes(hashlib.sha256(arm.encode()).digest()[:8])])
    click, buy, price, taste = rng.normal(EFFECT_MEAN, EFFECT_SPREAD, 4)
    return Behaviour(
        arm=arm,
        click=_moved(baseline.click, click),
        buy_without_click=_moved(baseline.buy_without_click, buy),
        buy_after_click=_moved(baseline.buy_after_click, buy),
        price_log_mean=baseline.price_log_mean + (price - EFFECT_MEAN) / 4,
        price_log_sigma=baseline.price_log_sigma,
        margin_share=baseline.margin_share,
        cost_per_impression=0.02 + 0.01 * int(rng.integers(0, 3)),
        cost_per_order=0.25 * int(rng.integers(0, 5)),
        rates=baseline.rates,
        ratings=np.array([_tilted(row, taste / 2) for row in baseline.ratings]),
    )


def _moved(probability: Floats, log_odds: float) -> Floats:
    moved: Floats = special.expit(special.logit(probability) + log_odds)
    return moved


def _tilted(probabilities: Floats, by: float) -> Floats:
    weights = probabilities * np.exp(by * RATINGS)
    tilted: Floats = weights / weights.sum()
    return tilted


def _falling(ratio: float) -> Floats:
    weights = ratio ** np.arange(IMPRESSIONS_MAX)
    falling: Floats = weights / weights.sum()
    return falling
