"""The starter's tokenizer: byte-level BPE on our own text, each slot one token, and the chat template.

Byte-level, so no text is unknown. The pattern keeps the prompt's "key:" at a line's start in one piece, which halves
the prompt. The template shows the model only the first paragraph of the user message (controlled words, see
`models_ml.brief.messages`): it writes in slots and has no use for the shop's own text, which therefore cannot give it
orders; nor has it use for the system message, whose rules it learns by heart, for the line of required slots (each
slot offered is required, but for attributes, brand and price) or for a hint of a theme.
"""

from __future__ import annotations

from collections.abc import Iterable

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from models_ml.brief import SLOT_PATTERN, SLOTS

PAD, END, USER, ASSISTANT = "<|pad|>", "<|end|>", "<|user|>", "<|assistant|>"
_PATTERN = r"\n?[a-z_]+:| ?[\p{L}_]+| ?\p{N}| ?[^\s\p{L}\p{N}_]+|\s+(?!\S)|\s+"
_LONGEST_PIECE = 18  # bytes: six Chinese characters, most English words

CHAT_TEMPLATE = (
    "{%- for message in messages -%}"
    "{%- if message['role'] == 'user' -%}"
    + USER
    + "{%- for line in message['content'].split('\\n\\n')[0].split('\\n') -%}"
    "{%- if not line.startswith('must: ') and not line.startswith('theme_hint:') -%}{{ '\\n' + line }}{%- endif -%}"
    "{%- endfor -%}"
    "{%- elif message['role'] == 'assistant' -%}"
    + ASSISTANT
    + "{{ '\\n' + message['content'] }}"
    + END
    + "{%- endif -%}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}" + ASSISTANT + "{{ '\\n' }}{%- endif -%}"
)


def train_tokenizer(texts: Iterable[str], *, vocabulary: int, context: int) -> PreTrainedTokenizerFast:
    """A tokenizer of at most `vocabulary` tokens learned from `texts`; `context` is the model's longest input."""
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PATTERN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    core.decoder = decoders.ByteLevel()
    slots = [AddedToken(f"{{{slot}}}", normalized=False, special=False) for slot in SLOTS]
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary - len(slots),
        special_tokens=[PAD, END, USER, ASSISTANT],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        max_token_length=_LONGEST_PIECE,
        show_progress=False,
    )
    core.train_from_iterator((SLOT_PATTERN.sub("", text) for text in texts), trainer)  # slots need no merges
    core.add_tokens(slots)
    return _wrap(core, context)


def _wrap(core: Tokenizer, context: int) -> PreTrainedTokenizerFast:
    tokenizer = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=core,
        pad_token=PAD,
        eos_token=END,
        additional_special_tokens=[USER, ASSISTANT],
        padding_side="left",
        model_max_length=context,
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer
