"""The tutorial does what it says, line by line."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorials" / "first-trial.md"
BIN = Path(sys.executable).parent


@pytest.mark.slow
def test_every_command_of_the_tutorial_works_in_an_empty_folder(tmp_path):
    text = TUTORIAL.read_text(encoding="utf-8")
    (tmp_path / "targets.yaml").write_text(re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)[0])
    lines = [
        line
        for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
        for line in block.splitlines()
    ]
    environment = {**os.environ, "LIUDU_KEY": str(tmp_path / "key.pem")}

    codes = {}
    for line in lines:
        program, *arguments = shlex.split(line)
        done = subprocess.run(
            [BIN / program, *arguments],
            cwd=tmp_path, env=environment, capture_output=True, check=False, timeout=110,
        )  # fmt: skip
        codes[line] = done.returncode

    assert len(lines) >= 8
    assert [line for line, code in codes.items() if code] == []
