"""Layers that take off a mean and divide by a deviation: of channels, of samples, of groups of channels, of the last dimensions."""

from __future__ import annotations

import numbers
import warnings
from collections.abc import Sequence
from typing import Any

from ..calls import FUNCTIONS
from ..tensor import Tensor
from . import functional
from .module import Module
from .parameter import Parameter


class _Scaled(Module):
    """What has a scale and a level, or one of them, or none."""

    weight: Parameter | None
    bias: Parameter | None

    def _parameters_of(self, shape: Any, scaled: bool, moved: bool, like: dict[str, Any]) -> None:
        """Register both, of this shape; None for one that is not wanted."""
        for name, wanted in (("weight", scaled), ("bias", scaled and moved)):
            self.register_parameter(name, Parameter(FUNCTIONS["empty"](shape, **like)) if wanted else None)

    def reset_parameters(self) -> None:
        """Scale by one, about zero."""
        for t, value in ((self.weight, 1), (self.bias, 0)):
            if t is not None:
                t.requires_grad_(False).fill_(value).requires_grad_()


class _Tracked(_Scaled):
    """What may keep running statistics: buffers that training moves."""

    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None
    _version = 2
    ranks: tuple[int, ...] = ()  # of the input

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True, track_running_stats: bool = True,
        device: Any = None, dtype: Any = None, *, bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        like = {"device": device, "dtype": dtype}
        self._parameters_of(num_features, affine, bias, like)
        buffers: dict[str, Any] = dict.fromkeys(("running_mean", "running_var", "num_batches_tracked"))
        if track_running_stats:
            buffers = {
                "running_mean": FUNCTIONS["zeros"](num_features, **like),
                "running_var": FUNCTIONS["ones"](num_features, **like),
                "num_batches_tracked": FUNCTIONS["tensor"](0, device=device),
            }
        for name, t in buffers.items():
            self.register_buffer(name, t)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """As if nothing had been seen."""
        for t, value in ((self.running_mean, 0), (self.running_var, 1), (self.num_batches_tracked, 0)):
            if self.track_running_stats and t is not None:
                t.fill_(value)

    def reset_parameters(self) -> None:
        self.reset_running_stats()
        super().reset_parameters()

    def _check_input_dim(self, input: Tensor) -> None:
        """Raises ValueError for an input of another number of dimensions."""
        if input.dim() not in self.ranks:
            raise ValueError(f"expected {' or '.join(f'{n}D' for n in self.ranks)} input (got {input.dim()}D input)")

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, bias={self.bias is not None}, "
            f"track_running_stats={self.track_running_stats}"
        )


class _BatchNorm(_Tracked):
    """Each channel by the statistics of the batch in training, by those that ran along in evaluation."""

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        share = 0.0 if self.momentum is None else self.momentum
        if self.training and self.track_running_stats and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            share = 1.0 / float(self.num_batches_tracked) if self.momentum is None else share
        training = self.training or (self.running_mean is None and self.running_var is None)
        used = not self.training or self.track_running_stats
        mean, variance = (self.running_mean, self.running_var) if used else (None, None)
        made: Tensor = functional.batch_norm(input, mean, variance, self.weight, self.bias, training, share, self.eps)
        return made


class BatchNorm1d(_BatchNorm):
    """Batch norm of vectors, or of channels with one dimension."""

    ranks = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Batch norm of channels with two dimensions."""

    ranks = (4,)


class BatchNorm3d(_BatchNorm):
    """Batch norm of channels with three dimensions."""

    ranks = (5,)


class _InstanceNorm(_Tracked):
    """Each channel of each sample by its own statistics; one sample may come alone."""

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = False,
        track_running_stats: bool = False, device: Any = None, dtype: Any = None, *, bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def _normalised(self, input: Tensor) -> Tensor:
        own = self.training or not self.track_running_stats
        share = 0.0 if self.momentum is None else self.momentum
        made: Tensor = functional.instance_norm(input, self.running_mean, self.running_var, self.weight, self.bias, own, share, self.eps)
        return made

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        alone = input.dim() == self.ranks[0]
        dim = 0 if alone else 1
        if input.size(dim) != self.num_features:
            where = f"input's size at dim={dim}"
            if self.affine:
                raise ValueError(f"expected {where} to match num_features ({self.num_features}), but got: {input.size(dim)}.")
            warnings.warn(
                f"{where} does not match num_features. You can silence this warning by not passing in num_features, which is not used "
                "because affine=False",
                stacklevel=2,
            )
        return self._normalised(input.unsqueeze(0)).squeeze(0) if alone else self._normalised(input)


class InstanceNorm1d(_InstanceNorm):
    """Instance norm of channels with one dimension."""

    ranks = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """Instance norm of channels with two dimensions."""

    ranks = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    """Instance norm of channels with three dimensions."""

    ranks = (4, 5)


class GroupNorm(_Scaled):
    """The channels of each sample in groups, each by its own statistics."""

    def __init__(
        self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True, device: Any = None, dtype: Any = None, *,
        bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        if num_channels % num_groups:
            raise ValueError(f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})")
        self.num_groups, self.num_channels, self.eps, self.affine = num_groups, num_channels, eps, affine
        self._parameters_of(num_channels, affine, bias, {"device": device, "dtype": dtype})
        self.reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        made: Tensor = functional.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)
        return made

    def extra_repr(self) -> str:
        own = f"{self.num_groups}, {self.num_channels}, eps={self.eps}"
        return f"{own}, affine={self.affine}, bias={self.bias is not None}"


class LayerNorm(_Scaled):
    """The last dimensions of each sample by their own statistics."""

    def __init__(
        self, normalized_shape: int | Sequence[int], eps: float = 1e-5, elementwise_affine: bool = True, bias: bool = True,
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        shape = (normalized_shape,) if isinstance(normalized_shape, numbers.Integral) else tuple(normalized_shape)  # type: ignore[arg-type]  # no number
        self.normalized_shape, self.eps, self.elementwise_affine = shape, eps, elementwise_affine
        self._parameters_of(shape, elementwise_affine, bias, {"device": device, "dtype": dtype})
        self.reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        made: Tensor = functional.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)
        return made

    def extra_repr(self) -> str:
        own = f"{self.normalized_shape}, eps={self.eps}"
        return f"{own}, elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
