"""The provider against a real OpenAI-compatible server: `transformers serve` with the starter model, on loopback."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from transformers import AutoTokenizer

from models_ml.brief import Audience, Brief, Offer, Product, facts, fill, messages, problems
from models_ml.channels import violations
from models_ml.drafting import Wishes, draft
from models_ml.nn.loading import SHIPPED
from models_ml.providers.openai_compatible import OpenAICompatible, ServerSettings
from models_ml.providers.protocol import Draw, ProviderError, Usage, WriteRequest
from models_ml.providers.retrying import Backoff
from models_ml.sampling import Sampling

lacking = [name for name in ("fastapi", "uvicorn", "openai", "pydantic") if importlib.util.find_spec(name) is None]
pytestmark = pytest.mark.skipif(bool(lacking), reason=f"transformers serve needs {', '.join(lacking)}")

READY_SECONDS = 200  # a few on a machine that does nothing else


def free_port() -> int:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return int(opened.getsockname()[1])


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The server's URL and the name of its model, which is the folder. It draws only where the folder says so."""
    room = tmp_path_factory.mktemp("serve")
    folder = Path(shutil.copytree(SHIPPED, room / "starter"))
    settings = json.loads((folder / "generation_config.json").read_text())
    (folder / "generation_config.json").write_text(json.dumps({**settings, "do_sample": True, "top_k": 50}))
    (room / "cache").mkdir()  # without it the server answers with errors
    port = free_port()
    command = [sys.executable, "-c", "from transformers.cli.transformers import main; main()", "serve", str(folder)]
    command += ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(room / "cache"), "OMP_NUM_THREADS": "1"}
    with (room / "log").open("wb") as log, subprocess.Popen(command, env=environment, stdout=log, stderr=log) as server:
        try:
            _wait(f"http://127.0.0.1:{port}/health", server, room / "log")
            yield f"http://127.0.0.1:{port}/v1", str(folder)
        finally:
            server.kill()


def _wait(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + READY_SECONDS
    while time.monotonic() < until:
        if server.poll() is not None:
            pytest.fail(f"the server ended: {log.read_text()[-2000:]}")
        try:
            if httpx.get(address, timeout=1, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    pytest.fail(f"the server was not ready within {READY_SECONDS} seconds: {log.read_text()[-2000:]}")


def sample(language: str) -> Brief:
    name, value = ("Halden Flask", "20%") if language == "en" else ("远岚保温瓶", "8折")
    return Brief(
        language,
        "email",
        Product(name, "drinkware"),
        tone="warm",
        offer=Offer("percent", value),
        audience=Audience("commuters"),
    )


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_real_server_writes_usable_candidates(served: tuple[str, str], language: str) -> None:
    url, model = served
    brief, used = sample(language), list[Usage]()
    provider = OpenAICompatible(ServerSettings(url, model, concurrency=2))
    chat: Any = AutoTokenizer.from_pretrained(model).apply_chat_template(messages(brief), add_generation_prompt=True)
    prompt_tokens = len(chat["input_ids"])
    found = draft(provider, [brief], 3, 1, wishes=Wishes(on_usage=used.append))
    assert len({one.candidate for one in found}) == 3
    for one in found:
        assert problems(brief, one.candidate) == []
        filled = {part: fill(text, facts(brief)) for part, text in one.candidate.parts().items()}
        assert violations("email", filled) == []
        assert one.provenance.prompt_tokens == prompt_tokens
        assert one.provenance.new_tokens > 10
    assert {(usage.attempts, usage.outcome) for usage in used} == {(1, "written")}
    assert len({usage.key for usage in used}) == len(used) >= 3


def test_a_real_server_honours_the_seed_of_a_draw(served: tuple[str, str]) -> None:
    url, model = served
    provider = OpenAICompatible(ServerSettings(url, model, concurrency=1))

    def text(seed: int) -> str:
        ((one,),) = provider.write(WriteRequest([Draw(sample("en"), seed, 0)], Sampling(max_new_tokens=40)))
        return one.text

    assert text(7) == text(7)
    assert len({text(seed) for seed in (7, 8, 9)}) > 1


def test_a_real_server_is_stopped_within_a_second(served: tuple[str, str]) -> None:
    url, model = served
    provider = OpenAICompatible(ServerSettings(url, model, concurrency=2))
    used: list[Usage] = []
    started = time.monotonic()
    draws = [Draw(sample("en"), number, number) for number in range(40)]
    stop_at = started + 0.5
    request = WriteRequest(draws, should_stop=lambda: time.monotonic() > stop_at, record=used.append)
    found = [one for group in provider.write(request) for one in group]
    assert time.monotonic() - started < 1.5
    assert len(found) < 40
    assert len(used) <= len(found) + 2  # those written and those under way


def test_a_real_servers_refusal_is_a_sentence(served: tuple[str, str]) -> None:
    url, _ = served
    provider = OpenAICompatible(ServerSettings(url, "no/such-model", timeout=20, backoff=Backoff(attempts=1)))
    with pytest.raises(ProviderError, match=r"127\.0\.0\.1:\d+ (refused|knows|answered)"):
        list(provider.write(WriteRequest([Draw(sample("en"), 1, 0)])))
