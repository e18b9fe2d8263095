"""Any server that speaks OpenAI's chat completions (vLLM, transformers serve, hosted models), as a provider.

Each draw is one streamed call with an idempotency key; several run at once, and drafts come in the order of the draws.
Calls that fail for a reason that may pass are made again (`retrying`); a broken stream is thrown away whole, so no draw
can bring two candidates, but its tokens are counted. Redirects are not followed, since they would carry the key to
somewhere else. The key stands in one header and nowhere else: not in logs, errors or `repr`.

Peculiar: the calls run on an event loop that turns only while drafts are waited for, at most a tenth of a second at a
time, so that a wish to stop is seen at once and everything under way is cut off. Servers differ in which parameters
they take; one that a server refuses by name is left out from then on.
"""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import json
import logging
import random
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import httpx

from models_ml.brief import Brief, clean, messages
from models_ml.examples import Winner, shown_brief
from models_ml.providers.loops import LoopThread
from models_ml.providers.protocol import Draft, Draw, Prepared, ProviderError, Usage, WriteRequest
from models_ml.providers.retrying import RETRIED_STATUS, Backoff, retry_after
from models_ml.providers.streams import LARGEST, Answer, Broken, answer_of
from models_ml.sampling import Sampling

logger = logging.getLogger(__name__)

_TICK = 0.1
_OPTIONAL = ("stream_options", "seed", "top_p", "temperature")
_MILLION = Decimal(1_000_000)


@dataclass(frozen=True)
class ServerSettings:
    """Where and what to ask. `timeout` is in seconds for one attempt, from first to last byte; prices are for a million
    tokens.

    Raises ValueError for a base URL that is not http(s), holds a user name or password, or has no host.
    """

    base_url: str
    model: str
    key: str = field(default="", repr=False)
    timeout: float = 60.0
    concurrency: int = 4
    price_in: Decimal | None = None
    price_out: Decimal | None = None
    currency: str = "USD"
    backoff: Backoff = field(default_factory=Backoff)

    def __post_init__(self) -> None:
        address = urlsplit(self.base_url)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise ValueError("the provider's URL must begin with http:// or https:// and name a host")
        if address.username or address.password:
            raise ValueError("the provider's URL must not hold a user name or password; the key has its own setting")
        if not self.model:
            raise ValueError("the provider's model must be named")
        if self.timeout <= 0 or self.concurrency < 1:
            raise ValueError("the provider's timeout and concurrency must be above 0")

    @property
    def host(self) -> str:
        """The host, as it may be shown."""
        return urlsplit(self.base_url).netloc


class _Passing(Exception):
    """A failure that may pass. `asked` is how long the server wants to be left alone."""

    def __init__(self, sentence: str, asked: float | None = None) -> None:
        super().__init__(sentence)
        self.asked = asked


@dataclass
class _Call:
    """One draw under way: its attempts and what they used so far."""

    draw: Draw
    chat: list[dict[str, str]]
    key: str
    seconds: float = 0.0
    attempts: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    answer: Answer = field(default_factory=Answer)

    def begin(self) -> None:
        """Another attempt, with nothing of the last one's text."""
        self.attempts += 1
        self.answer = Answer()

    def settle(self) -> None:
        """Add what the attempt used, however it ended."""
        self.prompt_tokens += self.answer.prompt_tokens or 0
        self.completion_tokens += self.answer.written
        self.answer = Answer(self.answer.pieces, self.answer.finished, prompt_tokens=0, completion_tokens=0)


