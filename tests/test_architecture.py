"""The import law: the folders are the floors, and imports go down only."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "preceptor"
FLOORS = {
    "errors": 0, "config": 0, "records": 0, "process": 0,
    "ops": 1, "stats": 1,
    "text": 2, "store": 2,
    "models": 3, "generation": 3, "runs": 3,
    "importers": 4, "prompts": 4, "labeling": 4, "training": 4,
    "evals": 4, "serving": 4, "simulation": 4, "reporting": 4,
    "pipeline": 5, "quickstart": 6, "cli": 7,
}  # fmt: skip
ROOMS = {name for name, floor in FLOORS.items() if floor == 4}
PURE = {"ops": {"torch"}, "stats": {"numpy", "scipy"}}
WEB_AND_DATABASE = {"fastapi", "starlette", "uvicorn", "sqlalchemy", "alembic"}


def files() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def module_of(path: Path) -> str:
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def part_of(module: str) -> str | None:
    """Floor member that a module belongs to: 'preceptor.training.sft' → 'training'."""
    names = module.split(".")
    return names[1] if len(names) > 1 else None


def imports_of(path: Path, *, top_level_only: bool = False) -> set[str]:
    """Full names of imported modules; `from a import b` counts as a.b when that is a module of ours."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = tree.body if top_level_only else list(ast.walk(tree))
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            for alias in node.names:
                deeper = SOURCE.parent / Path(*node.module.split("."), alias.name)
                is_module = deeper.with_suffix(".py").is_file() or deeper.is_dir()
                found.add(f"{node.module}.{alias.name}" if is_module else node.module)
    return found


def violation(importer: str, imported: str) -> str | None:
    """What is wrong with one import, by the law; None when nothing is."""
    above, below = part_of(importer), part_of(imported)
    if above is None or below is None or above == below or below == "__version__":
        return None
    if FLOORS[below] > FLOORS[above]:
        return f"{importer} imports {imported}, which is above it"
    if above in ROOMS and below in ROOMS:
        return f"{importer} imports {imported}: rooms never import each other"
    return None


def test_every_part_has_a_floor() -> None:
    parts = {part_of(module_of(path)) for path in files()} - {None}
    assert parts <= set(FLOORS)


def test_imports_go_down_and_rooms_stay_apart() -> None:
    broken = [
        problem
        for path in files()
        for imported in sorted(imports_of(path))
        if imported.startswith("preceptor.") and (problem := violation(module_of(path), imported))
    ]
    assert not broken, "\n".join(broken)


def test_the_law_can_be_broken() -> None:
    assert violation("preceptor.ops.kl", "preceptor.training.rl")
    assert violation("preceptor.training.rl", "preceptor.simulation.world")
    assert violation("preceptor.training.rl", "preceptor.ops.kl") is None


def test_pure_floors_import_nothing_else() -> None:
    for part, allowed in PURE.items():
        for path in (SOURCE / part).rglob("*.py"):
            for imported in imports_of(path):
                top = imported.split(".")[0]
                ours = imported.startswith(f"preceptor.{part}")
                assert ours or top in allowed or top in sys.stdlib_module_names, f"{path} imports {imported}"


def test_no_circles() -> None:
    graph = {module_of(path): {m for m in imports_of(path) if m.startswith("preceptor")} for path in files()}
    done: set[str] = set()

    def walk(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, "circle: " + " → ".join([*trail, module])
        if module in done:
            return
        for imported in graph.get(module, set()) - {module}:
            walk(imported, (*trail, module))
        done.add(module)

    for module in graph:
        walk(module, ())


def test_files_are_short() -> None:
    long = {str(path): n for path in files() if (n := len(path.read_text(encoding="utf-8").splitlines())) > 400}
    assert not long


def closure(module: str, seen: set[str]) -> set[str]:
    path = SOURCE.parent / Path(*module.split("."))
    path = path.with_suffix(".py") if path.with_suffix(".py").is_file() else path / "__init__.py"
    if module in seen or not path.is_file():
        return seen
    seen.add(module)
    for imported in imports_of(path):
        if imported.startswith("preceptor."):
            closure(imported, seen)
    return seen


def test_the_rl_loop_can_be_read() -> None:
    """Files that a reader may have to open to understand one RL step (ceiling: 62 files, 7,400 lines)."""
    modules = closure("preceptor.training.rl", set())
    lines = 0
    for module in modules:
        path = SOURCE.parent / Path(*module.split("."))
        path = path.with_suffix(".py") if path.with_suffix(".py").is_file() else path / "__init__.py"
        lines += len(path.read_text(encoding="utf-8").splitlines())
    assert len(modules) <= 62, sorted(modules)
    assert lines <= 7400


@pytest.mark.parametrize(
    "package",
    [
        "records", "stats", "text.markdown", "store", "labeling.server", "importers", "simulation.world", "evals",
        "reporting",
    ],
)  # fmt: skip
def test_light_parts_import_without_torch(package: str) -> None:
    """A labelling server starts in under a second: what it stands on does not pull in torch."""
    code = f"import sys, preceptor.{package}; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_training_imports_without_web_and_database() -> None:
    for module in closure("preceptor.training.rl", set()):
        path = SOURCE.parent / Path(*module.split("."))
        path = path.with_suffix(".py") if path.with_suffix(".py").is_file() else path / "__init__.py"
        assert not {name.split(".")[0] for name in imports_of(path)} & WEB_AND_DATABASE
