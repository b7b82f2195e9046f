"""Texts to train on: a few words with some grammar, so that there is something to learn. Always the same."""

from __future__ import annotations

import random

_SUBJECTS = [
    "the miller",
    "a grey cat",
    "my old neighbour",
    "the night train",
    "her youngest brother",
    "nobody",
]
_VERBS = ["counted", "carried home", "forgot about", "sold", "painted", "listened to"]
_OBJECTS = ["seven lamps", "the river", "a basket of plums", "the broken clock", "every letter", "two coins"]
_ENDS = [".", ".", ".", "?", "!"]
_TOPICS = ["粉屋は", "灰色の猫は", "隣のおじいさんは", "夜汽車は", "妹は", "誰も"]
_THINGS = ["七つの灯りを", "川の音を", "籠いっぱいの桃を", "壊れた時計を", "古い手紙を", "二枚の硬貨を"]
_PREDICATES = [
    "数えた。",
    "持ち帰った。",
    "忘れてしまった。",
    "売った。",
    "描いていた。",
    "聞いていた！",
]


def english(size_bytes: int, seed: int = 1) -> str:
    """English sentences, exactly `size_bytes` of them."""
    choose = random.Random(seed).choice
    text = ""
    while len(text) < size_bytes:
        sentence = f"{choose(_SUBJECTS)} {choose(_VERBS)} {choose(_OBJECTS)}{choose(_ENDS)}"
        text += sentence.capitalize() + choose([" ", " ", "\n"])
    return text[:size_bytes]


def japanese(size_bytes: int, seed: int = 1) -> str:
    """Japanese sentences, one a line, of at most `size_bytes` in UTF-8."""
    choose = random.Random(seed).choice
    text = ""
    while len(text) * 3 < size_bytes:
        text += choose(_TOPICS) + choose(_THINGS) + choose(_PREDICATES) + "\n"
    return text.encode()[:size_bytes].decode(errors="ignore")
