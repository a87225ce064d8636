#!/usr/bin/env python3
"""Runs `kith bench` and holds its figures against bench/bars.toml. Exit status 0: all are met.

  bench_bars.py            every figure against its bar (`make bench`)
  bench_bars.py --gate     the gated figures against 0.85 of their bars (the end of `make test`);
                           a figure that fails is measured again, at most twice, and its best counts

Ratios come from one process each, whose measurements take turns. Needs nothing beside Python 3.11.
"""
import argparse
import dataclasses
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time
import tomllib

GATE_FACTOR = 0.85
RETRIES = 2
# The bars are stated for two threads.
THREADS = 2
# Disk and memory that a shape needs, the making of its checkpoint included, in bytes.
NEEDS = {"1b": (6 << 30, 6 << 30)}
ROOT = pathlib.Path(__file__).resolve().parent.parent


@dataclasses.dataclass(frozen=True)
class Figure:
    """One line of the table: a figure of one shape with what it is held to."""
    id: str
    what: str
    shape: str
    run: str
    where: tuple
    field: str
    is_high_best: bool
    bar: float

    def limit(self, factor):
        """What a result is compared with: `factor` of the bar, in the lenient direction."""
        return self.bar * factor if self.is_high_best else self.bar / factor

    def is_met(self, value, factor):
        return value >= self.limit(factor) if self.is_high_best else value <= self.limit(factor)

    def better(self, one, other):
        """The better of two results, of which `one` may be None."""
        if one is None:
            return other
        return max(one, other) if self.is_high_best else min(one, other)

    def read(self, rows):
        """The figure's value in the rows of its run. Raises LookupError if it is not there."""
        for row in rows:
            if all(row.get(key) == value for key, value in self.where):
                value = row
                for part in self.field.split("."):
                    value = value[part]
                return float(value)
        raise LookupError(f"{self.id}: no row with {dict(self.where)} in the results of {self.run}")


def load_bars(path):
    """Returns (runs, figures, gated): commands by name, all figures, and the set of those gated."""
    bars = tomllib.loads(pathlib.Path(path).read_text())
    figures, gated = [], set()
    for entry in bars["figure"]:
        if entry["run"] not in bars["run"]:
            raise ValueError(f"{entry['id']}: there is no run named {entry['run']}")
        if entry.get("best", "high") not in ("high", "low"):
            raise ValueError(f"{entry['id']}: best must be high or low: {entry['best']}")
        for shape in entry.get("gate", []):
            if shape not in entry["bar"]:
                raise ValueError(f"{entry['id']}: gated for {shape}, which has no bar")
        for shape, bar in entry["bar"].items():
            figure = Figure(entry["id"], entry["what"], shape, entry["run"],
                            tuple(entry.get("where", {}).items()), entry["field"],
                            entry.get("best", "high") == "high", float(bar))
            figures.append(figure)
            if shape in entry.get("gate", []):
                gated.add(figure)
    return bars["run"], figures, gated


def command_of(runs, run, shape, options):
    """The arguments of `kith` for a run on a shape."""
    entry = runs[run]
    command = ["bench", *entry["command"], "--threads", str(options.threads),
               "--cache", str(options.cache), "--json", "--log-level", "error"]
    if shape != "builtin":
        command += ["--shape", shape]
    if options.gate:
        extra = entry.get("gate_arguments", {})
        command += extra.get(shape, []) if isinstance(extra, dict) else extra
    return command


def plain_environment():
    """The environment without settings of Kith: what is measured is the default but for the command."""
    return {name: value for name, value in os.environ.items()
            if not name.startswith("KITH_") or name == "KITH_SHARE"}


