"""An environment per framework: a virtual environment with exactly the packages of
`requirements/NAME.txt`, made when it is first asked for, and again when that file changes.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent

# These see torch's environment: a copy of torch each would be gigabytes.
ON_TORCH = ("monai", "smp", "nnunet", "kornia", "mmseg-1.2.2", "mmseg-0.30.0", "keras_torch")


class Unavailable(Exception):
    """Why rows cannot be run here."""


class Environments:
    def __init__(self, folder, python, detectron2):
        self.folder = folder.resolve()
        self.python = python
        self.detectron2 = detectron2

    def command(self, name, script):
        """The command that runs the script, and its environment variables; or Unavailable."""
        variables = dict(os.environ)
        if script == "run_detectron2.py":
            if self.detectron2 is None:
                raise Unavailable("no package has it: --detectron2 takes a checkout")
            variables["DETECTRON2"] = str(self.detectron2)
        if name == "rust":
            variables["CARGO_TARGET_DIR"] = str(self.folder / "rust")
            return self.cargo(variables), variables
        python = self.python or self.made(name)
        return [str(python), str(HERE / script)], variables

    def cargo(self, variables):
        if shutil.which("cargo") is None:
            raise Unavailable("there is no cargo here")
        options = ["--quiet", "--locked", "--manifest-path", str(HERE / "rust" / "Cargo.toml")]
        run(["cargo", "build", *options], variables)
        return ["cargo", "run", *options]

    def made(self, name):
        """The interpreter of the environment."""
        home = self.folder / name
        python = home / "bin" / "python"
        requirements = HERE / "requirements" / f"{name}.txt"
        if not requirements.exists():
            raise Unavailable(f"no requirements for {name}")
        # Written last: an environment that was not finished has none.
        installed = home / "installed.txt"
        if installed.exists() and installed.read_text() == requirements.read_text():
            if name in ON_TORCH:
                self.made("torch")
            return python
        print(f"making the environment {name}", file=sys.stderr)
        shutil.rmtree(home, ignore_errors=True)
        run([sys.executable, "-m", "venv", str(home)])
        if name in ON_TORCH:
            self.made("torch")
            (packages,) = home.glob("lib/python*/site-packages")
            (torch,) = (self.folder / "torch").glob("lib/python*/site-packages")
            (packages / "torch.pth").write_text(f"{torch}\n")
        # The files list all that is needed, so that nothing is resolved anew.
        run([str(python), "-m", "pip", "install", "--quiet", "--no-deps", "-r", str(requirements)])
        shutil.copy(requirements, installed)
        return python


def run(command, variables=None):
    done = subprocess.run(command, env=variables, capture_output=True, text=True)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise Unavailable(f"{' '.join(command[:4])} ..: {last}")
