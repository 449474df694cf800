"""The front of DeepSeek-V4's attention as an operator of PyTorch, in a small model, beside the same in eager torch.

The kernel is that of qkv_proj_rope.py. Without torch this example says so and ends.
"""

import imbrex as ib
import numpy as np
from qkv_proj_rope import HEAD, NOPE, ROPE, qkv_proj_rope

try:
    import torch
except ImportError:
    raise SystemExit(print("torch is not installed: nothing to show")) from None

front = ib.torch.op(qkv_proj_rope)  # torch.ops.imbrex.qkv_proj_rope, and qkv_proj_rope_out, which is given its outputs
HIDDEN, HEADS, LATENT, EPS = 512, 4, 256, 1e-6


class AttentionFront(torch.nn.Module):
    """From tokens [T, HIDDEN] to queries [T, HEADS, 512] and the latent row [T, 512]."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        random = torch.Generator().manual_seed(seed)

        def bf16(*shape: int) -> torch.Tensor:
            return (torch.randn(shape, generator=random) / shape[0] ** 0.5).bfloat16()

        self.norm_w = torch.ones(HIDDEN)
        self.wq_a, self.gamma_cq = bf16(HIDDEN, LATENT), torch.ones(LATENT).bfloat16()
        self.wq_b = torch.randint(-127, 128, (LATENT, HEADS * HEAD), generator=random).to(torch.int8)
        self.wq_b_scale = torch.full((HEADS * HEAD,), 1 / 127 / LATENT**0.5)
        self.wkv, self.gamma_ckv = bf16(HIDDEN, HEAD), torch.ones(HEAD).bfloat16()

    def forward(self, x: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        q, kv, _, _ = front(
            x,
            self.norm_w,
            self.wq_a,
            self.gamma_cq,
            self.wq_b,
            self.wq_b_scale,
            self.wkv,
            self.gamma_ckv,
            cosine,
            sine,
            eps=EPS,
        )
        return q, kv

    def eager(self, x: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The same, operation by operation."""
        normed = (normalized(x.float()) * self.norm_w).bfloat16()
        latent = (normalized(normed.float() @ self.wq_a.float()) * self.gamma_cq.float()).bfloat16().float()
        quant = 127 / latent.abs().amax(dim=1, keepdim=True).clamp(min=1e-4)
        integers = (latent * quant).round()
        u = (integers @ self.wq_b.float()) / quant * self.wq_b_scale
        q = rotated(normalized(u.view(len(x), HEADS, HEAD)), cosine[:, None], sine[:, None])
        kv = rotated(normalized(normed.float() @ self.wkv.float()) * self.gamma_ckv.float(), cosine, sine)
        return q.bfloat16(), kv.bfloat16()


def normalized(x: torch.Tensor) -> torch.Tensor:
    return x * torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + EPS)


def rotated(rows: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor) -> torch.Tensor:
    even, odd = rows[..., NOPE::2], rows[..., NOPE + 1 :: 2]
    c, s = cosine[..., : ROPE // 2].float(), sine[..., : ROPE // 2].float()
    turned = torch.stack((even * c - odd * s, even * s + odd * c), dim=-1).flatten(-2)
    return torch.cat((rows[..., :NOPE], turned), dim=-1)


def angles(tokens: int) -> tuple[torch.Tensor, torch.Tensor]:
    turn = torch.outer(torch.arange(tokens), 10000.0 ** (-torch.arange(ROPE) / ROPE))
    return turn.cos().bfloat16(), turn.sin().bfloat16()


def main() -> None:
    model, tokens = AttentionFront(), 37
    x = torch.from_numpy(np.random.default_rng(0).standard_normal((tokens, HIDDEN), np.float32)).bfloat16()
    ours, eager = model(x, *angles(tokens)), model.eager(x, *angles(tokens))
    for name, a, b in zip(("q", "kv"), ours, eager, strict=True):
        # Both round to bf16, 2^-9 of a value below 8, and sum in other orders; a step of int8 may differ, too.
        print(f"{name}: {tuple(a.shape)}, largest difference from eager torch {(a.float() - b.float()).abs().max():.4f}")
        assert torch.allclose(a.float(), b.float(), rtol=2**-7, atol=2**-5)


main()
