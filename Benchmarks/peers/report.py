"""What is shown of a comparison: tables in Markdown, between the markers of pages too, and a picture."""

import os
import re
import sys
import textwrap

LIKE_FOR_LIKE = "scn.torch"
LABELS = {
    "scn": "scn, from Python (numpy)",
    "scn.torch": "scn.torch (PyTorch)",
    "scn.spconv": "spconv's program on scn",
    "scn.minkowski": "MinkowskiEngine's program on scn",
    "scn.torchsparse": "torchsparse's program on scn",
}
COLORS = {
    "scn": "#1f6fb4",
    "scn.torch": "#6fa8d6",
    "scn.spconv": "#9cc4e4",
    "scn.minkowski": "#c3dbef",
    "scn.torchsparse": "#dbe9f6",
}
OTHERS = ("#d9822b", "#8c6bb1", "#5a9e6f")
INK = "#333333"
# By the name of instructions that libraries were limited to: what they are.
LIMITS = {"avx2": "all limited to AVX2, as on cpus without AVX-512"}
# What stands between markers of pages, for tables that have no name of their own.
MARKERS = ("peers", "peers summary", "peers models", "peers layers")


def threads_text(threads):
    return "1 thread" if threads == 1 else f"{threads} threads"


def network_text(network):
    return f"{network} U-Net" if network in ("larger", "smaller") else network


class Figures:
    """The figures of a comparison, found by what they are of."""

    def __init__(self, figures):
        self.all = figures
        self.threads = sorted({line["threads"] for line in figures["figures"]})
        self.lines = {(f["subject"], f["quantity"], f["library"], f["threads"]): f for f in figures["figures"]}
        self.bytes = {(m["subject"], m["library"]): m["bytes"] for m in figures["memory"]}

    def label(self, library):
        if library in LABELS:
            return LABELS[library]
        name = "sparseconvnet" if library == "SparseConvNet" else library
        return f"{library} {self.all['libraries'][library]['versions'][name]}"

    def cell(self, what, quantity, library):
        """Seconds for each number of threads, and for others than scn how many times those of scn.torch."""
        lines = [self.lines.get((what, quantity, library, threads)) for threads in self.threads]
        if None in lines:
            return ""
        text = " / ".join(rounded(line["seconds"]["median"]) for line in lines)
        if library in ("scn", LIKE_FOR_LIKE):
            return text
        return f"{text} ({self.ratios(lines, 'times_like_for_like', ratio)})"

    def ratios(self, lines, name, rounding):
        return " / ".join(rounding(line[name]["median"]) for line in lines)

    def close_ratios(self, what, quantity, library):
        """How many times as long as scn.torch a program takes; nothing for scn.torch itself."""
        lines = [self.lines.get((what, quantity, library, threads)) for threads in self.threads]
        if None in lines or library == LIKE_FOR_LIKE:
            return ""
        return self.ratios(lines, "times_like_for_like", close_ratio)

    def times_stand_in(self, what, quantity, library):
        """How many times as long as scn in its place a library takes; nothing for scn itself."""
        lines = [self.lines.get((what, quantity, library, threads), {}) for threads in self.threads]
        if not all("times_stand_in" in line for line in lines):
            return ""
        return self.ratios(lines, "times_stand_in", ratio)


def rounded(seconds):
    """Three digits."""
    return f"{seconds:.2f}" if seconds >= 1 else f"{seconds:.3f}" if seconds >= 0.1 else f"{seconds:.4f}"


def ratio(value):
    return f"{value:.2g}x" if value < 10 else f"{value:.0f}x"


def close_ratio(value):
    return f"{value:.2f}x"


