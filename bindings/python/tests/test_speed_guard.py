"""The guard on speed (Benchmarks/guard.py): what it calls slower, on made-up figures."""

import importlib.util
import json
import random
import statistics
import subprocess
import sys

import pytest

ARITHMETIC = ("convolution forward", "16 -> 16 planes", 1, "share of sgemm")
COST = ("operations of sgemm in the time of an item", "sort", 1, "operations")
TWO_THREADS = ("convolution forward", "16 -> 16 planes", 2, "share of sgemm")
CALM = [0.50, 0.51, 0.49, 0.50, 0.52]


@pytest.fixture(scope="module")
def guard(repository):
    spec = importlib.util.spec_from_file_location("guard", repository / "Benchmarks" / "guard.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def figures_of(values, share=1.0):
    """What scn-bench writes, with these values."""
    lines = {}
    for (section, name, threads, unit), value in values.items():
        line = lines.setdefault((section, name), {"section": section, "name": name, "unit": unit, "results": []})
        line["results"].append({"threads": threads, "median": value})
    return {
        "lines": list(lines.values()),
        "cpu_share_at_1_thread": share,
        "cpu": "made up",
        "version": "1.2.3",
        "instruction_set": "avx2",
        "openblas": "OpenBLAS 0.3.21 DYNAMIC_ARCH",
        "openblas_kernels": "Haswell",
    }


def run_of(guard, values, share=1.0):
    run = guard.Run()
    run.add("convolutions", figures_of(values, share))
    return run


def nothing_again(parts):
    raise AssertionError(f"{parts} measured again")


def outcome(guard, recorded, runs, again=nothing_again):
    comparisons, left_out = guard.check(recorded, runs, again)
    return {c.key: "slower" if c.is_slower else "faster" if c.is_faster else "same" for c in comparisons}, left_out


def test_what_is_as_recorded_is_measured_once(guard):
    found, left_out = outcome(guard, {ARITHMETIC: CALM}, [run_of(guard, {ARITHMETIC: v}) for v in (0.46, 0.5, 0.55)])
    assert found == {ARITHMETIC: "same"} and left_out == []


@pytest.mark.parametrize("slower_by", [1.2, 1.3, 2.0])
def test_a_slow_kernel_is_found_in_each_attempt(guard, slower_by):
    asked = []

    def again(parts):
        asked.append(parts)
        return [run_of(guard, {ARITHMETIC: 0.5 / slower_by, COST: 100 * slower_by})]

    recorded = {ARITHMETIC: CALM, COST: [100, 101, 99, 100, 104]}
    found, _ = outcome(guard, recorded, again([]), again)
    assert found == {ARITHMETIC: "slower", COST: "slower"}
    assert asked == [[], ["convolutions"], ["convolutions"], ["convolutions"]]


def test_one_good_attempt_is_enough(guard):
    later = iter([0.38, 0.49])
    found, _ = outcome(
        guard,
        {ARITHMETIC: CALM},
        [run_of(guard, {ARITHMETIC: 0.4})],
        lambda parts: [run_of(guard, {ARITHMETIC: next(later)})],
    )
    assert found == {ARITHMETIC: "same"}


def test_what_became_faster_is_told(guard, capsys):
    recorded = {ARITHMETIC: CALM, COST: CALM}
    comparisons, left_out = guard.check(recorded, [run_of(guard, {ARITHMETIC: 0.7, COST: 0.3})], nothing_again)
    assert all(c.is_faster for c in comparisons)
    assert guard.report(comparisons, left_out) == 0
    text = capsys.readouterr().out
    assert "faster than recorded" in text and "1.40 times as fast" in text and "0 as recorded, 2 faster" in text


def test_what_is_slower_is_named_with_how_much(guard, capsys):
    runs = [run_of(guard, {ARITHMETIC: 0.4})]
    assert guard.report(*guard.check({ARITHMETIC: CALM}, runs, lambda parts: runs)) == 1
    text = capsys.readouterr().out
    assert "convolution forward, 16 -> 16 planes, 1 thread: 1.25 times the time, 0.4 share of sgemm" in text
    assert "recorded 0.5 (0.49 to 0.52), margin 10%" in text


def test_the_margin_is_what_recorded_values_are_apart(guard):
    assert guard.margin_of(CALM) == guard.LEAST_MARGIN
    assert guard.margin_of([0.4, 0.5, 0.55]) == pytest.approx(0.3)


def test_what_wanders_too_far_is_left_out_by_name(guard):
    found, left_out = outcome(guard, {ARITHMETIC: [0.3, 0.5, 0.6]}, [run_of(guard, {ARITHMETIC: 0.1})])
    assert found == {}
    assert left_out == ["convolution forward, 16 -> 16 planes, 1 thread: its recorded values are 60% apart"]


def test_several_threads_count_on_an_idle_machine_alone(guard):
    recorded = {ARITHMETIC: CALM, TWO_THREADS: CALM}
    values = {ARITHMETIC: 0.5, TWO_THREADS: 0.3}
    found, left_out = outcome(guard, recorded, [run_of(guard, values, share=0.6)])
    assert found == {ARITHMETIC: "same"}
    assert left_out == ["1 figures of several threads: the machine was busy"]
    idle = [run_of(guard, values)]
    assert outcome(guard, recorded, idle, lambda parts: idle)[0][TWO_THREADS] == "slower"


def test_figures_that_come_and_go_are_named(guard):
    found, left_out = outcome(guard, {ARITHMETIC: CALM}, [run_of(guard, {COST: 1})])
    assert found == {}
    assert sorted(left_out) == [
        "convolution forward, 16 -> 16 planes, 1 thread: recorded, but not measured any more",
        "operations of sgemm in the time of an item, sort, 1 thread: measured, but not recorded",
    ]
    assert guard.report([], left_out) == guard.NOTHING_RECORDED


def test_a_section_is_also_compared_as_a_whole(guard):
    """A tenth more on each is within no single margin's reach of noise, and beyond that of their mean."""
    keys = [("convolution forward", f"{n} -> {n} planes", 1, "share of sgemm") for n in (8, 16, 32, 64)]
    whole = ("convolution forward", guard.ALL, 1, "share of sgemm")
    recorded = {key: [0.44, 0.5, 0.56] for key in keys} | {whole: CALM}
    slow = [run_of(guard, dict.fromkeys(keys, 0.43))]
    assert slow[0].values[whole] == pytest.approx(0.43)
    found, _ = outcome(guard, recorded, slow, lambda parts: slow)
    assert found == {**dict.fromkeys(keys, "same"), whole: "slower"}


def test_false_alarms_are_rare_and_a_slowdown_is_found(guard):
    """A hundred machines with noise of 6%: as recorded, and with a kernel that takes 1.3 times the time."""
    numbers = random.Random(1)
    alarms = misses = 0
    for _ in range(100):
        recorded = {
            (*ARITHMETIC[:1], str(i), *ARITHMETIC[2:]): [0.5 * numbers.gauss(1, 0.06) for _ in range(5)]
            for i in range(50)
        }
        slow = (*ARITHMETIC[:1], "0", *ARITHMETIC[2:])

        def runs(parts, slow_by, recorded=recorded, slow=slow):
            return [
                run_of(guard, {k: 0.5 * numbers.gauss(1, 0.06) / (slow_by if k == slow else 1) for k in recorded})
                for _ in range(3)
            ]

        for slow_by in (1.0, 1.3):
            found, _ = outcome(guard, recorded, runs([], slow_by), lambda parts, by=slow_by: runs(parts, by))
            alarms += sum(state == "slower" for key, state in found.items() if key != slow or slow_by == 1)
            misses += slow_by > 1 and found[slow] != "slower"
    assert alarms <= 2 and misses <= 10


def test_a_record_keeps_other_kinds_and_one_line_a_figure(guard, tmp_path):
    path = tmp_path / "recorded.json"
    assert guard.read_record(path) == {}
    runs = [run_of(guard, {ARITHMETIC: v, COST: 100.0, TWO_THREADS: v}) for v in CALM]
    entry = guard.entry_of(runs, "2026-01-02")
    guard.write_record(str(path), {"one": entry})
    guard.write_record(str(path), {**guard.read_record(path), "another": entry})
    kinds = guard.read_record(path)
    assert sorted(kinds) == ["another", "one"]
    assert guard.values_of(kinds["one"]) == {ARITHMETIC: CALM, TWO_THREADS: CALM, COST: [100.0] * 5}
    assert sum('"section"' in line for line in path.read_text().splitlines()) == 6
    assert statistics.median(CALM) == 0.50


def test_a_busy_machine_records_one_thread_alone(guard):
    runs = [run_of(guard, {ARITHMETIC: 0.5, TWO_THREADS: 0.5}, share=share) for share in (1.0, 0.7)]
    entry = guard.entry_of(runs, "2026-01-02")
    assert not entry["idle"]
    assert list(guard.values_of(entry)) == [ARITHMETIC]


def test_kinds_of_cpu(guard):
    intel = "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 207\nmodel name\t: Some\n"
    arm = "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n"
    figures = figures_of({})
    assert guard.kind_of(figures, intel) == "GenuineIntel family 6 model 207, avx2, OpenBLAS 0.3.21 Haswell"
    with_amx = intel + "flags\t\t: fpu amx_tile amx_bf16\n"
    assert guard.kind_of(figures, with_amx).startswith("GenuineIntel family 6 model 207 with amx, ")
    assert guard.kind_of(figures, arm) == "implementer 0x41 part 0xd0c, avx2, OpenBLAS 0.3.21 Haswell"


@pytest.mark.parametrize(("text", "message"), [("{", "line 1"), ('{"format": 7}', "format: is 7, expected 1")])
def test_a_bad_record_is_an_error(repository, tmp_path, text, message):
    path = tmp_path / "recorded.json"
    path.write_text(text)
    command = [sys.executable, "Benchmarks/guard.py", "--check", "--record-file", str(path)]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True)
    assert done.returncode == 2 and message in done.stderr


def test_the_record_of_the_repository_can_be_read(guard, repository):
    kinds = guard.read_record(repository / "Benchmarks" / "recorded.json")
    for entry in kinds.values():
        values = guard.values_of(entry)
        assert values and all(len(v) == entry["runs"] >= 2 for v in values.values())
    json.dumps(kinds)


def test_an_unknown_kind_of_cpu_is_status_3(guard, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(guard, "measure_part", lambda part: figures_of({ARITHMETIC: 0.5}))
    assert guard.check_here(str(tmp_path / "none.json"), 1) == 3
    assert "nothing is recorded for this kind of cpu" in capsys.readouterr().out


def test_recording_and_checking_from_end_to_end(guard, tmp_path, monkeypatch, capsys):
    path = str(tmp_path / "recorded.json")
    speed = {"value": 0.5}
    monkeypatch.setattr(guard, "measure_part", lambda part: figures_of({ARITHMETIC: speed["value"]}))
    assert guard.record_here(path, 5) == 0
    assert guard.check_here(path, 3) == 0
    speed["value"] = 0.38
    assert guard.check_here(path, 3) == 1
    assert "1.32 times the time" in capsys.readouterr().out
