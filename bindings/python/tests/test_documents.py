"""The first example of the README, and programs as a checker of types sees them."""

import pathlib
import re
import shutil
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import tilecache

HERE = pathlib.Path(__file__).resolve().parent
README = HERE.parent / "README.md"
PAGES = next((path for path in (HERE.parent / "docs", HERE.parents[2] / "docs") if path.exists()), HERE)
SCENE = next((path for path in (HERE.parent / "tour", HERE.parents[1] / "tour") if path.exists()), HERE) / "scene.tif"


def blocks(language: str, page: pathlib.Path = README) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(), re.DOTALL)


def test_the_first_example_prints_what_the_readme_says(tmp_path):
    program = tmp_path / "first.py"
    program.write_text(blocks("python")[0])
    ran = subprocess.run([sys.executable, program, SCENE], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == blocks("text")[0]


@pytest.mark.parametrize("dtype, shape", [("uint8", (1, 30, 40)), ("float32", (1, 300, 600)), ("int16", (5, 1, 1))])
def test_the_first_example_runs_with_any_image(tmp_path, dtype, shape):
    image = tmp_path / "any.tif"
    tilecache.from_memory(np.ones(shape, dtype)).build_pyramid(image)
    program = tmp_path / "first.py"
    program.write_text(blocks("python")[0])
    ran = subprocess.run([sys.executable, program, image], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert f"tile: {shape[:1] + tuple(min(side, 256) for side in shape[1:])}" in ran.stdout


def test_programs_print_what_the_pages_say(tmp_path):
    programs = 0
    for page in sorted(PAGES.glob("*.md")):
        if page.name == "bindings.md":
            continue  # bindings/tour/page.py writes it, out of programs that are tested
        for program, said in re.findall(r"```python\n(.*?)```.*?```text\n(.*?)```", page.read_text(), re.DOTALL):
            path = tmp_path / f"{page.stem}.py"
            path.write_text(program)
            shutil.copy(SCENE, tmp_path / "scene.tif")
            ran = subprocess.run([sys.executable, path, "scene.tif"], capture_output=True, text=True, cwd=tmp_path)
            assert ran.returncode == 0, f"{page}: {ran.stderr}"
            assert ran.stdout == said, page
            programs += 1
    assert programs >= 3


def strictly(folder: pathlib.Path, *what: str) -> subprocess.CompletedProcess:
    pytest.importorskip("mypy")
    return subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--cache-dir", "mypy", *what],
        capture_output=True, text=True, cwd=folder,
    )  # fmt: skip


def test_the_package_is_typed_throughout(tmp_path):
    ran = strictly(tmp_path, "-p", "tilecache", "--ignore-missing-imports")
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_programs_see_the_types(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        textwrap.dedent(
            """
            from concurrent.futures import Future

            import numpy as np
            import tilecache

            cache = tilecache.Cache(1 << 20)
            with tilecache.open("a.tif") as scene:
                reveal_type(scene)
                tiles = scene.retile(256, 256, cache=cache)
                reveal_type(tiles.get_block(0, 0))
                reveal_type(tiles.try_block(0, 0))
                reveal_type(tiles.request_block(0, 0))
                reveal_type(tiles.level)
                tiles.pass_("rows")
                tiles.map(lambda place, block: block.astype(np.uint8), dtype="uint8")
                tiles.get_block("0", 0)
                tiles.build_pyramid("a.tif", "nowhere")
                scene.retile(tile_with=256)
            """
        )
    )
    said = strictly(tmp_path, "program.py").stdout
    for line in (
        'Revealed type is "tilecache.provider.Provider"',
        'Revealed type is "tilecache.tile.Tile"',
        'Revealed type is "tilecache.tile.Tile | None"',
        'Revealed type is "concurrent.futures._base.Future[tilecache.tile.Tile]"',
        'Argument 1 to "get_block" of "Blocks" has incompatible type "str"; expected "int"',
        'Argument 2 to "build_pyramid" of "Provider" has incompatible type',
        'Unexpected keyword argument "tile_with" for "retile"',
    ):
        assert line in said.replace("Union[tilecache.tile.Tile, None]", "tilecache.tile.Tile | None"), said
    assert said.count("error:") == 3, said
