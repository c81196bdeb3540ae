from __future__ import annotations

import pytest

from preforget.serve.page.refusing import HEADLINES, bare_problem
from preforget.serve.problems import Problem

from .conftest import Visitor


@pytest.mark.parametrize("status", sorted(HEADLINES))
def test_a_problem_is_a_page_even_before_anybody_looked_at_the_request(status: int) -> None:
    page = bare_problem(Problem(status, "it <b>can't</b> be")).decode()
    assert HEADLINES[status] in page
    assert "It &lt;b&gt;can&#39;t&lt;/b&gt; be." in page


def test_a_page_of_a_problem_repeats_nothing_of_its_address(visitor: Visitor) -> None:
    said = visitor.get("/models/Grace-Hopper/try")
    assert said.status_code == 404
    assert "Grace-Hopper" not in said.text