def tables(figures, name):
    """Return by name what goes between the markers of that name. name: that of the tables of networks together, for
    another machine than that of the page; None for those without a name."""
    # Those of an earlier version have none of the field's networks, and all instructions.
    known = Figures({"models": {}, "instructions": None, **figures})
    if name:
        parts = [networks_table(known), "\n".join(notes(known)), models_table(known)]
        return {f"peers {name}": "\n\n".join(parts)}
    found = {
        "peers": "\n\n".join([networks_table(known), "\n".join(notes(known))]),
        "peers summary": "\n\n".join([networks_table(known), filled(summary(known))]),
        "peers models": models_table(known) if known.all["models"] else None,
        "peers layers": layers_table(known),
    }
    return {name: text for name, text in found.items() if text is not None}


def models_table(known):
    """The networks of the field: seconds, how close a program of another library is to scn.torch, and how many times as
    long the library itself takes for it."""
    counts = " / ".join(str(threads) for threads in known.threads)
    rows = [
        f"| {counts} threads | training step, s | times scn.torch | times scn in its place | inference, s "
        "| times scn.torch | times scn in its place |",
        "|---|---|---|---|---|---|---|",
    ]
    for model in known.all["models"]:
        if len({library for what, _, library, _ in known.lines if what == model}) < 2:
            continue
        rows.append(f"| **{model}** | | | | | | |")
        for library in known.all["libraries"]:
            cells = [
                cell
                for quantity in ("train", "infer")
                for cell in (
                    known.cell(model, quantity, library).split(" (")[0],
                    known.close_ratios(model, quantity, library),
                    known.times_stand_in(model, quantity, library),
                )
            ]
            if any(cells):
                rows.append(f"| {known.label(library)} | {' | '.join(cells)} |")
    agreement = agreement_text(lines_on_one(known, "models"), "scn.torch", ", a twentieth of it left out")
    note = f"Medians over rounds. {agreement}"
    return "\n".join([*rows, "", filled(note)])


def filled(paragraph):
    return textwrap.fill(paragraph, 120, break_long_words=False, break_on_hyphens=False)


def networks_table(known):
    counts = " / ".join(str(threads) for threads in known.threads)
    memory_threads = known.all["memory"][0]["threads"]
    rows = [
        f"| {counts} threads | training step, s | inference, s | rulebooks, s | memory of a step, MB |",
        "|---|---|---|---|---|",
    ]
    for network, planes in known.all["networks"].items():
        rows.append(f"| **U-Net of {', '.join(map(str, planes))} planes** | | | | |")
        for library in known.all["libraries"]:
            size = known.bytes.get((network, library))
            cells = [known.cell(network, quantity, library) for quantity in ("train", "infer", "rulebooks")]
            memory = "" if size is None else f"{size / 1e6:,.0f}"
            rows.append(f"| {known.label(library)} | {' | '.join(cells)} | {memory} |")
    rows.append("")
    rows.append(f"In parentheses: times `scn.torch`, the median over rounds. Memory: on {memory_threads} threads.")
    return "\n".join(rows)


def layers_table(known):
    libraries = list(known.all["libraries"])
    heads = ["seconds, " + " / ".join(map(threads_text, known.threads)), *map(known.label, libraries)]
    rows = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    subjects = dict.fromkeys(line["subject"] for line in known.all["figures"])
    for what in subjects:
        if what in known.all["networks"] or what in known.all["models"]:
            continue
        for part, text in (("forward", "forward"), ("backward", "both gradients")):
            cells = [known.cell(what, part, library) for library in libraries]
            rows.append("| " + " | ".join([f"{what} planes, {text}", *cells]) + " |")
    return "\n".join(rows)


def notes(known):
    """What a reader has to know besides the figures."""
    figures = known.all
    optimized = [
        " / ".join(
            rounded(known.lines[network, "infer_optimized", "scn", threads]["seconds"]["median"])
            for threads in known.threads
        )
        for network in figures["networks"]
    ]
    paragraphs = [
        measured(known),
        f"scn's `optimize_for_inference` brings its inference to {optimized[0]} s and {optimized[1]} s.",
        agreement_note(known),
        race_note(known),
    ]
    if figures["left_out"]:
        why = "; ".join(f"{name} ({reason})" for name, reason in figures["left_out"].items())
        paragraphs.append(f"Left out: {why}.")
    return "\n\n".join(filled(text) for text in paragraphs if text).split("\n")


