# %% [markdown]
# # From claims to a hospital's result
#
# Medicare pays hospitals and physicians together for an *episode of care*: under the Transforming Episode
# Accountability Model (TEAM), a joint replacement from the surgery to 30 days after discharge has one target price.
# This notebook takes the bundled synthetic claims, builds the episodes of the baseline and of the first performance
# year, sets target prices and reconciles the hospitals to them.

# %%
import altair as alt

import episodes as ep
from episodes.reports import charts

alt.renderers.enable("png", ppi=110)

claims = ep.read_claims(ep.synthetic.bundled_folder())
program = ep.load_program("team", performance_year=1)
baseline = ep.build_episodes(claims, program.for_baseline())
built = ep.build_episodes(claims, program)
prices = ep.target_prices(baseline, program)
result = ep.reconcile(built, prices)

# %% [markdown]
# Every candidate episode is kept, with the reasons for which it does not count:

# %%
ladder = built.ladder()
ladder.filter(ladder["any_reason"] > 0)

# %% [markdown]
# Every dollar of the input is booked exactly once:

# %%
built.balance

# %% [markdown]
# The hospitals' result (amounts in cents; minus is owed by the hospital):

# %%
result.hospitals.select(
    "ccn",
    "track",
    "episodes",
    "target_cents",
    "actual_cents",
    "quality_effect_cents",
    "limit_effect_cents",
    "amount_cents",
)

# %% [markdown]
# What the episodes cost, by service, against their mean target price:

# %%
charts.cost_against_target(built, result.episodes)

# %% [markdown]
# And one episode, service by service: the dearest of the year that counts.

# %%
dearest = built.final().sort("episode_cents", "episode_id", descending=[True, False])["episode_id"][0]
charts.episode_timeline(built, dearest)
