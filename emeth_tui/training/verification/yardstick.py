"""A job as its verifier measures it: losses on the text trained on and on text never seen, and a short run.

A result is compared with two models: the one that its training starts from, and one that the verifier has
trained for a few epochs itself. All three are measured on the same blocks.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from emeth_tui.errors import JobError
from emeth_tui.notices.reasons.training.result import ResultUnfit
from emeth_tui.training.data.dataset import load_tokens
from emeth_tui.training.devices import open_device
from emeth_tui.training.files.checkpoint import CheckpointStore
from emeth_tui.training.files.models import open_model
from emeth_tui.training.job_control import Control
from emeth_tui.training.model.gpt2 import HEAD_NAME, Gpt2, UnfitWeights, tensor_shapes
from emeth_tui.training.run.evaluation import mean_loss, spread_sample
from emeth_tui.training.run.loop import Trainer
from emeth_tui.training.run.state import Plan, SavingLimits
from emeth_tui.training.verification.measures import Losses

MEASURED_BLOCKS = 64  # of each part of the text: 8,000 tokens, whose mean loss is known to a percent
SHORT_EPOCHS = 3  # of the verifier's own run: a tenth of the job
_NEVER_SAVES = SavingLimits(every_s=math.inf, gap_s=math.inf)  # it is over before it would pay


class Yardstick:
    """A job's tokens, the model that it starts from, and the losses of any model of its shape.

    `seed` is the job's own (`job_ids.training_seed`). Raise DatasetError for a dataset that no node could
    train on.
    """

    def __init__(
        self, model_name: str, language: str, dataset: Path, cache: Path, seed: int, device_name: str = "cpu"
    ) -> None:
        self._model = open_model(model_name)
        self._device = open_device(device_name)
        self._cache = cache
        self._seed = seed
        self._dataset_bytes = dataset.stat().st_size
        self._tokens = load_tokens(dataset, cache / "tokens", self._model.token_source(language))
        self._trained_on = spread_sample(self._tokens.train, MEASURED_BLOCKS)
        self._unseen = spread_sample(self._tokens.valid, MEASURED_BLOCKS)
        self._shape = self._model.shape(self._tokens.vocab_size)

    @property
    def tensor_shapes(self) -> dict[str, tuple[int, ...]]:
        """What `checkpoint.load_result` has to find in a result of this job."""
        return tensor_shapes(self._shape)

    @property
    def digest(self) -> str:
        """`d` of protocol.md §9."""
        return self._tokens.digest

    @property
    def pretrained(self) -> bool:
        """Whether all jobs start from the same weights, and results from the best ones of their training."""
        return self._model.spec.pretrained

    @property
    def memorises(self) -> bool:
        """Whether the model has more parameters than the text has tokens."""
        parameters = sum(math.prod(shape) for name, shape in self.tensor_shapes.items() if name != HEAD_NAME)
        return int(self._tokens.train.size) < parameters

    @property
    def learning_rate(self) -> float:
        """The model's own rate."""
        return self._model.spec.learning_rate

    def start(self) -> Gpt2:
        """Return the model that this job's training starts from."""
        model = self._model.build(self._shape)
        self._model.set_initial_weights(model, self._seed)
        return model

    def short_run(self, epochs: int) -> Gpt2:
        """Train a model for so many epochs, as a node does for all of them. Raise TrainingError."""
        model = self._model.build(self._shape)
        spec = self._model.spec
        plan = Plan(
            epochs=epochs,
            batch_size=spec.batch_for(self._dataset_bytes),
            learning_rate=spec.learning_rate,
            seed=self._seed,
            saving=_NEVER_SAVES,
            back_to_best=spec.pretrained,
        )
        trainer = Trainer(
            model=model,
            tokens=self._tokens,
            plan=plan,
            store=CheckpointStore(self._cache / f"short-{epochs}", {}),
            device=self._device,
            report=lambda _event: None,
            control=Control(),
            set_initial_weights=lambda fresh: self._model.set_initial_weights(fresh, self._seed),
        )
        with contextlib.closing(trainer):
            trainer.run()
        return model

    def losses_of(self, state_dict: Mapping[str, Tensor]) -> Losses:
        """Return the losses of a result's weights. Raise JobError when they do not fit."""
        model = self._model.build(self._shape)
        try:
            model.import_weights(state_dict)
        except UnfitWeights as error:
            raise JobError(ResultUnfit(self._model.spec.name, error.reason)) from error
        return self.losses(model)

    def losses(self, model: Gpt2) -> Losses:
        """Return a model's losses."""
        model = model.to(self._device.torch_device)
        return Losses(
            mean_loss(model, self._trained_on, self._device), mean_loss(model, self._unseen, self._device)
        )
