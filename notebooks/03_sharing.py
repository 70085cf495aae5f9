# %% [markdown]
# # From a hospital's result to its physicians
#
# A hospital that is reconciled for its episodes shares the result with those who made it: surgeons, hospitalists,
# groups. This notebook takes the bundled synthetic claims, reconciles the hospitals under TEAM, settles a gainsharing
# arrangement, checks it, and compares what each side would have had, and risked, under other models. Checks flag; they
# are no legal advice.

# %%
import altair as alt
import polars as pl
from IPython.display import Markdown

import episodes as ep
from episodes.reports import sharing_charts

alt.renderers.enable("png", ppi=110)
pl.Config.set_fmt_str_lengths(90)
pl.Config.set_tbl_rows(20)

claims = ep.read_claims(ep.synthetic.bundled_folder())
program = ep.load_program("team", performance_year=1)
baseline = ep.build_episodes(claims, program.for_baseline())
built = ep.build_episodes(claims, program)
prices = ep.target_prices(baseline, program)
result = ep.reconcile(built, prices)

arrangement = ep.alignment.load_arrangement("team_gainsharing")
arrangement.name

# %% [markdown]
# ## The facts of the year
#
# What is shared is the hospital's settled amount. A cap is a share of what each physician billed under the fee schedule
# inside the hospital's episodes. And beside the savings stand the outcomes, so that stinting would be seen.

# %%
ccn = arrangement.hospital
guards = ep.alignment.stinting_guards(
    baseline.final().filter(pl.col("anchor_ccn") == ccn), built.final().filter(pl.col("anchor_ccn") == ccn)
)
facts = ep.alignment.facts_of(
    ccn,
    result.hospitals,
    built.episodes,
    result.episodes,
    program=program.id,
    claims=claims.claims,
    lines=claims.lines,
    quality=built.quality,
    guards=guards,
)
facts.fee_schedule.sort("fee_schedule_cents", descending=True).head(8)

# %% [markdown]
# ## The ledger
#
# Weights were set before the year. Who did not meet the quality gate, or had too few episodes to be scored, drops out
# before shares are formed; who is offered more than the cap is held at it; the group divides its payment among its
# members, each with a cap of their own. Every ledger sums to its pool to the cent (amounts in cents).

# %%
settled = ep.alignment.settle_arrangement(arrangement, facts)
settled.ledger

# %% [markdown]
# Who paid whom; the pool comes out at zero:

# %%
settled.entries.select("from_party", "to_party", "amount_cents", "rule", "basis", "status")

# %% [markdown]
# ## Checks
#
# Each check passes, fails or cannot tell, and names the law.

# %%
checks = ep.alignment.check_compliance(arrangement, settled)
checks.select("check", "result", "finding", "citation")

# %% [markdown]
# ## A statement that a physician can read

# %%
Markdown(ep.alignment.statement(settled, arrangement.parties[0].id, checks).replace("$", r"\$"))

# %% [markdown]
# ## The same year under other models
#
# Which model suits a partner depends on the risk that the partner can carry. The year of the hospital with the most
# episodes that are settled with a downside is settled under each model, and drawn again a thousand times from its own
# episodes.

# %%
largest = result.hospitals.filter(pl.col("track") != "1").sort("episodes", descending=True).row(0, named=True)
own = ep.alignment.facts_of(largest["ccn"], result.hospitals, built.episodes, result.episodes)
fees = ep.alignment.surgeon_fees(own.episodes, claims.claims, claims.lines)
volumes = prices.volumes.filter(pl.col("ccn") == largest["ccn"])
compared = ep.alignment.compare_models(
    own.episodes.join(fees, on="episode_id"),
    program,
    track=largest["track"],
    quality_score=largest["quality_score"],
    baseline_episodes=dict(volumes.select("category", "baseline_episodes").iter_rows()),
)
compared.table.drop("spread_cents", "expected_cents")

# %%
sharing_charts.model_comparison(compared)

# %%
Markdown(ep.alignment.comparison_paragraph(compared).replace("$", r"\$"))

# %% [markdown]
# ## An arrangement that should not be
#
# Paid for referrals, with a formula that was set at the end of the year, above the cap: flagged on each count.

# %%
bad = arrangement.model_copy(
    update={
        "program": "cjr",
        "inputs": (arrangement.inputs[0].model_copy(update={"name": "referrals", "kind": "referrals"}),),
        "agreement": arrangement.agreement.model_copy(update={"formula_set": program.period[1]}),
        "terms": arrangement.terms.model_copy(
            update={"cap_share": arrangement.terms.cap_share.model_copy(update={"value": "none"})}
        ),
    }
)
flagged = ep.alignment.check_compliance(bad, ep.alignment.settle_arrangement(bad, facts))
flagged.filter(pl.col("result") == "fail").select("check", "finding", "citation")
