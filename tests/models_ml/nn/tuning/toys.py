"""Tiny bases and datasets: small enough to train in a second, regular enough to be learned."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertForMaskedLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
)

COLOURS = ("red", "blue", "green", "black", "white", "amber")
THINGS = ("lamp", "mug", "scarf", "desk", "chair", "tent")
MOODS = {"red": "warm", "blue": "cool", "green": "calm", "black": "bold", "white": "pure", "amber": "soft"}
WORDS = (*COLOURS, *THINGS, *MOODS.values(), "a", "write", "for", "the", "is", "and", "good", "bad", "light", "now")
CONTEXT = 96
TEMPLATE = (
    "{%- for message in messages -%}<|{{ message['role'] }}|> {{ message['content'] }}"
    "{%- if message['role'] == 'assistant' -%}<|end|>{%- endif -%}{%- endfor -%}"
    "{%- if add_generation_prompt -%}<|assistant|>{{ ' ' }}{%- endif -%}"
)


def tokenizer(*, encoder: bool = False) -> PreTrainedTokenizerFast:
    """A word-level tokenizer over WORDS; an encoder's adds [CLS] and [SEP]."""
    special = ["<|pad|>", "<|end|>", "<|user|>", "<|assistant|>", "[CLS]", "[SEP]", "[MASK]", "[UNK]"]
    vocabulary = {word: index for index, word in enumerate((*special, *WORDS))}
    core = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    if encoder:
        marks = [("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])]
        core.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=marks
        )
    names: dict[str, Any] = {"pad_token": "<|pad|>", "unk_token": "[UNK]", "eos_token": "<|end|>"}
    if encoder:
        names = {**names, "mask_token": "[MASK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "eos_token": None}
    made = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=core,
        additional_special_tokens=["<|user|>", "<|assistant|>"],
        model_max_length=CONTEXT,
        clean_up_tokenization_spaces=False,
        **names,
    )
    if not encoder:
        made.chat_template = TEMPLATE
    return made


def save_base(folder: Path, kind: str = "qwen3", *, hidden: int = 32, dropout: float = 0.0) -> Path:
    """A base of random weights with its tokenizer, of one of four architectures."""
    torch.manual_seed(7)
    made = tokenizer(encoder=kind == "bert")
    size = len(made)
    shape: dict[str, Any] = {"vocab_size": size, "hidden_size": hidden, "num_hidden_layers": 2}
    shape |= {"num_attention_heads": 2, "intermediate_size": 2 * hidden, "max_position_embeddings": CONTEXT}
    ends: dict[str, Any] = {"pad_token_id": 0, "eos_token_id": 1, "bos_token_id": None}
    model: Any
    if kind == "qwen3":
        config = Qwen3Config(**shape, **ends, num_key_value_heads=1, head_dim=hidden // 2, tie_word_embeddings=True)
        config.attention_dropout = dropout
        model = Qwen3ForCausalLM(config)
    elif kind == "llama":
        model = LlamaForCausalLM(LlamaConfig(**shape, **ends, num_key_value_heads=2))
    elif kind == "gpt2":
        plain: dict[str, Any] = {
            "n_embd": hidden,
            "n_layer": 2,
            "n_head": 2,
            "n_positions": CONTEXT,
            "vocab_size": size,
        }
        drops: dict[str, Any] = {"resid_pdrop": dropout, "embd_pdrop": dropout, "attn_pdrop": dropout}
        model = GPT2LMHeadModel(GPT2Config(**plain, **drops, **ends))
    else:
        drops = {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": dropout}
        model = BertForMaskedLM(BertConfig(**shape, **drops, pad_token_id=0, initializer_range=0.25))
    model.save_pretrained(str(folder))
    made.save_pretrained(str(folder))
    return folder


@dataclass
class Record:
    """What a dataset's record says."""

    task: str
    hash: str = "toy"
    labels: tuple[str, ...] = ()


@dataclass
class Toy:
    """A dataset in memory, by split."""

    record: Record
    splits: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def count(self, split: str) -> int:
        return len(self.splits.get(split, []))

    def rows(self, split: str) -> Iterator[dict[str, Any]]:
        return iter(self.splits.get(split, []))


def toy(task: str, *, rows: int = 36, validation: int = 12) -> Toy:
    """Rows in which the colour decides everything: the mood that follows, the label, the better copy."""
    made = [_row(task, index) for index in range(rows + validation)]
    labels = tuple(sorted(set(MOODS.values()))) if task == "labels" else ()
    return Toy(Record(task, f"toy-{task}-{rows}", labels), {"train": made[:rows], "validation": made[rows:]})


def _row(task: str, index: int) -> dict[str, Any]:
    colour, thing = COLOURS[index % 6], THINGS[(index // 6 + index) % 6]
    about = {"language": "en", "group": str(index)}
    long = " and light" * (index % 5)
    if task == "text":
        return {"text": f"the {colour} {thing} is {MOODS[colour]} and good{long}", **about}
    if task == "labels":
        return {"text": f"the {colour} {thing} is good{long}", "label": MOODS[colour], **about}
    prompt = [{"role": "user", "content": f"write for a {colour} {thing}{long}"}]
    answer = f"the {thing} is {MOODS[colour]}"
    if task == "copy":
        return {"messages": [*prompt, {"role": "assistant", "content": answer}], **about}
    return {"messages": prompt, "chosen": answer, "rejected": f"the {thing} is bad{long}", "weight": 1.0, **about}
