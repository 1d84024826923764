"""A run ends with the list of skipped tests and why; tried on runs of its own."""

import pytest

pytest_plugins = ["pytester"]


@pytest.fixture
def last_lines(pytester, root):
    """What a run of these test files, under our conftest, prints after pytest's own last line."""

    def run(**files: str) -> list[str]:
        pytester.makeconftest((root / "tests" / "conftest.py").read_text())
        pytester.makepyfile(**files)
        lines = pytester.runpytest_subprocess("--import-mode=importlib").outlines
        own_end = max(number for number, line in enumerate(lines) if line.startswith("===="))
        return lines[own_end + 1 :]

    return run


def test_skipped_tests_are_listed_by_reason_and_file(last_lines):
    lines = last_lines(
        test_a="""
            import pytest
            @pytest.mark.skip(reason="no switch here")
            @pytest.mark.parametrize("n", range(3))
            def test_parametrised(n): ...
            def test_at_run_time():
                pytest.skip("no broker here")
            def test_good(): ...
        """,
        test_b="""
            import pytest
            pytest.skip("no switch here", allow_module_level=True)
        """,
    )
    assert lines == [
        "Skipped tests, and why:",
        "- no broker here",
        "    test_a.py: 1",
        "- no switch here",
        "    test_a.py: 3",
        "    test_b.py: 1",
    ]


def test_a_run_without_skips_says_so(last_lines):
    assert last_lines(test_a="def test_good(): ...") == ["No test was skipped."]


def test_a_run_that_fails_still_ends_with_the_list(last_lines):
    lines = last_lines(test_a="import pytest\ndef test_bad(): assert 0\n@pytest.mark.skip('why')\ndef test_b(): ...")
    assert lines == ["Skipped tests, and why:", "- why", "    test_a.py: 1"]
