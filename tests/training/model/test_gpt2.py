"""Our GPT-2 against Hugging Face's: same weights, same names, same numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn
from torch.nn import functional

from emeth_tui.training.model import gpt2
from emeth_tui.training.model.dropout import seed_masks
from emeth_tui.training.model.gpt2 import (
    EMBEDDING_NAME,
    HEAD_NAME,
    FeedForward,
    Gpt2,
    Gpt2Shape,
    LayerMasks,
    UnfitWeights,
    tensor_shapes,
)
from emeth_tui.training.model.optimiser import make_optimiser, set_rate

if TYPE_CHECKING:
    from transformers import GPT2LMHeadModel

SHAPE = Gpt2Shape(layers=2, heads=4, width=32, positions=48, vocab_size=101)


@pytest.fixture
def ours() -> Gpt2:
    model = Gpt2(SHAPE).eval()
    model.initialise(seed=5)
    return model


@pytest.fixture
def theirs() -> GPT2LMHeadModel:
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(6)
    config = GPT2Config(
        vocab_size=SHAPE.vocab_size,
        n_positions=SHAPE.positions,
        n_embd=SHAPE.width,
        n_layer=SHAPE.layers,
        n_head=SHAPE.heads,
        bos_token_id=0,
        eos_token_id=0,
    )
    model = GPT2LMHeadModel(config).eval()
    for parameter in model.parameters():  # biases and norms too: fresh ones would hide a mix-up
        torch.nn.init.normal_(parameter, std=0.1)
    return model


def some_ids(rows: int = 3, length: int = 48) -> torch.Tensor:
    return torch.randint(0, SHAPE.vocab_size, (rows, length), generator=torch.Generator().manual_seed(7))


def test_logits_and_loss_equal_hugging_faces_with_its_weights(ours: Gpt2, theirs: GPT2LMHeadModel) -> None:
    ours.import_weights(theirs.state_dict())
    ids = some_ids()

    logits = ours(ids)[..., : SHAPE.vocab_size]
    expected = theirs(ids, labels=ids)

    torch.testing.assert_close(logits, expected.logits, atol=1e-4, rtol=0)
    torch.testing.assert_close(ours.loss(ids), expected.loss, atol=1e-5, rtol=0)


def test_gradients_equal_hugging_faces(ours: Gpt2, theirs: GPT2LMHeadModel) -> None:
    ours.import_weights(theirs.state_dict())
    ids = some_ids()

    ours.loss(ids).backward()
    theirs(ids, labels=ids).loss.backward()

    expected = dict(theirs.named_parameters())
    for name, parameter in ours.named_parameters():
        gradient = parameter.grad
        assert gradient is not None
        if name == EMBEDDING_NAME:
            assert not gradient[SHAPE.vocab_size :].any()
            gradient = gradient[: SHAPE.vocab_size]
        torch.testing.assert_close(gradient, expected[name].grad, atol=1e-5, rtol=1e-4)


def test_exported_weights_load_strictly_into_hugging_faces_model(ours: Gpt2, theirs: GPT2LMHeadModel) -> None:
    ids = some_ids()

    theirs.load_state_dict(ours.export_weights(), strict=True)

    torch.testing.assert_close(ours(ids)[..., : SHAPE.vocab_size], theirs(ids).logits, atol=1e-4, rtol=0)


def test_export_names_hugging_faces_tensors_and_hides_the_padding(
    ours: Gpt2, theirs: GPT2LMHeadModel
) -> None:
    exported = {name: tuple(tensor.shape) for name, tensor in ours.export_weights().items()}

    assert exported == {name: tuple(tensor.shape) for name, tensor in theirs.state_dict().items()}
    assert exported == tensor_shapes(SHAPE)


def test_export_is_a_copy_and_keeps_the_head_tied(ours: Gpt2) -> None:
    exported = ours.export_weights()
    before = exported[EMBEDDING_NAME].clone()

    with torch.no_grad():
        ours.transformer.wte.weight += 1.0

    assert torch.equal(exported[EMBEDDING_NAME], before)
    assert exported[HEAD_NAME] is exported[EMBEDDING_NAME]
    assert exported[EMBEDDING_NAME].untyped_storage().nbytes() == 4 * SHAPE.vocab_size * SHAPE.width


def test_import_takes_over_what_was_exported(ours: Gpt2) -> None:
    copy = Gpt2(SHAPE).eval()

    copy.import_weights(ours.export_weights())

    assert torch.equal(copy(some_ids()), ours(some_ids()))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda weights: weights.pop("transformer.ln_f.bias"), "transformer.ln_f.bias is missing"),
        (lambda weights: weights.update({EMBEDDING_NAME: torch.zeros(5, 32)}), "has shape"),
        (lambda weights: weights.update({HEAD_NAME: weights[HEAD_NAME] + 1}), "differs"),
    ],
)
def test_import_refuses_weights_that_do_not_fit(ours: Gpt2, change, message: str) -> None:  # type: ignore[no-untyped-def]
    weights = ours.export_weights()
    change(weights)

    with pytest.raises(UnfitWeights, match=message):
        Gpt2(SHAPE).import_weights(weights)


def test_training_leaves_the_padding_alone(ours: Gpt2) -> None:
    optimiser = make_optimiser(ours)
    set_rate(optimiser, 0.1)
    ours.train()

    for _ in range(3):
        ours.loss(some_ids()).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        optimiser.zero_grad()

    assert SHAPE.padded_vocab_size == 128
    assert not ours.transformer.wte.weight[SHAPE.vocab_size :].any()


def test_dropout_works_in_training_only(ours: Gpt2) -> None:
    ids = some_ids()
    assert torch.equal(ours(ids), ours(ids))

    ours.train()

    assert not torch.equal(ours(ids), ours(ids))


def masks_of_ones(shape: tuple[int, ...], dropout: float, dtype: torch.dtype) -> tuple[torch.Tensor, ...]:
    return torch.ones(shape, dtype=dtype).unbind()


def test_masks_that_drop_nothing_change_nothing_but_the_scale(
    ours: Gpt2, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids, almost_none = some_ids(), 1e-9
    ours.eval()
    expected = torch.autograd.grad(ours.loss(ids), list(ours.parameters()))
    monkeypatch.setattr(gpt2, "draw_masks", masks_of_ones)
    for module in ours.modules():
        if hasattr(module, "dropout"):
            module.dropout = almost_none

    ours.train()
    gradients = torch.autograd.grad(ours.loss(ids), list(ours.parameters()))

    for gradient, expected_gradient in zip(gradients, expected, strict=True):
        torch.testing.assert_close(gradient, expected_gradient, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_what_is_dropped_is_made_up_for_by_the_rest(ours: Gpt2) -> None:
    """Over many masks, the mean of what a layer adds is what it adds without dropout."""
    states = torch.randn(96, SHAPE.width, generator=torch.Generator().manual_seed(1))
    block = ours.transformer.h[0]
    seed_masks((1,))

    def attended(masks: LayerMasks | None) -> torch.Tensor:
        return block.attn(states, 48, masks.attention if masks else None) - block.attn.c_proj.bias

    def added(masks: LayerMasks | None) -> torch.Tensor:
        return block(states, 48, masks) - states

    with torch.no_grad():
        for parameter in block.parameters():
            if parameter.ndim == 2:
                parameter.mul_(5.0)  # as after some training: what is added weighs something
        for part in (attended, added):
            block.eval()
            expected = part(None)
            block.train()
            mean = torch.stack([part(*ours.transformer.masks(2, 48, layers=1)[1]) for _ in range(2000)]).mean(
                0
            )
            assert (mean - expected).norm() < 0.05 * expected.norm()


def test_fresh_weights_follow_from_the_seed_alone() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first, second, other = Gpt2(SHAPE), Gpt2(SHAPE), Gpt2(SHAPE)
    torch.set_rng_state(before)

    first.initialise(3)
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(10)
    second.initialise(3)
    other.initialise(4)

    weights = first.export_weights()
    assert all(torch.equal(weights[name], tensor) for name, tensor in second.export_weights().items())
    assert not torch.equal(weights[EMBEDDING_NAME], other.export_weights()[EMBEDDING_NAME])


def test_fresh_weights_spread_as_gpt2s() -> None:
    model = Gpt2(Gpt2Shape(layers=2, heads=4, width=128, positions=128, vocab_size=1024))
    model.initialise(0)
    weights = model.export_weights()

    assert weights[EMBEDDING_NAME].std() == pytest.approx(0.02, rel=0.05)
    assert weights["transformer.h.0.attn.c_proj.weight"].std() == pytest.approx(0.01, rel=0.05)
    assert weights["transformer.h.1.ln_2.weight"].eq(1).all()
    assert weights["transformer.h.1.mlp.c_fc.bias"].eq(0).all()


def test_the_feed_forward_keeps_no_gelu_for_its_gradients() -> None:
    shape = Gpt2Shape(layers=1, heads=2, width=16, positions=8, vocab_size=32)
    layer = FeedForward(shape)
    for parameter in layer.parameters():
        nn.init.normal_(parameter, std=0.2)
    states = torch.randn(24, 16, requires_grad=True)
    wanted = [states, *layer.parameters()]
    expected_output = layer.c_proj(functional.gelu(layer.c_fc(states), approximate="tanh"))
    expected = torch.autograd.grad(expected_output.square().sum(), wanted)
    kept: list[torch.Size] = []

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept.append(tensor.shape)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        output = layer(states)
    gradients = torch.autograd.grad(output.square().sum(), wanted)

    assert torch.equal(output, expected_output)
    for gradient, expected_gradient in zip(gradients, expected, strict=True):
        torch.testing.assert_close(gradient, expected_gradient)
    assert kept.count(torch.Size([24, 64])) == 1, "what goes into the GELU alone"
