"""Laws of compiled code: built once, never half, and where it cannot be built there is none."""

import shutil

import pytest

from tst.io import native

needs_compiler = pytest.mark.skipif(
    not any(map(shutil.which, native.COMPILERS)), reason="this machine has no C++ compiler"
)


@pytest.fixture
def build(tmp_path, monkeypatch):
    """Return a function that writes C++ to a file and asks for its library, as a new process."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def ask(code):
        source = tmp_path / "code.cpp"
        source.write_text(code)
        native.library.cache_clear()
        return native.library(source)

    yield ask
    native.library.cache_clear()


def times(factor):
    """Return C++ of a function that multiplies."""
    return f'extern "C" long times(long x) {{ return {factor} * x; }}'


def built(tmp_path):
    """Return the files of the cache folder."""
    return sorted(path.name for path in (tmp_path / "cache").rglob("*") if path.is_file())


@needs_compiler
def test_another_source_is_another_library(build, tmp_path):
    """A changed source is built anew, and the first library stays as it is."""
    assert build(times(3)).times(5) == 15
    first = built(tmp_path)
    assert build(times(7)).times(5) == 35
    assert len(first) == 1 and set(first) < set(built(tmp_path))


@needs_compiler
def test_a_library_is_built_once(build, monkeypatch):
    """Where it was built before, the compiler is not asked."""
    build(times(3))
    monkeypatch.setattr(native, "_build", None)
    assert build(times(3)).times(5) == 15


@needs_compiler
def test_a_failed_build_gives_none_and_leaves_nothing(build, tmp_path):
    assert build("this is no C++") is None
    assert built(tmp_path) == []


def test_without_a_compiler_there_is_no_library(build, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert build(times(3)) is None


@needs_compiler
def test_a_folder_of_another_user_is_not_trusted(build, monkeypatch):
    """What another user could have put there is not run."""
    owner = native.os.getuid()
    build(times(3))
    monkeypatch.setattr(native.os, "getuid", lambda: owner + 1)
    assert build(times(3)) is None


@needs_compiler
def test_a_folder_that_others_can_write_is_not_trusted(build, tmp_path):
    build(times(3))
    (tmp_path / "cache" / "tst").chmod(0o770)
    assert build(times(3)) is None


@needs_compiler
def test_a_damaged_library_is_built_anew(build, tmp_path, monkeypatch):
    """It is not loaded, and the next process finds a sound one."""
    build(times(3))
    (name,) = built(tmp_path)
    # Another folder, for the dynamic loader keeps what it has loaded by its path.
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other"))
    (tmp_path / "other" / "tst").mkdir(parents=True, mode=0o700)
    (tmp_path / "other" / "tst" / name).write_bytes(b"no library")
    assert build(times(3)) is None
    assert build(times(3)).times(5) == 15


def test_without_a_home_there_is_no_library(build, monkeypatch):
    def no_home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(native.paths, "cache_dir", no_home)
    assert build(times(3)) is None
