#!/usr/bin/env python3
"""Recomputes the golden rows with the frameworks that they came from.

`--check` compares, `--write` replaces; README.md says how. This program makes an environment per
framework, hands every row to the runner of its framework inside it, and judges the answers.
"""

import argparse
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from environments import Environments, Unavailable

HERE = Path(__file__).resolve().parent
ROWS = HERE.parent.parent / "tests" / "golden" / "frameworks.jsonl"


class Runner(NamedTuple):
    """A script, and the environment in which it runs, which is named after its requirements."""

    script: str
    environment: str


RUNNERS = {
    "torch": Runner("run_torch.py", "torch"),
    "keras": Runner("run_keras.py", "keras"),
    "keras-tf": Runner("run_keras.py", "keras"),
    "keras-kaggle": Runner("run_keras.py", "keras"),
    "tf_keras": Runner("run_tf_keras.py", "tf_keras"),
    "monai": Runner("run_monai.py", "monai"),
    "smp": Runner("run_smp.py", "smp"),
    "nnunet": Runner("run_nnunet.py", "nnunet"),
    "kornia": Runner("run_kornia.py", "kornia"),
    "optax": Runner("run_optax.py", "optax"),
    "paddleseg": Runner("run_paddleseg.py", "paddleseg"),
    "detectron2": Runner("run_detectron2.py", "torch"),
    "literature": Runner("run_literature.py", "torch"),
    "burn": Runner("rust", "rust"),
    "candle": Runner("rust", "rust"),
}
MMSEG = "run_mmseg.py"
NOT_RUN = {"flux": "no Julia here; the numbers are those of Flux's docstrings"}
KERAS_ON_TORCH = Runner("run_keras_torch.py", "keras_torch")


def runner_of(row):
    framework = row["framework"]
    if framework == "mmseg":
        # Two versions that differ in their losses, each in an environment of its own.
        return Runner(MMSEG, f"mmseg-{row['version']}")
    if row["loss"] == "SparseCategoricalCrossentropy" and row["args"].get("axis", -1) != -1:
        # Keras's TensorFlow backend takes the last axis only.
        return KERAS_ON_TORCH
    if framework not in RUNNERS:
        raise Unavailable(NOT_RUN.get(framework, f"no runner for {framework}"))
    return RUNNERS[framework]


def answers_of(rows, environments):
    """What the runners answer, by id; a row that no runner can take has a reason under "skip"."""
    answers = {}
    groups = {}
    for row in rows:
        try:
            groups.setdefault(runner_of(row), []).append(row)
        except Unavailable as reason:
            answers[row["id"]] = {"skip": str(reason)}
    for runner, group in groups.items():
        try:
            command, variables = environments.command(runner.environment, runner.script)
        except Unavailable as reason:
            answers.update((row["id"], {"skip": str(reason)}) for row in group)
            continue
        run = subprocess.run(
            command,
            env=variables,
            input="".join(json.dumps(row) + "\n" for row in group),
            capture_output=True,
            text=True,
        )
        found = {answer["id"]: answer for answer in map(json.loads, run.stdout.splitlines())}
        if len(found) < len(group):
            print(run.stderr[-2000:], file=sys.stderr)
        for row in group:
            silent = {"error": f"{runner.script} ended with status {run.returncode}"}
            answers[row["id"]] = found.get(row["id"], silent)
    return answers


def floats(numbers):
    """The numbers of a list, or one number, of which some may be the text nan, inf or -inf."""
    return [float(number) for number in (numbers if isinstance(numbers, list) else [numbers])]


def difference(what, got, expected, tolerance):
    """Where two results differ, or None: by `tolerance * max(1, |expected|)`, as the tests say."""
    got, expected = floats(got), floats(expected)
    if len(got) != len(expected):
        return f"got {len(got)} numbers as {what} expected {len(expected)} numbers"
    for at, (number, wanted) in enumerate(zip(got, expected)):
        if number == wanted or math.isnan(number) and math.isnan(wanted):
            continue
        near = abs(number - wanted) <= tolerance * max(1.0, abs(wanted))
        if not (math.isfinite(wanted) and near):
            return f"got {what}[{at}] {number!r} expected {wanted!r}"
    return None


def verdict(row, answer):
    """OK, DIFF or SKIP, and why."""
    if "skip" in answer:
        return "SKIP", answer["skip"]
    if "error" in answer:
        if "error" in row:
            return "OK", ""
        return "DIFF", f"got error ({answer['error']}) expected {row['expected']}"
    if "error" in row:
        return "DIFF", f"got {answer['expected']} expected error ({row['error']})"
    if answer["expected_shape"] != row["expected_shape"]:
        shapes = f"got shape {answer['expected_shape']} expected shape {row['expected_shape']}"
        return "DIFF", shapes
    differs = difference("value", answer["expected"], row["expected"], row["tol"])
    if differs is None and row["grad"] is not None:
        if answer["grad"] is None:
            differs = "got no gradient expected one"
        else:
            differs = difference("gradient", answer["grad"], row["grad"], row["tol"])
    return ("OK", "") if differs is None else ("DIFF", differs)


def rewritten(row, answer):
    """The row with the numbers of the answer; a row that has no gradient gets none."""
    fresh = {name: answer[name] for name in ("expected", "expected_shape")}
    if row["grad"] is not None:
        fresh["grad"] = answer["grad"]
    return {**row, **fresh}


def is_ours(row):
    """Whether the numbers were computed. The others are copies of what a test suite or a manual
    says, and remain what these say."""
    return row["source"] in ("framework-run", "definition")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--check", action="store_true", help="compare, and exit 1 on a difference")
    what.add_argument("--write", action="store_true", help="replace the rows' numbers in the file")
    parser.add_argument("--framework", nargs="+", metavar="NAME", help="only rows of these")
    parser.add_argument("--rows", nargs="+", metavar="ID", help="only these rows")
    parser.add_argument("--file", type=Path, default=ROWS, help="the rows (%(default)s)")
    venvs = HERE / ".venvs"
    parser.add_argument("--venvs", type=Path, default=venvs, help="where environments are kept")
    parser.add_argument("--python", help="use this interpreter, which has the frameworks, instead")
    parser.add_argument("--detectron2", type=Path, help="a checkout of detectron2")
    return parser.parse_args()


def main():
    args = arguments()
    lines = args.file.read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    chosen = [
        row
        for row in rows
        if (args.framework is None or row["framework"] in args.framework)
        and (args.rows is None or row["id"] in args.rows)
    ]
    environments = Environments(args.venvs, args.python, args.detectron2)
    answers = answers_of(chosen, environments)
    counts = {"OK": 0, "DIFF": 0, "SKIP": 0}
    for row in chosen:
        outcome, why = verdict(row, answers[row["id"]])
        counts[outcome] += 1
        print(" ".join(filter(None, [outcome, row["id"], why])))
    print(", ".join(f"{count} {outcome}" for outcome, count in counts.items()))
    if args.write:
        for at, row in enumerate(rows):
            answer = answers.get(row["id"], {})
            if "expected" in answer and is_ours(row):
                lines[at] = json.dumps(rewritten(row, answer))
        args.file.write_text("".join(line + "\n" for line in lines))
    return 1 if args.check and counts["DIFF"] else 0


if __name__ == "__main__":
    sys.exit(main())
