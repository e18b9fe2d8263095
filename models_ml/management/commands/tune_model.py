"""`manage.py tune_model`: fine-tune any model on a stored dataset. A thin door over `models_ml.nn.tuning`; no database.

A plan comes from a JSON file, from options, or from both: an option that is given wins. Torch is imported inside
`handle`, so that listing commands stays quick.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from django.core.management.base import BaseCommand, CommandError, CommandParser

from models_ml.management.commands.train_starter import ProgressBar, _interrupted
from models_ml.nn.tuning.plan import METHODS, OBJECTIVES, TuningError, TuningPlan

_NUMBERS = {
    "seed": int,
    "epochs": float,
    "max_steps": int,
    "batch_size": int,
    "gradient_accumulation": int,
    "learning_rate": float,
    "max_length": int,
    "early_stopping_patience": int,
    "rank": int,
    "alpha": float,
}


class Command(BaseCommand):
    help = "Fine-tune a model (a hub id or a folder) on a dataset folder; what is not named is the method's default."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--out", type=Path, required=True, help="an empty or new folder for the tuned model")
        parser.add_argument("--plan", type=Path, help="a JSON file with the fields of a tuning plan")
        parser.add_argument("--base", help="a hub id or a model folder")
        parser.add_argument("--dataset", help="a dataset folder")
        parser.add_argument("--objective", choices=OBJECTIVES, help="what to learn (default supervised)")
        parser.add_argument("--method", choices=METHODS, help="what to train (default lora)")
        for name, kind in _NUMBERS.items():
            parser.add_argument(f"--{name.replace('_', '-')}", type=kind, help=f"the plan's {name.replace('_', ' ')}")
        parser.add_argument("--target-modules", help="names of layers to adapt, separated by commas")
        parser.add_argument("--precision", choices=["auto", "fp32", "bf16"])
        parser.add_argument("--gradient-checkpointing", action="store_true", default=None, help="less memory, slower")
        parser.add_argument("--no-packing", action="store_true", help="one example a row")
        parser.add_argument("--resume", action="store_true", help="go on with an unfinished run in the folder")
        parser.add_argument("--threads", type=int, help="torch threads (default: OMP_NUM_THREADS, else 1)")

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            plan = plan_of(options)
        except (TuningError, OSError) as error:
            raise CommandError(str(error), returncode=2) from error
        _tune(plan, options, self.stdout)  # type: ignore[arg-type]  # Django wraps the stream


def plan_of(options: Mapping[str, Any]) -> TuningPlan:
    """The plan that file and options name together. Raises TuningError and OSError."""
    values = TuningPlan.from_json(options["plan"].read_bytes()).to_json() if options["plan"] else {}
    names = ("base", "dataset", "objective", "method", "precision", "gradient_checkpointing", *_NUMBERS)
    values |= {name: options[name] for name in names if options[name] is not None}
    if options["target_modules"]:
        values["target_modules"] = [name.strip() for name in options["target_modules"].split(",")]
    if options["no_packing"]:
        values["packing"] = False
    return TuningPlan.from_json(values)


def _tune(plan: TuningPlan, options: Mapping[str, Any], stdout: TextIO) -> None:
    from models_ml.nn.loading import set_threads  # noqa: PLC0415
    from models_ml.nn.progress import Cancelled  # noqa: PLC0415
    from models_ml.nn.training import TrainingFailed  # noqa: PLC0415
    from models_ml.nn.tuning.training import tune  # noqa: PLC0415

    try:
        set_threads(options["threads"])
        result = tune(
            plan,
            options["out"],
            on_progress=ProgressBar(stdout),
            should_stop=_interrupted().is_set,
            resume=options["resume"],
        )
    except Cancelled as error:
        raise CommandError(f"{error}. Go on with --resume.", returncode=130) from error
    except (TuningError, TrainingFailed, OSError, ValueError) as error:
        raise CommandError(str(error), returncode=2) from error
    stdout.writelines(f"note: {note}\n" for note in result.notes)
    figures = ", ".join(f"{name} {value:.4g}" for name, value in result.evaluation.items())
    speed = result.tokens / max(1e-9, result.seconds)
    stdout.write(
        f"{result.steps} steps, {result.tokens:,} tokens at {speed:,.0f} a second; {figures or 'no figures'}\n"
    )
    stdout.write(f"the model is in {options['out']}\n")
