from __future__ import annotations

from pathlib import Path

from preforget.serve.making import make_service


def test_a_service_of_two_models(model: Path) -> None:
    service = make_service([model, Path(f"other={model}")], device="cpu")
    assert list(service.models) == list(service.forgettings) == ["model", "other"]
    assert not service.ready
    for served in service.models.values():
        served.close()
