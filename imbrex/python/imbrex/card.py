"""A kernel as a few lines of HTML, as notebooks show it."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from .errors import Error

if TYPE_CHECKING:
    from .calling import CallableKernel


def card_of(kernel: CallableKernel) -> str:
    """How it is called and, for what it was built for so far, what is proven and what it should cost at typical sizes."""
    parts = [f"<b>{escape(kernel.name)}</b><br><code>{escape(kernel.signature.text())}</code>"]
    try:
        if not kernel._variants:
            kernel.program()
        for variant in list(kernel._variants.values()):
            constants = ", ".join(f"{name}={value}" for name, value in variant.constants.items())
            built_for = f"built for <code>{escape(constants)}</code>" if constants else ""
            parts.append(f"<div style=\"margin-top:.6em\">{built_for}{kernel.program(**variant.constants).card()}</div>")
    except Error as refused:
        # Constants come with a call; a loaded kernel has no program.
        if refused.id not in ("const-missing", "no-program"):
            parts.append(f"<pre>{escape(str(refused))}</pre>")
    return f"<div>{''.join(parts)}</div>"
