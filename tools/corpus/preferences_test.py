"""Tests of the pairs that make_preferences.py makes of answers."""
import pathlib
import random
import re
import sys
import unittest

ROOT = pathlib.Path(__file__).parent
sys.path.insert(0, str(ROOT))
import make_preferences  # noqa: E402
import reorder  # noqa: E402

EXAMPLE = ROOT.parent.parent / "examples/service-desk"


def words(text):
    """What stands in a draft but for the numbers of its steps, Chinese by character, in a fixed order."""
    return sorted(re.findall(r"[a-z0-9'-]+|[\u4e00-\u9fff]", re.sub(r"(?m)^(\d+\. |- )", "", text.lower())))


class ReorderTest(unittest.TestCase):
    def test_steps_are_numbered_anew(self):
        turned = reorder.reordered(random.Random(1), "1. Wait.\n2. Call.")
        self.assertEqual(turned, "1. Call.\n2. Wait.")

    def test_what_introduces_a_list_stays(self):
        turned = reorder.reordered(random.Random(1), "Please note:\n- Form: A.\n- Deadline: today.\nThank you.")
        self.assertEqual(turned, "Please note:\n- Deadline: today.\n- Form: A.\nThank you.")

    def test_one_sentence_has_no_other_order(self):
        self.assertIsNone(reorder.reordered(random.Random(1), "It takes 3.5 days."))

    def test_a_beginning_ends_with_a_whole_sentence(self):
        text = "First one. Second one. " + "A third that is long. " * 9
        self.assertEqual(reorder.beginning(text, 45), "First one. Second one. A third that is long.")


class MadePairsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        desk = make_preferences.Desk(EXAMPLE)
        cls.desk = desk
        cls.made = {p: make_preferences.split_records(desk, p, random.Random(1), False) for p in desk.personas}

    def test_neither_length_decides(self):
        for persona, (train, tune) in self.made.items():
            for part in (train, tune):
                longer = sum(len(r["chosen"]) > len(r["rejected"]) for r in part)
                equal = sum(len(r["chosen"]) == len(r["rejected"]) for r in part)
                self.assertTrue(0.4 <= (longer + equal / 2) / len(part) <= 0.6, persona)

    def test_nobody_of_the_test_users_and_nobody_in_both_parts(self):
        for persona, (train, tune) in self.made.items():
            for record in train + tune:
                self.assertEqual(self.desk.truth.get(record["user"], {"split": "train"})["split"], "train", persona)
            self.assertFalse({r["user"] for r in train} & {r["user"] for r in tune}, persona)

    def test_another_order_has_the_same_words(self):
        for persona in self.made:
            pairs = make_preferences.turned_pairs(random.Random(1), self.desk.first_answers(persona, set()), 40)
            self.assertGreater(len(pairs), 30, persona)
            for pair in pairs:
                self.assertEqual(words(pair["chosen"]), words(pair["rejected"]))
                self.assertNotEqual(pair["chosen"], pair["rejected"])


if __name__ == "__main__":
    unittest.main()
