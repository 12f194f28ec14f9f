"""Muon: momentum whose matrices are orthogonalised before each step, for the hidden linear layers.

The update U of a weight matrix is replaced by the nearest semi-orthogonal matrix, found by a quintic Newton-Schulz
iteration X <- a X + b (X X^T) X + c (X X^T)^2 X, which drives all singular values towards one. Scaled by
0.2 sqrt(max(rows, columns)) a step has about the size of an AdamW step, so that both share one learning rate scale.
"""

import torch


def orthogonalise(update, steps=5):
    """Approximate polar factors of a stack of matrices [n, rows, columns] with rows <= columns."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = update.bfloat16() if update.is_cuda else update
    x = x / (torch.linalg.vector_norm(x, dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.transpose(1, 2)
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x


class Muon:
    """Optimises lists of matrices; those of one shape (up to transposition) are treated as one stack."""

    def __init__(self, matrices, momentum=0.95, weight_decay=0.02):
        """matrices: (parameter, pieces): the parameter is split into that many equal blocks of rows."""
        self.momentum, self.weight_decay = momentum, weight_decay
        self.parameters = [p for p, _ in matrices]
        self.groups = {}
        for parameter, pieces in matrices:
            rows, columns = parameter.shape[0] // pieces, parameter.shape[1]
            key = (min(rows, columns), max(rows, columns))
            self.groups.setdefault(key, []).extend((parameter, i * rows, rows) for i in range(pieces))
        self.buffers = {key: torch.zeros(len(blocks), *key, device=blocks[0][0].device)
                        for key, blocks in self.groups.items()}

    @torch.no_grad()
    def step(self, lr):
        torch._foreach_mul_(self.parameters, 1.0 - lr * self.weight_decay)
        for key, blocks in self.groups.items():
            def oriented(matrix, start, rows):
                block = matrix[start:start + rows]
                return block if block.shape[0] <= block.shape[1] else block.t()
            gradient = torch.stack([oriented(p.grad, s, r) for p, s, r in blocks]).float()
            buffer = self.buffers[key].lerp_(gradient, 1.0 - self.momentum)
            update = orthogonalise(gradient.lerp(buffer, self.momentum)).float()
            targets = [oriented(p, s, r) for p, s, r in blocks]
            torch._foreach_add_(targets, list(update.unbind(0)), alpha=-lr * 0.2 * key[1] ** 0.5)
