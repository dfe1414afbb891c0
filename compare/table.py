"""Makes one Markdown table of the rows that run.py wrote: `python compare/table.py rows.jsonl`."""

import collections
import json
import statistics
import sys

LAYOUTS = ["nhwc", "nchw"]
FAMILIES = ["ndarray", "burn", "candle", "torch", "jax", "tensorflow"]
OURS = "lossfold"


def read(paths):
    """The milliseconds of every cell, by (workload, mode, threads), layout and engine; the versions."""
    times = collections.defaultdict(lambda: {layout: {} for layout in LAYOUTS})
    versions = {}
    for path in paths:
        with open(path) as file:
            for row in map(json.loads, file):
                group = times[row["workload"], row["mode"], row["threads"]][row["layout"]]
                group.setdefault(row["engine"], []).append(row["ms"])
                versions[row["engine"].split("-")[0]] = row["version"]
    return times, versions


def fastest(medians, family=None):
    """The peer's name with the smallest median, of one family or of all, or None."""
    peers = [name for name in medians if name != OURS and family in (None, name.split("-")[0])]
    return min(peers, key=medians.get, default=None)


def ratio(medians, peer):
    if peer is None or OURS not in medians:
        return "–"
    return f"{medians[OURS] / medians[peer]:.2f}"


def line(key, group):
    """One row of the table. What differs between the layouts is written NHWC / NCHW."""
    medians = [{name: statistics.median(ms) for name, ms in group[l].items()} for l in LAYOUTS]
    best = [fastest(m) for m in medians]

    def both(texts):
        return " / ".join(texts)

    return [
        *map(str, key),
        both(f"{m[OURS]:.2f}" if OURS in m else "–" for m in medians),
        both("–" if b is None else f"{b} {m[b]:.2f}" for m, b in zip(medians, best)),
        both(ratio(m, b) for m, b in zip(medians, best)),
        *(both(ratio(m, fastest(m, family)) for m in medians) for family in FAMILIES),
    ]


def noise(times):
    """By how much lossfold's medians of even and of odd rounds differ: the typical and the largest."""
    factors = []
    for group in times.values():
        for layout in LAYOUTS:
            ms = group[layout].get(OURS, [])
            if len(ms) > 1:
                even, odd = statistics.median(ms[::2]), statistics.median(ms[1::2])
                factors.append(max(even, odd) / min(even, odd))
    return (statistics.median(factors), max(factors)) if factors else None


def main():
    times, versions = read(sys.argv[1:])
    title = ["workload", "mode", "threads", f"{OURS} ms", "fastest peer ms", "ratio to it", *FAMILIES]
    print("| " + " | ".join(title) + " |")
    print("|---|---|" + "--:|" * (len(title) - 2))
    workloads = list(dict.fromkeys(workload for workload, _, _ in times))
    for key in sorted(times, key=lambda k: (workloads.index(k[0]), k[1] != "value", k[2])):
        print("| " + " | ".join(line(key, times[key])) + " |")
    print("\n" + ", ".join(f"{name} {version}" for name, version in sorted(versions.items())) + ".")
    if factors := noise(times):
        typical, largest = factors
        print(
            f"The same {OURS} cell in even and in odd rounds: typically a factor of {typical:.2f}, "
            f"at most {largest:.2f}."
        )


if __name__ == "__main__":
    main()
