"""Hugging Face's `Trainer` with its usual fast settings: the side that most people would use.

Scaled-dot-product attention, fused AdamW, bf16 on CUDA, no logging, no saving, no evaluation. Rates, weight
decay, clipping, dropout and the order of the blocks are those of the other sides. It gets the benefit of
the doubt: the tokens are in memory, and its check of every step's loss, which makes CUDA wait, is off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler
from transformers import (
    GPT2LMHeadModel,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    default_data_collator,
)

from benchmarks.training.reference import (
    Blocks,
    LoopPlan,
    make_job_model,
    tokenised,
    training_text,
    write_result,
)
from emeth_tui.training.data.dataset import epoch_order, token_ids
from emeth_tui.training.files.models import ModelSpec, open_model
from emeth_tui.training.model.optimiser import MAX_GRADIENT_NORM, WEIGHT_DECAY, scheduled_share

GoOn = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Fast:
    """Which of the fast settings apply."""

    device: torch.device
    compile_backend: str | None = None  # None: not compiled


def train(
    model: GPT2LMHeadModel, blocks: Blocks, plan: LoopPlan, fast: Fast, directory: Path, go_on: GoOn
) -> float:
    """Train until the plan is done or `go_on`, called before each epoch, is False; return the mean loss."""
    if not go_on():
        return 0.0
    arguments = _arguments(plan, fast, directory)
    if fast.device.type == "cuda":
        # transformers enables TF32 through torch's newer API alone; the older one then raises when read.
        # Both see what is set through the older one.
        torch.set_float32_matmul_precision("high")
    trainer = _Trainer(
        model=model,
        args=arguments,
        train_dataset=_Blocks(blocks),
        data_collator=default_data_collator,
        callbacks=[_Epochs(go_on)],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.plan, trainer.blocks = plan, len(blocks)
    return float(trainer.train().training_loss)


def run_job(
    spec: ModelSpec, language: str, dataset_path: Path, work_dir: Path, plan: LoopPlan, verification_key: str
) -> Path:
    """Do a whole job on the CPU, from the text file to the result file; return its path.

    The text is tokenised once, into memory, as users of `Trainer` do; nothing is saved before the end.
    """
    work_dir.mkdir(parents=True, exist_ok=True)
    text = training_text(dataset_path, language)
    job_model = open_model(spec.name)
    tokenizer = job_model.token_source(language).make_tokenizer([text])
    blocks = tokenised(text, tokenizer, spec.block_tokens)
    model = make_job_model(spec, job_model.shape(tokenizer.vocab_size), plan.seed, attention="sdpa")
    fast = Fast(torch.device("cpu"))
    loss = train(model, blocks, plan, fast, work_dir, go_on=lambda: True)
    return write_result(work_dir, dataset_path, plan.epochs, model, loss, verification_key)


class _Trainer(Trainer):  # type: ignore[misc]  # mypy does not look into transformers
    """Takes the order of the blocks and the learning rate from the plan."""

    plan: LoopPlan
    blocks: int

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int]:
        return _PlannedOrder(self.plan, self.blocks)

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        assert self.optimizer is not None  # made just before
        batches = -(-self.blocks // self.plan.batch_size)

        def share(step: int) -> float:
            epoch, batch = divmod(step, batches)
            blocks_done = min((batch + 1) * self.plan.batch_size, self.blocks)
            return scheduled_share((epoch + blocks_done / self.blocks) / self.plan.epochs)

        self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(self.optimizer, share)
        return self.lr_scheduler


class _Epochs(TrainerCallback):  # type: ignore[misc]  # as above
    """Asks before each further epoch whether to train it."""

    def __init__(self, go_on: GoOn) -> None:
        self._go_on = go_on

    def on_epoch_end(self, args: Any, state: Any, control: Any, **others: Any) -> Any:
        if not self._go_on():
            control.should_training_stop = True
        return control


class _Blocks(Dataset[dict[str, Tensor]]):
    def __init__(self, blocks: Blocks) -> None:
        self._ids = torch.from_numpy(token_ids(blocks))

    def __len__(self) -> int:
        return len(self._ids)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return {"input_ids": self._ids[index], "labels": self._ids[index]}


class _PlannedOrder(Sampler[int]):
    """Yields the next epoch's order on each pass."""

    def __init__(self, plan: LoopPlan, blocks: int) -> None:
        self._plan = plan
        self._blocks = blocks
        self._epoch = 0

    def __len__(self) -> int:
        return self._blocks

    def __iter__(self) -> Iterator[int]:
        order = epoch_order(self._plan.seed, self._epoch, self._blocks)
        self._epoch += 1
        return iter(order.tolist())


def _arguments(plan: LoopPlan, fast: Fast, directory: Path) -> TrainingArguments:
    on_cuda = fast.device.type == "cuda"
    return TrainingArguments(
        output_dir=str(directory),
        per_device_train_batch_size=plan.batch_size,
        num_train_epochs=plan.epochs,
        learning_rate=plan.learning_rate,
        weight_decay=WEIGHT_DECAY,
        max_grad_norm=MAX_GRADIENT_NORM,
        optim="adamw_torch_fused",
        bf16=on_cuda,
        tf32=True if on_cuda else None,
        use_cpu=not on_cuda,
        dataloader_pin_memory=on_cuda,
        seed=plan.seed,
        logging_strategy="no",
        logging_nan_inf_filter=False,
        save_strategy="no",
        eval_strategy="no",
        report_to=[],
        disable_tqdm=True,
        remove_unused_columns=False,
        torch_compile=fast.compile_backend is not None,
        torch_compile_backend=fast.compile_backend,
    )
