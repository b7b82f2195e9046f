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


def made_up_words(words: int) -> str:
    """Sentences whose words are no words: what is learnt of one says little about the next."""
    chance = random.Random(1)
    made_up = ("".join(chance.choices("etaoinshrdlu", k=chance.randint(2, 7))) for _ in range(words))
    return "".join(f"{word}{'. ' if chance.random() < 0.2 else ' '}" for word in made_up)


def of_another_kind_at_its_end() -> str:
    """A text whose lines that validate are of another kind than those that are trained on."""
    chance = random.Random(1)
    return 18 * ("ab" * 100 + "\n") + 2 * ("".join(chance.choices("0123456789", k=200)) + "\n")
