"""The sentences of notices/reasons/training/result.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.notice import Notice
from emeth_tui.notices.reasons.training import result

SENTENCES: Mapping[type[Notice], str] = {
    result.ResultUnloadable: "the result file cannot be loaded: {detail}",
    result.ResultKeysWrong: "the result file does not hold exactly {wanted}",
    result.ResultEpochWrong: "the result file's epoch is {epoch}, not a count of epochs",
    result.ResultNotTorch: "the result file is not an archive made by torch.save",
    result.ResultCompressed: "the result file holds compressed entries, which torch.save never writes",
    result.ResultTooLarge: "the result file unpacks to {held} bytes, the model has {wanted}",
    result.ResultNotANumber: "the result file's {name} is not a float tensor of shape (1,)",
    result.ResultNotFinite: "the result file's {name} is {number}",
    result.ResultHashWrong: "the result file's hash is not 64 lower-case hex digits",
    result.ResultWithoutWeights: "the result file's model_state_dict is not a dict",
    result.ResultTensorsDiffer: (
        "the result file's tensors are not the model's: {missing} missing, {unknown} unknown"
    ),
    result.ResultTensorNotPlain: "the result file's {name} is not a plain float tensor",
    result.ResultTensorShape: "the result file's {name} has shape {shape}, not {wanted}",
    result.ResultTensorNotFinite: "the result file's {name} holds values that are not finite",
    result.DifferenceMalformed: "the difference is not a file of its form and length",
    result.DifferenceOfAnotherAverage: "the difference is not from the last average",
    result.DifferenceOutOfBounds: "the difference's {name} is out of bounds",
    result.ResultUnfit: "the result's weights do not fit model {model}: {detail}",
}