def measured(known):
    """Say what was measured, when and where."""
    figures = known.all
    scenes = f"{figures['scenes']} scene{'s' if figures['scenes'] > 1 else ''} ({figures['source']})"
    versions = {name: about["versions"] for name, about in figures["libraries"].items()}
    computed = ", ".join(["float32", *filter(None, [LIMITS.get(figures["instructions"])])])
    sentences = [
        f"Measured on {figures['date']}: {figures['cpu']} ({figures['cpus']} cpus, family/model",
        f"{figures['cpu_family_model']}), {scenes} of {figures['sites']:,} sites, {computed}; medians of",
        f"{figures['rounds']} rounds in turns. scn {versions['scn']['scn']}, PyTorch",
        f"{versions[LIKE_FOR_LIKE]['torch']}, Python {figures['python']}.",
    ]
    if figures["quick"]:
        sentences.append("**A quick look, not for the record.**")
    if figures["cpu_share_at_1_thread"] < 0.95:
        share = 100 * figures["cpu_share_at_1_thread"]
        sentences.append(f"**The machine was busy: a thread got a core for {share:.0f} % of the time.**")
    return " ".join(sentences)


def summary(known):
    """The notes in a few lines, for a page that leads to all of them."""
    sentences = [measured(known), agreement_note(known)]
    for library, lines in races(known).items():
        threads = threads_text(max(line["threads"] for line in lines))
        most = max(line["logits"] for line in lines)
        sentences.append(
            f"**{library}'s kernels race** on {threads}: the outputs of the same call differ by up to {most:.2g} of "
            "the largest value."
        )
    return " ".join(sentences)


def agreement_note(known):
    return agreement_text(lines_on_one(known, "networks"), "scn")


def lines_on_one(known, kind):
    """Return how results on one thread agree. kind: "networks" or "models"."""
    return [line for line in known.all["agreement"] if line["threads"] == 1 and line["network"] in known.all[kind]]


def agreement_text(lines, reference, left_out=""):
    """Say how much results on one thread differ from those of a library. left_out: what of a gradient does not
    count."""
    wrong = sorted({line["library"] for line in lines if not line["agrees"]})
    if wrong:
        return f"**{', '.join(wrong)}: not the same results as those of {reference}.**"
    logits, gradients = (max(line["worst"][kind] for line in lines) for kind in ("logits", "gradients"))
    return (
        f"On one thread, all compute the same from the same weights: the largest difference from {reference} is "
        f"{logits:.1e} of the largest value for the outputs of inference, and {gradients:.1e} for a gradient{left_out}."
    )


def races(known):
    """By library whose results change from run to run by more than rounding: how much, by number of threads and how
    they wait for work."""
    most = known.all["tolerances"]
    found = {}
    for line in known.all["run_to_run"]:
        if line["logits"] > most["logits"] or line["gradients"] > most["gradients"]:
            found.setdefault(line["library"], []).append(line)
    return {library: found[library] for library in known.all["libraries"] if library in found}


def race_note(known):
    """Say which results change from run to run, and how much, by how threads wait for work."""
    texts = []
    for library, moving in races(known).items():
        lines = [line for line in known.all["run_to_run"] if line["library"] == library]
        threads = threads_text(max(line["threads"] for line in moving))
        used = known.all["environment"]["waiting"]["of_several_threads"][library]
        text = f"**The kernels of {library} for a CPU race**: on {threads} the same call differs from run to run."
        for waiting in dict.fromkeys(line["waiting"] for line in lines if line["threads"] > 1):
            runs = [line for line in lines if line["waiting"] == waiting and line["threads"] > 1]
            run = max(runs, key=lambda line: line["logits"])
            text += (
                f" With {waiting} waiting of idle threads{', as in the table,' if waiting == used else ''} outputs of "
                f"inference differed by up to {run['logits']:.2g} of the largest value"
                f"{rows_text(run)}, gradients by up to {max(line['gradients'] for line in runs):.2g}."
            )
        texts.append(f"{text} So its figures for {threads} are those of results that cannot be relied on.")
    return " ".join(texts)