def run_kith(kith, command, cache):
    """The parsed report of one command. Raises RuntimeError with what it said."""
    # In a directory that holds no kith.toml.
    done = subprocess.run([kith, *command], capture_output=True, text=True, cwd=cache,
                          env=plain_environment())
    if done.returncode != 0:
        raise RuntimeError(f"kith {' '.join(command)}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def lacks_room(shape, cache):
    """Why a shape cannot be measured here, or None."""
    disk, memory = NEEDS.get(shape, (0, 0))
    if any(pathlib.Path(cache).glob(f"{shape}-*")):
        disk = 0
    if shutil.disk_usage(cache).free < disk:
        return f"needs {disk >> 30} GiB of disk in {cache}"
    if os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") < memory:
        return f"needs {memory >> 30} GiB of memory"
    return None


class Measurement:
    """Runs commands and keeps the best value of every figure."""

    def __init__(self, runs, options, run=run_kith):
        self.runs = runs
        self.options = options
        self.run = run
        self.values = {}
        self.attempts = {}
        self.reports = []
        self.machine = None
        # Load average of the minute before the first run.
        self.load_before = 0.0

    def measure(self, figures):
        """Measures the runs of these figures once more, each run once for each shape."""
        for name, shape in dict.fromkeys((figure.run, figure.shape) for figure in figures):
            start = time.monotonic()
            command = command_of(self.runs, name, shape, self.options)
            report = self.run(self.options.kith, command, self.options.cache)
            seconds = time.monotonic() - start
            print(f"  {shape:8} {name:22} {seconds:6.1f} s", file=sys.stderr, flush=True)
            self.machine = report.get("machine")
            self.reports.append({"run": name, "seconds": round(seconds, 2), **report})
            for figure in figures:
                if (figure.run, figure.shape) != (name, shape):
                    continue
                value = figure.read(report["results"])
                self.values[figure] = figure.better(self.values.get(figure), value)
                self.attempts[figure] = self.attempts.get(figure, 0) + 1

    def failed(self, figures, factor):
        return [figure for figure in figures
                if not figure.is_met(self.values[figure], factor)]


def format_table(figures, measurement, factor):
    lines = [f"{'figure':64} {'shape':8} {'bar':>8} {'held to':>8} {'result':>8} {'runs':>4}  "]
    for figure in figures:
        value = measurement.values[figure]
        verdict = "ok" if figure.is_met(value, factor) else "FAILED"
        sign = ">=" if figure.is_high_best else "<="
        lines.append(f"{figure.what:64} {figure.shape:8} {sign}{figure.bar:6.2f} "
                     f"{sign}{figure.limit(factor):6.2f} {value:8.3f} "
                     f"{measurement.attempts[figure]:4}  {verdict}")
    return "\n".join(lines)


def report_json(figures, measurement, factor):
    rows = [{"id": figure.id, "what": figure.what, "shape": figure.shape, "bar": figure.bar,
             "best": "high" if figure.is_high_best else "low", "limit": figure.limit(factor),
             "value": measurement.values[figure], "runs": measurement.attempts[figure],
             "met": figure.is_met(measurement.values[figure], factor)} for figure in figures]
    return {"machine": measurement.machine, "load_before": measurement.load_before, "factor": factor, "figures": rows,
            "runs": measurement.reports}


def choose(figures, gated, options):
    """The figures to measure, those of shapes that have no room here left out with a word."""
    chosen = [figure for figure in figures
              if (not options.gate or figure in gated)
              and (not options.shape or figure.shape in options.shape)
              and (not options.figure or figure.id in options.figure)]
    for shape in dict.fromkeys(figure.shape for figure in chosen):
        if (reason := lacks_room(shape, options.cache)) is not None:
            print(f"NOT MEASURED: {shape} {reason}", file=sys.stderr)
            chosen = [figure for figure in chosen if figure.shape != shape]
    return chosen


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kith", default=str(ROOT / "build/test/kith"))
    parser.add_argument("--bars", default=ROOT / "bench/bars.toml", type=pathlib.Path)
    parser.add_argument("--cache", default=ROOT / "build/bench", type=pathlib.Path)
    parser.add_argument("--gate", action="store_true", help="0.85 of the gated bars")
    parser.add_argument("--shape", action="append", help="only this one (again for more)")
    parser.add_argument("--figure", action="append", help="only this id (again for more)")
    parser.add_argument("--threads", type=int, default=min(THREADS, os.cpu_count() or 1))
    parser.add_argument("--out", type=pathlib.Path, help="write figures and all reports as JSON")
    options = parser.parse_args(arguments)
    options.kith = str(pathlib.Path(options.kith).resolve())
    options.cache = options.cache.resolve()
    return options


def main(arguments=None, run=run_kith):
    options = parse(arguments)
    start = time.monotonic()
    busy = os.getloadavg()[0]
    runs, figures, gated = load_bars(options.bars)
    options.cache.mkdir(parents=True, exist_ok=True)
    figures = choose(figures, gated, options)
    if not figures:
        print("bench: no figure is left to measure", file=sys.stderr)
        return 2
    factor = GATE_FACTOR if options.gate else 1.0
    measurement = Measurement(runs, options, run)
    try:
        measurement.measure(figures)
        if options.gate and "avx512_vnni" not in (measurement.machine or {}).get("isa", ""):
            print(format_table(figures, measurement, factor))
            print("NOT GATED: the bars are for processors with AVX512-VNNI")
            return 0
        failed = measurement.failed(figures, factor)
        for _ in range(RETRIES):
            if not failed:
                break
            measurement.measure(failed)
            failed = measurement.failed(figures, factor)
    except (RuntimeError, LookupError, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    print(format_table(figures, measurement, factor))
    measurement.load_before = busy
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(
            json.dumps(report_json(figures, measurement, factor), indent=1) + "\n")
    print(f"{len(figures) - len(failed)} of {len(figures)} figures are met "
          f"({time.monotonic() - start:.0f} s, load before: {busy:.1f})")
    if failed and busy > 0.5:
        print("The machine was busy before this began: what runs beside a measurement is measured.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
