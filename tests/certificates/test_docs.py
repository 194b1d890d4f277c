"""The page on certificates: every printed answer is the program's."""

import doctest
from pathlib import Path


def test_the_page_says_what_the_program_says():
    page = Path(__file__).parents[2] / "docs" / "certificates.md"
    failed, tried = doctest.testfile(str(page), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert tried > 15 and not failed
