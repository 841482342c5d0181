"""Named arrays and what they are, as one piece of bytes that the browser reads.

A bundle is safetensors: float32 arrays (int8 for images) and, in the header, a JSON description.
"""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import safetensors.numpy

FORMAT = "loptscope-bundle/1"

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Bundle:
    """Arrays and their description; `encode` and `decode` convert it to bytes and back."""

    arrays: Arrays
    about: dict[str, Any]

    def encode(self) -> bytes:
        """Encode as safetensors."""
        contiguous = {name: np.ascontiguousarray(array) for name, array in self.arrays.items()}
        about = json.dumps({"format": FORMAT, **self.about}, allow_nan=False)
        return safetensors.numpy.save(
            contiguous, {"about": about}
        )  # one entry: safetensors does not keep the order of several

    @classmethod
    def decode(cls, content: bytes) -> "Bundle":
        """Decode the safetensors of `encode`."""
        size = int.from_bytes(content[:8], "little")
        about = json.loads(json.loads(content[8 : 8 + size])["__metadata__"]["about"])
        del about["format"]
        return cls(safetensors.numpy.load(content), about)
