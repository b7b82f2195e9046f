"""The network that is trained: GPT-2, its vocabulary head, dropout and the optimiser.

GPUs calculate in bf16, or in fp16 with a scaled loss where they have matrix units but no bf16.
`deterministic` means fp32 on a CPU: there, a resumed job's weights equal an uninterrupted one's to the bit.
"""
