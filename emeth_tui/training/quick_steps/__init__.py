"""Small steps without the interpreter.

Up to a batch of some 16 blocks a GPU is done with an operation before Python has started the next. So a step
may be recorded, once, and is then started as a whole (`recording`); and its last part may be three kernels
instead of many (`training.model.one_pass`). A short trial says what is faster here, job by job (`trial`).
"""
