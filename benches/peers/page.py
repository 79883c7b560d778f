"""The page of results: what was measured where, ratios, and a chart for each workload."""
import collections
import os
import statistics

import chart

TITLES = {"strips": "Strips to tiles of 1024 x 1024", "mapped": "Files that do not change", "tiles": "Tiles to other tiles", "jpeg2000": "JPEG 2000, one tile",
          "viewer": "Four viewers", "opening": "Opening and the first tile", "late": "Tiles that are there, while other threads miss", "bands": "Many bands",
          "through": "GDAL's programs, directly and through the driver"}


def brief(result):
    """A line about one measurement."""
    about = " ".join(str(result.get(key, "")) for key in ("workload", "variant", "threads", "peer", "mode"))
    if "failed" in result:
        return f"{about}: FAILED: {' '.join(result['failed'].split())}"
    if "calls" in result:
        return f"{about}: " + ", ".join(_counted(result))
    if "reader_of_limit" in result:
        return f"{about}: {result['reader_of_limit']:.2f} of a copy"
    took = f"hit {result['hit']:.0f} ns, miss {result['miss']:.0f} ns" if "hit" in result else f"{result['seconds']:.3f} s"
    marked = f", others used {result['others']:.0%}" if result["others"] > 0.05 else ""
    return f"{about}: {took}{marked}"


def _counted(result):
    """What is counted of a tile: bytes as multiples of its own."""
    calls = [f"{count:.4g} {name}" for name, count in sorted(result["calls"].items())]
    return [" ".join(calls) or "none", f"{result['read']:.2f}", f"{result['stored']:.2f}" if "stored" in result else "",
            f"{result['faults']:.4g}"]


def _median(results, key):
    return statistics.median(each[key] for each in results)


def _ratio(results, others, key):
    """The median over the rounds of how much longer `results` took than `others`, which ran in the same rounds."""
    return statistics.median(a[key] / max(b[key], 1e-6) for a, b in zip(results, others))


class Group:
    """The measurements of one variant with one number of threads, by peer and mode; `by` is what counts of them."""

    def __init__(self, by):
        self.runs, self.by = collections.OrderedDict(), by

    def best(self, accept):
        """The key of the fastest of some programs."""
        keys = [key for key in self.runs if accept(*key)]
        return min(keys, key=lambda key: _median(self.runs[key], self.by)) if keys else None

    def ours(self):
        return self.best(lambda peer, _mode: peer == "ours")

    def peer(self):
        return self.best(lambda peer, _mode: peer not in ("ours", "floor"))

    def floor(self):
        """The fastest bound that does all that we do: views of a mapped file do not, nor what keeps nothing where others do."""
        keeping = self.best(lambda peer, mode: peer == "floor" and {"keeps", "blocks"} & set(mode.split(",")))
        return keeping or self.best(lambda peer, mode: peer == "floor" and "mmap" not in mode)

    def ratio(self, key, to):
        """A ratio as a text; none where there is nothing to compare with."""
        return f"{_ratio(self.runs[key], self.runs[to], self.by):.2f}" if to else ""


def _groups(results, workload, by):
    groups = collections.OrderedDict()
    for each in results:
        if "failed" not in each and each["workload"] == workload:
            group = groups.setdefault((each["variant"], each["threads"]), Group(by))
            group.runs.setdefault((each["peer"], each["mode"]), []).append(each)
    return groups


def _name(key):
    return f"{key[0]} {key[1]}".strip()


def _summary(groups):
    rows = ["| work | threads | ours, s | best peer | ours / best peer | floor | ours / floor | "
            "decodes of ours, peer, floor | MiB of ours, peer, floor |",
            "|---|---|---|---|---|---|---|---|---|"]
    for (variant, threads), group in groups.items():
        ours, peer, floor = group.ours(), group.peer(), group.floor()
        if not ours:
            continue

        def each(key, group=group, of=(ours, peer, floor)):
            return ", ".join(f"{_median(group.runs[one], key):.0f}" if one else "" for one in of).rstrip(", ")

        rows.append(
            f"| {variant} | {threads} | {_median(group.runs[ours], group.by):.3f} | {_name(peer) if peer else ''} | "
            f"{group.ratio(ours, peer)} | {floor[1] if floor else ''} | {group.ratio(ours, floor)} | {each('decodes')} | "
            f"{each('peak_mib')} |")
    return rows


def _details(groups):
    rows = ["| work | threads | program | s | processor s | late ms | decodes | page faults | MiB | others |",
            "|---|---|---|---|---|---|---|---|---|---|"]
    for (variant, threads), group in groups.items():
        for key in sorted(group.runs, key=lambda key, group=group: _median(group.runs[key], group.by)):
            runs = group.runs[key]
            late = _median(runs, "late") * 1e3
            rows.append(
                f"| {variant} | {threads} | {_name(key)} | {_median(runs, 'seconds'):.3f} | {_median(runs, 'cpu'):.3f} | "
                f"{late:.4g} | {_median(runs, 'decodes'):.0f} | {_median(runs, 'faults'):.0f} | "
                f"{_median(runs, 'peak_mib'):.0f} | {_median(runs, 'others'):.0%} |")
    return rows


def _bars(groups):
    drawn = []
    for (variant, threads), group in groups.items():
        ours = group.ours()
        if not ours:
            continue
        entries = [(*key, _ratio(runs, group.runs[ours], group.by)) for key, runs in group.runs.items()]
        plural = "s" if threads > 1 else ""
        drawn.append((f"{variant}, {threads} thread{plural}", sorted(entries, key=lambda entry: entry[2])))
    return drawn


