"""Events go in by file, through a running server or not, and a user may see, take and erase them."""
import json
import pathlib

from conftest import Server, kith

EXAMPLE = pathlib.Path(__file__).parents[2] / "examples" / "service-desk"


def write_log(path, rows):
    """A log with other column names, with what logs hold: a line twice, a bad one, one of the future."""
    lines = ["who,what,when,stars,genre,words"]
    for i in range(rows):
        lines.append(f'u{i % 50},film {i % 700},{1700000000 + i},{i % 5 + 1},"a, ""b""","{"x" * 450}\nline two"')
    lines += [lines[1], "u1,film 9,yesterday,3,,", "u2,film 9,2999-01-01T00:00:00Z,3,,"]
    path.write_text("\n".join(lines) + "\n")


COLUMNS = [text for pair in ("user=who", "item=what", "at=when", "number=stars", "categories.genre=genre", "text=words")
           for text in ("--column", pair)]


def test_a_long_log_of_other_columns_goes_through_the_server_in_pieces(tmp_path):
    rows = 40_000
    log = tmp_path / "log.csv"
    write_log(log, rows)
    assert log.stat().st_size > 16 << 20
    running = Server(data=str(tmp_path / "data"))
    try:
        command = ["import", "events", str(log), "--kind", "watched", *COLUMNS, "--data", running.directory, "--json"]
        status, out, err = kith(*command, check=False)
        report = json.loads(out)
        assert status == 1, err
        assert (report["added"], report["unchanged"], report["failed"]) == (rows + 1, 1, 1)
        assert report["from_the_future"] == 1
        # Every row takes two lines; the bad one stands behind them, the header and the line that is there twice.
        assert report["bad_lines"][0]["line"] == 1 + 2 * (rows + 1) + 1
        _, again, _ = kith(*command, check=False)
        assert json.loads(again)["unchanged"] == rows + 2

        _, body, _ = running.call("/v1/users/u7/timeline?limit=3")
        page = json.loads(body)
        assert page["num_events"] == rows // 50
        newest = page["data"][0]
        assert newest["kind"] == "watched" and newest["categories"] == {"genre": 'a, "b"'}
        assert newest["text"].endswith("line two")
        assert [event["at"] for event in page["data"]] == sorted((e["at"] for e in page["data"]), reverse=True)
    finally:
        running.stop()


def test_the_examples_two_years_of_events_are_imported_once_and_erased(tmp_path):
    data = str(tmp_path / "data")
    lines = len((EXAMPLE / "events.csv").read_text().splitlines()) - 1
    status, out, err = kith("import", "events", str(EXAMPLE / "events.csv"), "--data", data, "--json", check=False)
    report = json.loads(out)
    assert status == 0, err
    # The log is unclean on purpose: some lines are there twice, some clocks are ahead.
    assert report["added"] + report["updated"] + report["unchanged"] == lines
    assert report["unchanged"] > 100 and report["from_the_future"] > 10
    _, export, _ = kith("user", "export", "e258", "--data", data)
    events = json.loads(export)["timeline"]
    assert len(events) > 10 and any(event.get("item") == "kb-051" for event in events)
    kith("user", "erase", "e258", "--yes", "--data", data)
    status, _, _ = kith("user", "export", "e258", "--data", data, check=False)
    assert status != 0
    for file in pathlib.Path(data).rglob("*"):
        if file.is_file():
            assert b"e258-0" not in file.read_bytes(), file


def test_wrong_columns_and_kinds_are_refused(tmp_path):
    log = tmp_path / "log.csv"
    log.write_text("user\nu\n")
    data = str(tmp_path / "data")
    for kind, *options, named in (["events", "--column", "film=what", "film"], ["events", "--column", "item", "member=column"],
                                  ["users", "--kind", "x", "for events"]):
        status, _, err = kith("import", kind, str(log), *options, "--data", data, check=False)
        assert status != 0 and named in err