class OpenAICompatible:
    """A provider over HTTP. `sleep`, `uniform` and `fresh` (a unique text) are injected by tests."""

    name = "openai_compatible"
    hash = ""
    adapter = ""

    def __init__(
        self,
        settings: ServerSettings,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        uniform: Callable[[float, float], float] = random.uniform,
        fresh: Callable[[], str] = lambda: uuid.uuid4().hex,
    ) -> None:
        self.settings, self.id = settings, settings.model
        self.most_at_once = 4 * settings.concurrency
        self._sleep, self._uniform, self._fresh = sleep, uniform, fresh
        self._refused: set[str] = set()

    def prepare(self, brief: Brief, examples: Sequence[Winner]) -> Prepared:
        """The hash is over the messages sent; tokens are known only after the call."""
        sent = json.dumps([self.settings.model, chat_of(brief, examples)], ensure_ascii=False)
        prompt_hash = hashlib.sha256(sent.encode()).hexdigest()
        shown = tuple(one.id for one in examples)
        return Prepared(prompt_hash, examples=shown, theme_by="instruction" if brief.theme else "")

    def write(self, request: WriteRequest) -> Iterator[Sequence[Draft]]:
        """One draft at a time, in the order of the draws. Raises ProviderError with a sentence."""
        with LoopThread() as runner:
            client = self._client()
            gate = asyncio.Semaphore(self.settings.concurrency)
            calls = [self._call(draw, request.sampling) for draw in request.draws]
            tasks: list[asyncio.Task[str]] = []
            told: set[int] = set()
            try:
                runner.run(self._start(tasks, client, gate, calls, request.sampling))
                yield from self._collect(runner, tasks, calls, request, told)
            finally:
                runner.run(_cut_off(tasks, client))
                for place, call in enumerate(calls):
                    if place not in told and call.attempts:  # begun, and paid for, though nobody waits for it now
                        request.record(self._usage(call, "cancelled"))

    def _collect(
        self,
        runner: LoopThread,
        tasks: list[asyncio.Task[str]],
        calls: list[_Call],
        request: WriteRequest,
        told: set[int],
    ) -> Iterator[Sequence[Draft]]:
        for place, call in enumerate(calls):
            while not runner.run(_turn(tasks[place])):
                if request.should_stop():
                    return
            failure = tasks[place].exception()
            usage = self._usage(call, "failed" if failure else "written")
            told.add(place)
            request.record(usage)
            if failure is not None:
                raise ProviderError(str(failure), usage) from None
            yield [Draft(place, tasks[place].result(), usage)]

    async def _start(
        self,
        tasks: list[asyncio.Task[str]],
        client: httpx.AsyncClient,
        gate: asyncio.Semaphore,
        calls: Sequence[_Call],
        sampling: Sampling,
    ) -> None:
        tasks += [asyncio.create_task(self._one(client, gate, call, sampling)) for call in calls]

    async def _one(self, client: httpx.AsyncClient, gate: asyncio.Semaphore, call: _Call, sampling: Sampling) -> str:
        """The text of a draw, after as many attempts as it takes. Raises ProviderError."""
        async with gate:
            started = time.monotonic()
            try:
                while (problem := await self._try(client, call, sampling)) is not None:
                    await self._wait(call, problem)
            finally:
                call.seconds = time.monotonic() - started
            return answer_of(call.answer.text, call.chat)

    async def _try(self, client: httpx.AsyncClient, call: _Call, sampling: Sampling) -> Exception | None:
        """One attempt. What went wrong, where it may pass; an answer that was whole before the break is kept."""
        call.begin()
        try:
            async with asyncio.timeout(self.settings.timeout):
                await self._attempt(client, call, sampling)
        except (_Passing, Broken) as problem:
            return problem
        except (TimeoutError, httpx.TransportError) as problem:
            return None if call.answer.finished else problem
        finally:
            call.settle()
        return None

    async def _wait(self, call: _Call, problem: Exception) -> None:
        sentence = _sentence(problem, self.settings.timeout)
        pause = self.settings.backoff.wait(call.attempts, self._uniform, getattr(problem, "asked", None))
        if pause is None:
            tries = f"{call.attempts} attempt{'s' if call.attempts > 1 else ''}"
            raise ProviderError(f"{self.settings.host} {sentence} ({tries})") from None
        logger.warning("a provider's call is made again", extra={"host": self.settings.host, "reason": sentence})
        await self._sleep(pause)

    async def _attempt(self, client: httpx.AsyncClient, call: _Call, sampling: Sampling) -> None:
        while True:
            body = self._body(call, sampling)
            async with client.stream(
                "POST", "chat/completions", json=body, headers={"Idempotency-Key": call.key}
            ) as response:
                if response.status_code == 200:
                    await _read(response, call.answer)
                    return
                self._refused.add(await self._refusal(response, body))  # and asked again at once, without it

    async def _refusal(self, response: httpx.Response, body: dict[str, Any]) -> str:
        """The parameter that the server does not take. Raises _Passing or ProviderError for any other refusal."""
        status = response.status_code
        if status in RETRIED_STATUS:
            raise _Passing(f"answered with status {status}", retry_after(response.headers.get("retry-after")))
        said = (await response.aread())[:4000].decode("utf-8", "replace")
        named = next((name for name in (*_OPTIONAL, "max_tokens") if name in body and name in said), None)
        if status in (400, 422) and named:
            return named
        raise ProviderError(f"{self.settings.host} {_reason(status, self.settings.model)}")

    def _body(self, call: _Call, sampling: Sampling) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.settings.model,
            "messages": call.chat,
            "stream": True,
            "stream_options": {"include_usage": True},
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "seed": call.draw.seed,
            "max_tokens": sampling.max_new_tokens,
        }
        if "max_tokens" in self._refused:  # reasoning models of the original call it so
            body["max_completion_tokens"] = sampling.max_new_tokens
        return {name: value for name, value in body.items() if name not in self._refused}

    def _call(self, draw: Draw, sampling: Sampling) -> _Call:
        chat = chat_of(draw.brief, draw.examples)
        asked = json.dumps([self.settings.model, chat, draw.seed, repr(sampling)], ensure_ascii=False)
        return _Call(draw, chat, hashlib.sha256(asked.encode()).hexdigest())

    def _usage(self, call: _Call, outcome: Any) -> Usage:
        known = self.settings.price_in is not None or self.settings.price_out is not None
        cost = (
            call.prompt_tokens * (self.settings.price_in or Decimal(0))
            + call.completion_tokens * (self.settings.price_out or Decimal(0))
        ) / _MILLION
        return Usage(
            provider=self.name,
            model=self.settings.model,
            prompt_tokens=call.prompt_tokens,
            completion_tokens=call.completion_tokens,
            seconds=call.seconds,
            cost=cost if known else None,
            currency=self.settings.currency if known else "",
            attempts=max(1, call.attempts),
            outcome=outcome,
            key=f"{call.key}/{self._fresh()}",
        )

    def _client(self) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {self.settings.key}"} if self.settings.key else {}
        connect = min(10.0, self.settings.timeout)
        return httpx.AsyncClient(
            base_url=self.settings.base_url.rstrip("/") + "/",
            headers={**headers, "Accept": "text/event-stream, application/json"},
            timeout=httpx.Timeout(self.settings.timeout, connect=connect),
            follow_redirects=False,
            trust_env=not _is_loopback(self.settings.base_url),
        )


def chat_of(brief: Brief, examples: Sequence[Winner]) -> list[dict[str, str]]:
    """The messages for a server: rules, past winners as turns, the brief, and the theme it fixes as a last rule."""
    system, question = messages(brief)
    turns: list[dict[str, str]] = []
    for one in examples:
        turns += [messages(shown_brief(one))[1], {"role": "assistant", "content": one.answer()}]
    if brief.theme:
        system = {**system, "content": f"{system['content']} Write to this theme: {clean(brief.theme, 80)}"}
    return [system, *turns, question]


async def _read(response: httpx.Response, answer: Answer) -> None:
    streamed = "event-stream" in response.headers.get("content-type", "")
    pending, size = "", 0
    async for chunk in response.aiter_text():
        pending, size = pending + chunk, size + len(chunk)
        if size > LARGEST:
            raise Broken("the answer has no end")
        if streamed:
            *lines, pending = pending.split("\n")
            for line in lines:
                answer.feed(line.rstrip("\r"))
        if answer.closed:
            return
    if not streamed:
        answer.whole(pending)
        return
    answer.feed(pending)
    answer.close()


async def _turn(task: asyncio.Task[str]) -> bool:
    """Let the loop turn for a tick at most. Whether the task is done."""
    await asyncio.wait({task}, timeout=_TICK)
    return task.done()


async def _cut_off(tasks: Sequence[asyncio.Task[str]], client: httpx.AsyncClient) -> None:
    """End what is under way."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await client.aclose()


def _sentence(problem: Exception, timeout: float) -> str:
    """What happened, without anything the other side could have put into it."""
    if isinstance(problem, Broken):
        return f"gave an answer that cannot be used: {problem}"
    if isinstance(problem, TimeoutError | httpx.TimeoutException):
        return f"did not answer within {timeout:g} seconds"
    if isinstance(problem, httpx.ConnectError):
        return "cannot be reached"
    if isinstance(problem, httpx.TransportError):
        return "dropped the connection"
    return str(problem)


def _reason(status: int, model: str) -> str:
    if 300 <= status < 400:
        return f"answered with a redirect (status {status}), which is not followed; name the final address"
    if status in (401, 403):
        return f"refused the key (status {status})"
    if status == 404:
        return f"knows no such address or no model {model} (status 404)"
    return f"refused the request (status {status})"


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
