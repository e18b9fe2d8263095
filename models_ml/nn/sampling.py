"""Sampling in which each row has a seed of its own, so a text does not depend on who else is in the batch.

transformers draws all rows of a batch from one global generator. Here each row draws one uniform number a token from
its own Philox stream and takes the token at that point of its truncated distribution; to transformers it is a greedy
search.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from transformers import LogitsProcessor

from models_ml.sampling import Sampling

__all__ = ["Sampling", "SeededSampler"]


class SeededSampler(LogitsProcessor):
    """Leaves in each row the one token that its seed draws. Row r uses `seeds[r]` and never a token of `banned[r]`."""

    def __init__(
        self, sampling: Sampling, seeds: Sequence[int], prompt_length: int, banned: Sequence[Sequence[int]]
    ) -> None:
        self.sampling, self.prompt_length = sampling, prompt_length
        self.banned = [(row, token) for row, tokens in enumerate(banned) for token in tokens]
        draws = [
            np.random.Generator(np.random.Philox(seed)).random(sampling.max_new_tokens, dtype=np.float32)
            for seed in seeds
        ]
        self.draws = torch.from_numpy(np.stack(draws))

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Scores (rows, vocabulary) with all but the drawn token at minus infinity."""
        if self.banned:
            rows, tokens = zip(*self.banned, strict=True)
            scores = scores.clone()
            scores[torch.tensor(rows), torch.tensor(tokens)] = -torch.inf
        if self.sampling.temperature == 0:
            return scores
        step = input_ids.shape[1] - self.prompt_length
        values, ranked = scores.float().topk(min(self.sampling.top_k, scores.shape[-1]), dim=-1)
        mass = torch.softmax(values / self.sampling.temperature, dim=-1).cumsum(dim=-1)
        kept = torch.cat([mass.new_zeros(len(mass), 1), mass[:, :-1]], dim=-1) < self.sampling.top_p
        ceiling = torch.where(kept, mass, mass.new_zeros(())).amax(dim=-1, keepdim=True)
        point = self.draws[:, step : step + 1].to(mass.device) * ceiling
        rank = (mass <= point).sum(dim=-1, keepdim=True).clamp(max=mass.shape[-1] - 1)
        drawn = torch.full_like(scores, -torch.inf)
        return drawn.scatter(1, ranked.gather(1, rank), 0.0)