def _disagreements(results):
    """Pixels are the same whoever delivers them, and however."""
    sums = collections.defaultdict(lambda: collections.defaultdict(set))
    for each in results:
        if "checksum" in each:
            sums[(each["workload"], each["variant"])][each["checksum"]].add(each["peer"])
    return [f"{workload}, {variant}: " + "; ".join(", ".join(sorted(peers)) for peers in found.values())
            for (workload, variant), found in sums.items() if len(found) > 1]


def _stitch(results):
    """How much of the speed of a plain copy tiles of resident blocks reach: a row for each shape."""
    found = collections.OrderedDict()
    for each in results:
        if "failed" not in each and each["workload"] == "stitch":
            found.setdefault((each["variant"], each["threads"]), []).append(each)
    rows = []
    for (variant, threads), runs in found.items():
        milliseconds = " | ".join(f"{_median(runs, key) * 1e3:.1f}" for key in ("limit", "reader", "uncached"))
        shares = " | ".join(f"{_median(runs, key):.2f}" for key in ("reader_of_limit", "uncached_of_limit"))
        rows.append(f"| {variant} | {threads} | {milliseconds} | {shares} | {_median(runs, 'faults'):.0f} |")
    return rows


def _growth(results):
    found = collections.defaultdict(list)
    for each in results:
        if "failed" not in each and each["workload"] == "growth":
            found[(each["variant"], each["at"])].append(each)
    return {key: (_median(runs, "hit"), _median(runs, "miss")) for key, runs in sorted(found.items())}


def _growth_panels(costs):
    panels = []
    for what, along in (("entries", "resident entries"), ("pixels", "pixels of the image"), ("threads", "threads")):
        of = [(at, cost) for (name, at), cost in costs.items() if name == what]
        if of:
            curves = [("miss", "#3e7cb1", [(at, cost[1]) for at, cost in of]),
                      ("hit", "#d9480f", [(at, cost[0]) for at, cost in of])]
            panels.append((along, along, what != "threads", curves))
    return panels


def write(results, folder, machine, disturbed):
    """Writes peers.md and its charts."""
    os.makedirs(folder, exist_ok=True)
    measured = [each for each in results if "failed" not in each]
    marked = [each for each in measured if each["others"] > disturbed]
    # Beside others, clocks tell more of them than of what is measured.
    by = "cpu" if 2 * len(marked) > len(measured) else "seconds"
    what = {"cpu": "processor time", "seconds": "time"}[by]
    versions = {each["peer"]: each["version"] for each in measured if "version" in each}
    lines = ["# Measured beside other programs", "", "| machine | |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in machine]
    lines += [f"| {name} | {value} |" for name, value in sorted(versions.items())]
    lines += ["", f"{len(measured)} measurements. During {len(marked)} of them others used more than {disturbed:.0%} of the "
              "machine" + (f", in the median {statistics.median(each['others'] for each in marked):.0%}." if marked else "."), ""]
    wrong = _disagreements(results)
    lines += [f"**Different pixels**: {text}" for text in wrong] or ["All delivered the same pixels."]
    lines += ["", f"Seconds and ratios are of **{what}**; ratios are medians over rounds of two measurements of one round, and below "
              "1 where this library takes less."]
    for workload, title in TITLES.items():
        groups = _groups(results, workload, by)
        if not groups:
            continue
        picture = f"peers-{workload}.svg"
        with open(os.path.join(folder, picture), "w") as out:
            out.write(chart.bars(title, what, _bars(groups)))
        lines += ["", f"## {title}", "", *_summary(groups), "", f"![{title}, as multiples]({picture})", "", *_details(groups)]
    limits = [each for each in measured if each["workload"] == "limits"]
    if limits:
        lines += ["", "## What the memory allows", "", "| what | threads | GB/s |", "|---|---|---|"]
        best = collections.OrderedDict()
        for each in limits:
            key = (each["variant"], each["threads"])
            best[key] = max(best.get(key, 0), each["bytes"] / each["seconds"] / 1e9)
        lines += [f"| {name} | {threads} | {speed:.1f} |" for (name, threads), speed in best.items()]
    stitched = _stitch(results)
    if stitched:
        lines += ["", "## Tiles of resident blocks", "", "All tiles of 4096 x 4096 pixels, put together and not kept, beside a loop of "
                  "`memcpy` over the same rows, in turns in one process; processor time, and the share of the copy's speed that is reached.",
                  "", "| work | threads | copy, ms | through a reader, ms | without a cache, ms | reader | without a cache | page faults |",
                  "|---|---|---|---|---|---|---|---|", *stitched]
    costs = _growth(results)
    if costs:
        with open(os.path.join(folder, "peers-growth.svg"), "w") as out:
            out.write(chart.lines("What a call costs as work grows", "nanoseconds of processor time", _growth_panels(costs)))
        lines += ["", "## As work grows", "", "![Costs of a hit and of a miss](peers-growth.svg)", "",
                  "| of what | how many | hit, ns | miss, ns |", "|---|---|---|---|"]
        lines += [f"| {what} | {at:,} | {hit:.0f} | {miss:.0f} |" for (what, at), (hit, miss) in costs.items()]
    counted = {(each["variant"], each["peer"]): each for each in results if "calls" in each}
    if counted:
        lines += ["", "## Counted", "", "Of each tile: system calls, bytes that they read and bytes that instructions store beside the "
                  "stack, both as multiples of the bytes of the tile, and page faults.", "",
                  "| work | program | system calls | read | stored | page faults |", "|---|---|---|---|---|---|"]
        lines += [f"| {variant} | {peer} | {' | '.join(_counted(each))} |" for (variant, peer), each in counted.items()]
    failed = sorted({brief(each) for each in results if "failed" in each})
    if failed:
        lines += ["", "## Failed", "", *(f"- {text}" for text in failed)]
    with open(os.path.join(folder, "peers.md"), "w") as out:
        out.write("\n".join(lines) + "\n")
