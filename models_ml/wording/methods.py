"""The methods of training as the pages call them, and where their defaults come from.

The pure `nn.tuning.methods` knows no catalogue; here its words enter it. A test holds the two together.
"""

from django.utils.translation import gettext_noop

TITLES = (
    gettext_noop("Full"),
    gettext_noop("LoRA"),
    gettext_noop("DoRA"),
    gettext_noop("AdaLoRA"),
    gettext_noop("Prefix tuning"),
    gettext_noop("Prompt tuning"),
    gettext_noop("IA3"),
    gettext_noop("Bottleneck adapter"),
)
SOURCES = (
    gettext_noop(
        "1e-5: the least of RoBERTa's fine-tuning rates (arXiv 1907.11692) and the full run of the PEFT "
        "comparison; a small model trained from scratch takes more"
    ),
    gettext_noop(
        "2e-4, all linear layers: QLoRA (arXiv 2305.14314). alpha = rank over sqrt(rank): the rsLoRA run of "
        "the PEFT comparison, its best (51.3 %); method arXiv 2106.09685, stabilisation arXiv 2312.03732"
    ),
    gettext_noop("1e-4: the lower of the rates of the LLaMA runs in arXiv 2402.09353. Rank and alpha as for LoRA"),
    gettext_noop(
        "1e-3: within the rates on GLUE and SQuAD in arXiv 2303.10512 (5e-4 to 2.2e-3), where the rank starts"
        " at 1.5 times the last; the PEFT comparison's 1e-4 with alpha 8 is barely tuned (37.3 %)"
    ),
    gettext_noop(
        "5e-3 with the keys and values of real text as the start: the best prefix run of the PEFT comparison "
        "(50 tokens, 41.6 % against 18.6 % from random ones); method arXiv 2101.00190"
    ),
    gettext_noop(
        "1e-3 with embeddings sampled from the vocabulary as the start: the best prompt run of the PEFT "
        "comparison (200 tokens, 34.3 %); 100 tokens suffice in arXiv 2104.08691, section 3.2"
    ),
    gettext_noop(
        "5e-3 on all linear layers: the best IA3 run of the PEFT comparison (45.5 %); arXiv 2205.05638 takes "
        "3e-3 with Adafactor"
    ),
    gettext_noop(
        "1e-4 and a width of a sixteenth of the hidden size (taken where rank is None): arXiv 2005.00247; "
        "method arXiv 1902.00751"
    ),
)
