"""What the README says is true."""

import asyncio
import re
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def readme(root: Path) -> str:
    return (root / "README.md").read_text()


def test_its_example_of_the_runtime_runs(readme: str) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    answers: list[int] = []
    # Each call whose answer the text gives in its comment is asked for its answer.
    told = re.sub(
        r"await node\.call\((.*)\)( +# (\d+).*)?$", r"answers.append(await node.call(\1))", example, flags=re.M
    )
    scope = {"__name__": "readme_example", "answers": answers}
    exec(compile(told, "README.md", "exec"), scope)
    asyncio.run(scope["main"]())  # type: ignore[operator] # the example defines it
    assert answers == [int(number) for number in re.findall(r"await node\.call\(.*\) +# (\d+)", example)]


def test_every_make_target_and_file_it_names_exists(readme: str, root: Path) -> None:
    targets = set(re.findall(r"`?make (\w+)`?", readme))
    makefile = (root / "Makefile").read_text()
    assert {target for target in targets if not re.search(rf"^{target}:", makefile, re.M)} == set()
    links = re.findall(r"\]\(([A-Za-z][\w./-]*)\)", readme)
    assert [link for link in links if not (root / link).exists()] == []


def test_every_command_it_shows_is_one(readme: str) -> None:
    from mirliton.api.cli.command import command_names

    shown = set(re.findall(r"\.venv/bin/mirliton (\w+)", readme))
    assert shown <= set(command_names())
