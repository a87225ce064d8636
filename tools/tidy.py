"""Runs clang-tidy over what has changed since it last passed: tidy.py BUILD_DIR JOBS [PATH...]

BUILD_DIR holds compile_commands.json (preset `tidy`). A file is checked again when it, a header of ours that it reaches, the
command that compiles it or .clang-tidy has changed. PATHs (folders or files) narrow the run. The trainer is left out: libtorch's
headers do not parse with Clang 14 in C++20.
"""
import concurrent.futures
import functools
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src"
LEFT_OUT = SOURCE / "kith/train"
TEST = re.compile(r"(_test|_fuzz)\.cc$|^test_")
NOT_IN_TESTS = "-bugprone-implicit-widening-of-multiplication-result"
INCLUDE = re.compile(r'^\s*#\s*include\s+"(kith/[^"]+)"', re.M)


@functools.cache
def included_by(path: pathlib.Path) -> list[pathlib.Path]:
    return [SOURCE / name for name in INCLUDE.findall(path.read_text()) if (SOURCE / name).exists()]


def reached_from(source: pathlib.Path) -> list[pathlib.Path]:
    """The source and all headers of ours that it includes, also by others."""
    seen = {source}
    waiting = [source]
    while waiting:
        for header in included_by(waiting.pop()):
            if header not in seen:
                seen.add(header)
                waiting.append(header)
    return sorted(seen)


@functools.cache
def digest_of(path: pathlib.Path) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()


def key_of(source: pathlib.Path, command: str) -> str:
    state = hashlib.sha256(command.encode())
    state.update(digest_of(ROOT / ".clang-tidy"))
    state.update(NOT_IN_TESTS.encode())
    for path in reached_from(source):
        state.update(digest_of(path))
    return state.hexdigest()


def command_for(build: pathlib.Path, source: pathlib.Path) -> list[str]:
    """The call for one file; tests are let off what only costs their reader."""
    checks = ["--checks=" + NOT_IN_TESTS] if TEST.search(source.name) else []
    return ["clang-tidy-14", "-p", str(build), "--quiet", *checks, str(source)]


def check(build: pathlib.Path, source: pathlib.Path) -> tuple[bool, str]:
    run = subprocess.run(command_for(build, source), capture_output=True, text=True)
    # Standard error counts the warnings that were suppressed in the system's headers.
    return run.returncode == 0, run.stdout + (run.stderr if run.returncode != 0 and not run.stdout else "")


def main(build_dir: str, jobs: str, *only: str) -> int:
    build = pathlib.Path(build_dir).resolve()
    passed = build / "passed"
    passed.mkdir(exist_ok=True)
    narrowed = [pathlib.Path(path).resolve() for path in only]
    waiting = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        source = pathlib.Path(entry["directory"], entry["file"]).resolve()
        if not source.is_relative_to(SOURCE) or source.is_relative_to(LEFT_OUT):
            continue
        if narrowed and not any(source.is_relative_to(path) for path in narrowed):
            continue
        stamp = passed / str(source.relative_to(SOURCE)).replace("/", "__")
        key = key_of(source, entry["command"])
        if not stamp.exists() or stamp.read_text() != key:
            waiting[source] = (stamp, key)

    failed = 0
    with concurrent.futures.ThreadPoolExecutor(int(jobs)) as pool:
        runs = {pool.submit(check, build, source): source for source in waiting}
        for done, run in enumerate(concurrent.futures.as_completed(runs), 1):
            source = runs[run]
            is_clean, output = run.result()
            print(f"[{done}/{len(waiting)}] {source.relative_to(ROOT)}", flush=True)
            if is_clean:
                stamp, key = waiting[source]
                stamp.write_text(key)
            else:
                failed += 1
                print(output, flush=True)
    print(f"{len(waiting)} files checked, {failed} with findings")
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: tidy.py BUILD_DIR JOBS [PATH...]")
    os.chdir(ROOT)
    sys.exit(main(*sys.argv[1:]))
