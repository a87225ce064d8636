"""Tests of bench_bars.py on made-up reports."""
import contextlib
import io
import json
import pathlib
import tempfile
import unittest

import bench_bars

BARS = """
[run.decode]
command = ["decode", "--batch", "1,8"]
gate_arguments = { "135m" = ["--steps", "4"] }
[run.startup]
command = ["startup"]

[[figure]]
id = "batch8"
what = "batch 8 over batch 1"
run = "decode"
where = { batch = 8 }
field = "batch_ratio"
bar = { "135m" = 4.0, "1b" = 5.0 }
gate = ["135m"]

[[figure]]
id = "ready"
what = "seconds"
run = "startup"
field = "times.best"
best = "low"
bar = { builtin = 0.5 }
gate = ["builtin"]
"""


class BenchBarsTest(unittest.TestCase):
    def setUp(self):
        self.home = tempfile.TemporaryDirectory()
        self.addCleanup(self.home.cleanup)
        self.path = pathlib.Path(self.home.name)
        (self.path / "bars.toml").write_text(BARS)
        self.commands = []
        # Values of the runs, in turn; the last one stays.
        self.batch8 = [4.5]
        self.ready = [0.3]
        self.isa = "avx512_bf16,avx512_vnni"

    def run_kith(self, _kith, command, _cache):
        self.commands.append(command)
        if command[1] == "decode":
            value = self.batch8.pop(0) if len(self.batch8) > 1 else self.batch8[0]
            results = [{"batch": 1, "batch_ratio": 1.0}, {"batch": 8, "batch_ratio": value}]
        else:
            value = self.ready.pop(0) if len(self.ready) > 1 else self.ready[0]
            results = [{"times": {"best": value}}]
        return {"machine": {"isa": self.isa}, "results": results}

    def main(self, *arguments):
        output = io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(io.StringIO()):
            status = bench_bars.main(
                ["--bars", str(self.path / "bars.toml"), "--cache", str(self.path / "cache"),
                 "--threads", "2", *arguments], self.run_kith)
        return status, output.getvalue()

    def test_all_figures_are_held_to_their_bars(self):
        status, output = self.main("--shape", "135m", "--shape", "builtin")
        self.assertEqual(status, 0)
        self.assertIn("2 of 2 figures are met", output)
        self.assertIn("--shape", self.commands[0])
        self.assertNotIn("--steps", self.commands[0])
        self.assertNotIn("--shape", self.commands[1])

    def test_a_figure_that_stays_below_its_bar_fails(self):
        self.batch8 = [3.9]
        status, output = self.main("--shape", "135m")
        self.assertEqual(status, 1)
        self.assertIn("FAILED", output)
        self.assertEqual(len(self.commands), 3)

    def test_the_gate_holds_gated_figures_to_a_part_of_the_bar(self):
        self.batch8 = [3.41]   # 0.85 x 4.0 = 3.4
        self.ready = [0.58]    # 0.5 / 0.85 = 0.588
        status, _ = self.main("--gate")
        self.assertEqual(status, 0)
        self.assertEqual([command[1] for command in self.commands], ["decode", "startup"])
        self.assertIn("--steps", self.commands[0])

    def test_the_gate_tries_a_failed_figure_twice_more_and_takes_the_best(self):
        self.batch8 = [1.0, 1.2, 3.6]
        status, output = self.main("--gate")
        self.assertEqual(status, 0)
        self.assertEqual([command[1] for command in self.commands],
                         ["decode", "startup", "decode", "decode"])
        self.assertIn("3.600", output)
        self.batch8 = [1.0]
        status, _ = self.main("--gate")
        self.assertEqual(status, 1)

    def test_the_gate_judges_no_processor_that_the_bars_are_not_for(self):
        self.isa = "avx2"
        self.batch8 = [1.0]
        status, output = self.main("--gate")
        self.assertEqual(status, 0)
        self.assertIn("NOT GATED", output)

    def test_the_report_holds_figures_and_runs(self):
        self.main("--figure", "ready", "--out", str(self.path / "out" / "bench.json"))
        report = json.loads((self.path / "out" / "bench.json").read_text())
        self.assertEqual(report["figures"][0]["value"], 0.3)
        self.assertTrue(report["figures"][0]["met"])
        self.assertEqual(report["runs"][0]["run"], "startup")

    def test_a_missing_row_is_an_error(self):
        self.run_kith = lambda *_: {"machine": {"isa": self.isa}, "results": []}
        self.assertEqual(self.main("--figure", "ready")[0], 2)

    def test_mistakes_in_the_table_are_named(self):
        for wrong, text in [("no run named", BARS.replace('run = "startup"', 'run = "start"')),
                            ("no bar", BARS.replace('gate = ["builtin"]', 'gate = ["1b"]')),
                            ("high or low", BARS.replace('best = "low"', 'best = "least"'))]:
            (self.path / "bars.toml").write_text(text)
            with self.assertRaisesRegex(ValueError, wrong):
                bench_bars.load_bars(self.path / "bars.toml")

    def test_the_committed_table_is_sound(self):
        _, figures, gated = bench_bars.load_bars(bench_bars.ROOT / "bench/bars.toml")
        self.assertTrue(gated)
        self.assertEqual(len({(figure.id, figure.shape) for figure in figures}), len(figures))


if __name__ == "__main__":
    unittest.main()
