"""Computing for pages, in processes of its own: a visitor who asks for much waits for it, and nobody else does.

`line` decides what is computed next, `child` is what computes, `pool` brings both together, and `asker` says for whom.
"""
