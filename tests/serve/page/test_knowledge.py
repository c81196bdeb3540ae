from __future__ import annotations

from preforget.serve.membership import Standing
from preforget.serve.page.knowledge import knowledge_of

from .conftest import Visitor


def test_all_of_it_is_of_one_standing_and_no_name_is_in_the_repr(visitor: Visitor) -> None:
    model = visitor.model
    standing, knowledge = knowledge_of(model)
    assert model.folder is not None
    assert standing == Standing.of(model.folder.manifest)
    assert [known.label for known in knowledge.classes] == ["Ada", "Grace", "Mary"]
    assert knowledge.subjects == ["Kim", "Lee"]
    assert knowledge.records == len(model.folder.live)
    assert (knowledge.guarantee, knowledge.forgets_subjects, knowledge.detached) == ("exact", True, 0)
    assert "Ada" not in repr(knowledge)
    assert "Kim" not in repr(knowledge)