def rows_text(run):
    return f" ({run['rows']:,} of {run['of_rows']:,} rows by more than 0.001 of it)" if run["rows"] else ""


def marker(name, end):
    return f"<!-- {name}: {end} -->"


def find_markers(text, name):
    return re.search(f"{re.escape(marker(name, 'begin'))}\n.*?{re.escape(marker(name, 'end'))}", text, re.S)


def check_markers(path, name):
    """End the program where a page has no place for a table. name: as for tables()."""
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except OSError as error:
        sys.exit(f"bench-peers: {path}: {error.strerror}")
    names = (f"peers {name}",) if name else MARKERS
    if not any(find_markers(text, wanted) for wanted in names):
        sys.exit(f"bench-peers: {path}: has no lines {marker(names[0], 'begin')} and {marker(names[0], 'end')}")


def write_between_markers(path, contents):
    """Replace what is between the markers of each name that the page has."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    for name, content in contents.items():
        found = find_markers(text, name)
        if found:
            inside = f"{marker(name, 'begin')}\n{content}\n{marker(name, 'end')}"
            text = text[: found.start()] + inside + text[found.end() :]
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    print(f"written: {path}")


def draw(figures, folder):
    """Draw bars of training steps and inferences, shorter is better."""
    try:
        import matplotlib
    except ImportError:
        print("no plot was drawn: matplotlib is missing; `make bench-peers` brings it")
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot

    known = Figures(figures)
    libraries = list(figures["libraries"])
    colors = dict(zip([name for name in libraries if name not in COLORS], OTHERS)) | COLORS
    drawing, panels = pyplot.subplots(2, len(figures["networks"]), figsize=(11, 5.9), squeeze=False)
    for column, (network, planes) in enumerate(figures["networks"].items()):
        for panel, quantity, text in zip(panels[:, column], ("train", "infer"), ("training step", "inference")):
            draw_bars(panel, known, network, quantity, colors)
            panel.set_title(f"U-Net of {planes[0]} ... {planes[-1]} planes, {text}, seconds", fontsize=10)
    handles = [pyplot.Rectangle((0, 0), 1, 1, color=colors[name]) for name in libraries]
    texts = [known.label(name) for name in libraries]
    drawing.legend(
        handles,
        texts,
        loc="lower left",
        bbox_to_anchor=(0, 0.03),
        ncol=(len(texts) + 1) // 2,
        frameon=False,
        fontsize=9,
    )
    source = f"{figures['cpu']}, {figures['sites']:,} sites" + (", a glance (--quick)" if figures["quick"] else "")
    drawing.text(0.995, 0.015, source, ha="right", fontsize=8, color="#777777")
    drawing.tight_layout(rect=(0, 0.13, 1, 1))
    os.makedirs(folder, exist_ok=True)
    limit = figures.get("instructions")
    path = os.path.join(folder, f"performance-peers-{limit}.png" if limit else "performance-peers.png")
    drawing.savefig(path, dpi=90, pil_kwargs={"optimize": True})
    print(f"drawn: {path}")


def draw_bars(panel, known, network, quantity, colors):
    libraries = list(known.all["libraries"])
    place, places = 0, []
    for threads in known.threads:
        begin = place
        for library in libraries:
            line = known.lines[network, quantity, library, threads]["seconds"]
            error = [[line["median"] - line["low"]], [line["high"] - line["median"]]]
            panel.barh(place, line["median"], color=colors[library], xerr=error, ecolor="#777777")
            panel.text(line["high"], place, f" {rounded(line['median'])}", va="center", fontsize=8, color=INK)
            place += 1
        places.append((begin + place - 1) / 2)
        place += 1
    panel.set_yticks(places, [threads_text(threads) for threads in known.threads])
    panel.invert_yaxis()
    panel.margins(x=0.12)
    panel.spines[["top", "right"]].set_visible(False)
    panel.tick_params(labelsize=9, colors=INK)
