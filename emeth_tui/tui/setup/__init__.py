"""The first settings file, question by question: on the whole screen, or as prompts on a plain terminal.

`wizard` holds the questions and what each answer means, `answers` the file that they make: the commented
example with the answers in place, validated as any other. `app` and `plain` only show and ask. A node does
not start afterwards without the network's verification key: its results would be rejected.
"""
