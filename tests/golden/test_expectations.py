"""Every single expectation of the memory and decision scenarios can fail: each line has a sabotage that breaks it.

`test_scenarios` asks that a sabotage breaks something; here every line of ``expect:`` must be broken by one of its own.
"""

import pytest

from neurolurie import pipeline
from neurolurie.result import Expectation

HEBB = "circuits.memory.with.storage=hebbian"
LINEAR = ["circuits.memory.with.clusters=1", "circuits.memory.with.wall=0.0", "denoise.readout=state"]
SHORT = "simulate.duration=3"
# scenario -> line of `expect:` -> words as for --set; the variant named in the line is run with them.
BREAKS = {
    "two-area-memory": {
        "intact.completion_rate": ["couplings[0].with.gain=0.0"],
        "intact.cued_recall_rate": ["circuits.seen.with.storage=hebbian"],
        "edge-cut.completion_rate": ["variants.edge-cut={}"],
        "edge-cut.cued_recall_rate": ["circuits.seen.with.storage=hebbian"],
        "cued-area-lesioned.completion_rate": ["variants.cued-area-lesioned={}"],
        "other-area-lesioned.completion_rate": ["variants.other-area-lesioned={lesions: [seen]}"],
        "other-area-lesioned.cued_recall_rate": ["variants.other-area-lesioned={lesions: [seen]}"],
    },
    "denoise-stored": dict.fromkeys(
        ("noise-50.snr_db", "noise-75.snr_db", "noise-150.gain_db", "mask-50.snr_db", "mask-75.over_best_db"), [HEBB]
    ),
    "denoise-manifold": dict.fromkeys(
        (f"noise-{level}.over_lmmse_db" for level in (10, 20, 30, 50, 80)), [*LINEAR, "trials=60"]
    )
    | dict.fromkeys(  # nobody says which pixels are hidden
        (f"mask-{share}.over_lmmse_db" for share in (25, 50, 75)), ["denoise.attention=null", "trials=60"]
    ),
    "hold-a-number": {
        "ring.drift_rms": ["circuits.memory.with.units=16"],
        "ring.encoding_rms": ["circuits.memory.with.units=16"],
        "ring-noisy.pinned": [
            "variants.ring-noisy={circuits.memory.with.units: 16, trials: 100, noise.sigma.memory: 0.1,"
            " simulate.duration: 4.5}"
        ],
        "ring-noisy.diffusion_ratio": ["variants.ring-noisy={trials: 100, noise.sigma.memory: 8.0}"],
        "ring-noisy.horizon_s": ["variants.ring-noisy={trials: 20, noise.sigma.memory: 0.1}"],
        "ring-noisy.horizon_censored": ["variants.ring-noisy={trials: 20, noise.sigma.memory: 0.1}"],
        "small-ring.drift_rms": ["variants.small-ring={}"],
        "small-ring-noisy.pinned": ["variants.small-ring-noisy={trials: 100, noise.sigma.memory: 0.3}"],
        "line.leak_per_s": ["variants.line.circuits.memory.with.loop_gain=0.9"],
        "line.variance_ratio": ["variants.line.noise.sigma.memory=20.0"],
        "line.horizon_censored": ["hold.tolerance=2.0"],
    },
    "evidence": {
        "accuracy": ["noise.sigma.choice=2.0"],
        "accuracy_strongest": ["noise.sigma.choice=2.0"],
        "psychometric_slope": ["noise.sigma.choice=2.0"],
        "slope_ratio": ["circuits.choice.with.self_excitation=3.0"],
        "rt_mean_s": ["decide.threshold=0.1"],
        "undecided_fraction": ["decide.threshold=2.0"],
    },
    "delayed-recall": {
        "kept.recall_rate": ["noise.sigma.memory=10.0", SHORT],
        "kept.overlap_lowest": ["noise.sigma.memory=10.0", SHORT],
        "noisy.recall_rate": [SHORT],
        "overwritten.recall_rate": ["variants.overwritten={}", SHORT],
        "overwritten.kept_s": ["variants.overwritten={}", SHORT],
        "no-recurrence.recall_rate": ["variants.no-recurrence={}", SHORT],
        "no-recurrence.overlap_end": ["variants.no-recurrence={}", SHORT],
    },
}  # fmt: skip


@pytest.mark.parametrize("name", BREAKS)
def test_no_line_is_forgotten(name):
    assert set(pipeline.load_scenario(name).data["expect"]) == set(BREAKS[name])


# Lines of one variant that the same words break are measured in one run.
RUNS = {}
for name, lines in BREAKS.items():
    for line, words in lines.items():
        variant = line.rpartition(".")[0] if name != "denoise-stored" else ""
        RUNS.setdefault((name, variant, tuple(words)), []).append(line)


@pytest.mark.parametrize("name, variant, words", RUNS)
def test_a_sabotage_breaks_the_line(name, variant, words):
    settings = [word for word in words if not nested(word)]
    source = pipeline.load_scenario(name, settings=settings)
    for word in filter(nested, words):  # a path into a variant, whose keys are paths themselves
        path, _, text = word.partition("=")
        _, which, key = path.split(".", 2)
        changes = source.data["variants"][which]
        if key.startswith("circuits.memory.with."):
            changes["circuits.memory"]["with"][key.rpartition(".")[2]] = float(text)
        else:
            changes[key] = float(text)
    findings = pipeline.run_variant(variant, dict(pipeline.variants(source))[variant]).findings
    for line in RUNS[name, variant, words]:
        low, high = source.data["expect"][line]
        short = line.removeprefix(f"{variant}.") if variant else line
        found = Expectation(line, low, high, findings.metrics.get(short))
        assert found.value is not None and not found.met, str(found)


def nested(word):
    return word.startswith("variants.") and not word.partition("=")[2].startswith("{")
