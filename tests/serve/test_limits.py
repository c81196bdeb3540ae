from __future__ import annotations

from preforget.serve.limits import Rates

from .conftest import ROWS, Serve, bearer, tensor


def test_a_bucket_fills_at_its_rate() -> None:
    seconds = [0.0]
    rates = Rates(2.0, 3, lambda: seconds[0])
    assert [rates.wait("a") for _ in range(4)] == [0, 0, 0, 0.5]
    assert rates.wait("b") == 0
    seconds[0] = 0.5
    assert rates.wait("a") == 0
    assert rates.wait("a") == 0.5


def test_who_asks_too_often_is_told_when_to_ask_again(serve: Serve) -> None:
    with serve(rate=0.01, burst=1) as client:
        said = [client.post("/v2/models/model/infer", json=tensor(ROWS[:1])) for _ in range(2)]
        assert [each.status_code for each in said] == [200, 429]
        assert 1 <= int(said[1].headers["retry-after"]) <= 100
        more = client.post("/v2/models/model/infer", json=tensor(ROWS[:1]), headers=bearer(client))
        assert more.status_code == 200
