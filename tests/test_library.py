"""Names find their files: the user's folder first, then the checkout, then the data of the installed wheel."""

from pathlib import Path

import pytest

from neurolurie import library
from neurolurie.errors import SpecError, Where


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """A package with data as in a wheel, a checkout around it, and a user's folder with the same names."""
    package = tmp_path / "checkout" / "neurolurie"
    for base, text in ((package / "_data", "wheel"), (package.parent, "checkout"), (tmp_path / "user", "user")):
        for kind in library.KINDS:
            (base / kind / "memory").mkdir(parents=True)
            (base / kind / "memory" / "one.yaml").write_text(text)
    (package / "_data" / "circuits" / "stale.yaml").write_text("wheel")
    (package.parent / "pyproject.toml").write_text("")
    (tmp_path / "empty").mkdir()
    monkeypatch.setattr(library, "_PACKAGE", package)
    monkeypatch.chdir(tmp_path / "empty")
    return tmp_path


def test_a_checkout_comes_before_the_wheel_s_stale_copy(folders):
    assert library.find("circuits", "memory/one").read_text() == "checkout"
    assert library.names("circuits") == ["memory/one"]


def test_without_a_checkout_the_wheel_s_data_is_used(folders):
    (folders / "checkout" / "pyproject.toml").unlink()
    assert library.find("circuits", "memory/one").read_text() == "wheel"
    assert library.names("circuits") == ["memory/one", "stale"]


def test_a_checkout_without_that_folder_is_no_checkout(folders):
    import shutil

    shutil.rmtree(folders / "checkout" / "scenarios")
    assert library.find("scenarios", "memory/one").read_text() == "wheel"


def test_the_user_s_own_file_comes_first(folders, monkeypatch):
    beside = folders / "user" / "circuits"
    assert library.find("circuits", "memory/one", beside).read_text() == "user"
    monkeypatch.chdir(beside)
    assert library.find("circuits", "memory/one").read_text() == "user"
    assert library.find("circuits", "memory/one.yaml").read_text() == "user"
    assert library.find("circuits", str(beside / "memory" / "one.yaml")).read_text() == "user"


def test_beside_the_referring_file_comes_before_the_working_folder(folders, monkeypatch):
    monkeypatch.chdir(folders / "user" / "circuits")
    beside = folders / "empty"
    (beside / "memory").mkdir()
    (beside / "memory" / "one.yaml").write_text("beside")
    assert library.find("circuits", "memory/one", beside).read_text() == "beside"


@pytest.mark.parametrize("name", ["memory/one", "memory/one.yaml", "circuits/memory/one", "circuits/memory/one.yaml"])
def test_shipped_names_may_carry_their_folder_and_ending(folders, name):
    assert library.find("circuits", name).read_text() == "checkout"


def test_an_unknown_name_gets_the_nearest_and_all(folders):
    with pytest.raises(SpecError) as caught:
        library.find("circuits", "memory/on", where=Where("s.yaml", 4, "circuits.a.use"))
    assert str(caught.value) == (
        "s.yaml:4: circuits.a.use: circuit 'memory/on' is not known. Did you mean 'memory/one'? Known: memory/one."
    )


def test_a_name_does_not_lead_out_of_the_shipped_folder(folders):
    (folders / "checkout" / "secret.yaml").write_text("secret")
    with pytest.raises(SpecError):
        library.find("circuits", "../secret")


def test_what_is_shipped_is_there():
    assert {"memory/hopfield", "paper/opinion", "paper/hopfield-3", "oscillators/rayleigh"} <= set(
        library.names("circuits")
    )
    assert {"digits-recall", "opinion", "two-hopfields", "storage-rules"} <= set(library.names("scenarios"))
    for kind in library.KINDS:
        assert all(library.find(kind, name).is_file() for name in library.names(kind))
        assert library.folder(kind) == Path(library.__file__).resolve().parent.parent / kind
