"""Runs every engine on the same workloads, call by call in turn, and writes a row for every call.

    python compare/run.py --threads 1 2 --rounds 10 --out rows.jsonl

Each framework is a process of its own, which keeps its arrays and its compiled functions. A round visits
every cell once; of one workload, mode and layout the engines follow each other in an order that is drawn
anew. A visit repeats the call for 20 ms and times the next one, whose result is checked. The visits before the first
round, in which functions are compiled, leave no rows.
"""

import argparse
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).parent
FRAMEWORKS = ["torch", "jax", "tensorflow"]
# Threads that wait for work spin for some milliseconds, on processors that the next engine needs.
PAUSE = 0.03


class Worker:
    """A process that makes calls on request."""

    def __init__(self, name, command, threads):
        self.name = name
        # What limits every engine alike is on how many processors the process may run. JAX sizes the
        # pool of its compiled code by it, and the flags that are quoted for that, such as
        # --xla_cpu_multi_thread_eigen=false, change nothing. TensorFlow is told its number, but runs
        # most of its compiled code on one thread. Torch is told, rayon and candle read the variable.
        processors = sorted(os.sched_getaffinity(0))[:threads]
        if len(processors) < threads:
            sys.exit(f"{threads} threads need as many processors")
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "RAYON_NUM_THREADS": str(threads)},
            preexec_fn=lambda: os.sched_setaffinity(0, processors),
        )
        self.cells = self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.name} has failed with status {self.process.wait()}")
        return json.loads(line)

    def visit(self, index):
        print(index, file=self.process.stdin, flush=True)
        return self.answer()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def cargo(*arguments):
    return ["cargo", *arguments, "--release", "--manifest-path", str(HERE / "Cargo.toml")]


class Progress:
    """A line on standard error every few seconds."""

    def __init__(self):
        self.start = self.last = time.monotonic()

    def __call__(self, text):
        now = time.monotonic()
        if now - self.last > 5:
            self.last = now
            print(f"{now - self.start:5.0f} s  {text}", file=sys.stderr, flush=True)


def groups(workers, only):
    """The cells by workload, mode and layout: of each its worker and its number there."""
    found = {}
    for worker in workers:
        for index, cell in enumerate(worker.cells):
            if not only or cell["workload"] in only:
                key = cell["workload"], cell["mode"], cell["layout"]
                found.setdefault(key, []).append((worker, index))
    return list(found.items())


def run(threads, options, progress, out):
    with tempfile.TemporaryDirectory() as folder:
        rust = cargo("run", "--quiet") + ["--", folder, *options.size.split("x")]
        workers = [Worker("the Rust program", rust, threads)]  # writes the data for the others
        for name in options.frameworks:
            peers = [sys.executable, str(HERE / "peers.py"), name, folder, str(threads)]
            workers.append(Worker(name, peers, threads))
        every = groups(workers, options.only)
        for number in range(options.rounds + 1):
            for key, cells in every:
                random.Random(f"{number} {key}").shuffle(cells)
                for worker, index in cells:
                    stage = f"round {number} of {options.rounds}" if number else "compiling"
                    engine = worker.cells[index]["engine"]
                    progress(f"threads {threads}, {stage}: {' '.join(key)} {engine}")
                    row = worker.visit(index)
                    if number:
                        print(json.dumps({**row, "round": number}), file=out, flush=True)
                    time.sleep(PAUSE)
        for worker in workers:
            worker.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--size", default="16x256x256", help="images x height x width")
    parser.add_argument("--only", nargs="+", metavar="WORKLOAD")
    parser.add_argument("--frameworks", nargs="*", default=FRAMEWORKS, choices=FRAMEWORKS)
    parser.add_argument("--out", type=argparse.FileType("w"), default=sys.stdout)
    options = parser.parse_args()
    subprocess.run(cargo("build"), check=True)
    progress = Progress()
    for threads in options.threads:
        run(threads, options, progress, options.out)


if __name__ == "__main__":
    main()
