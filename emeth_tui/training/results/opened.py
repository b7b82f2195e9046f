"""A result of a stranger's, opened with the job's own model, tokenizer and validation text."""

from __future__ import annotations

from pathlib import Path

from emeth_tui.errors import JobError
from emeth_tui.training.data.dataset import tokenizer_of
from emeth_tui.training.data.tokenizer import TextTokenizer
from emeth_tui.training.files.checkpoint import load_result
from emeth_tui.training.files.models import open_model
from emeth_tui.training.model.gpt2 import Gpt2
from emeth_tui.training.run.evaluation import Evaluator


class OpenedResult:
    """A result whose file is checked: nothing but tensors of this model, whole and finite.

    Raise JobError for what is wrong with it, and remove it then; DatasetError, TrainingError.
    """

    def __init__(self, model: str, language: str, dataset: Path, result: Path) -> None:
        self._evaluator = Evaluator(model, language, dataset)
        self.job_model = open_model(model)
        self._dataset = dataset
        self._language = language
        try:
            self.claimed = load_result(result, self._evaluator.tensor_shapes)
        except JobError:
            result.unlink(missing_ok=True)  # fetched again it may be whole
            raise
        self.loss = self._evaluator.loss(self.claimed.state_dict)
        self.shape = self._evaluator.shape

    def start_loss(self) -> float:
        """Return the validation loss of the model that training started from."""
        return self._evaluator.untrained_loss()

    def tokenizer(self) -> TextTokenizer:
        """Make the job's tokenizer."""
        return tokenizer_of(self._dataset, self.job_model.token_source(self._language))

    def trained(self) -> Gpt2:
        """Build the trained model."""
        model = self.job_model.build(self.shape)
        model.import_weights(self.claimed.state_dict)
        return model.eval()

    def start(self, seed: int) -> Gpt2:
        """Build the model that training started from."""
        model = self.job_model.build(self.shape)
        self.job_model.set_initial_weights(model, seed)
        return model.eval()

    def first_validation_tokens(self, samples: int, tokens: int) -> list[list[int]]:
        """Return the beginnings of some blocks of the validation text."""
        return [[int(token) for token in block[:tokens]] for block in self._evaluator.valid[:samples]]
