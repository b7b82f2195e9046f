"""Why a dataset, a model or a training is no good."""
