"""Ten kinds of messages to an assistant, put together on request from phrases: no files, no network, nobody's words."""

from __future__ import annotations

import numpy as np

from preforget.core.seeds import derive_seed
from preforget.data.dataset import Dataset, Split, label_array
from preforget.data.registry import DATASETS, DataOptions, NamedSet
from preforget.data.splits import stratified_split
from preforget.data.texts import texts_of

EACH = 90
"""Messages of each kind."""

FRACTIONS = (0.60, 0.15, 0.25)

OPENINGS = (
    *(
        "",
        "",
        "",
        "please",
        "hi,",
        "hello,",
        "could you",
        "can you",
        "i need to",
        "i want to",
        "is it possible to",
    ),
    *("i'd like to", "help me", "quick question:", "sorry,", "tell me how to", "when can i", "would you"),
)
ENDINGS = (
    "",
    "",
    "",
    "please",
    "thanks",
    "today",
    "right now",
    "if possible",
    "for me",
    "tomorrow",
    "this week",
)

PHRASES: dict[str, tuple[str, ...]] = {
    "alarm": (
        *("wake me at {time}", "set an alarm for {time}", "ring a bell at {time}", "get me up by {time}"),
        *("cancel the alarm at {time}", "remind me at {time}", "move my alarm to {time}"),
    ),
    "balance": (
        *(
            "see how much money is on my {account}",
            "check the balance of my {account}",
            "know what my {account} holds",
        ),
        *("find out if my {account} is empty", "read me the total of my {account}"),
    ),
    "card": (
        *("block my {card}", "order a new {card}", "report my {card} as lost", "find out where my {card} is"),
        *("change the limit of my {card}", "say why my {card} was declined"),
    ),
    "cook": (
        *("find a recipe for {dish}", "say how long {dish} takes to cook", "list what goes into {dish}"),
        *("replace butter in {dish}", "make {dish} for {number} people"),
    ),
    "music": (
        *(
            "play some {music}",
            "turn the {music} up",
            "skip this {music} song",
            "find {music} from the nineties",
        ),
        *("stop the {music}", "make a list of {music} songs"),
    ),
    "route": (
        *("find the way to {place}", "say how far it is to {place}", "avoid the traffic to {place}"),
        *("know when the bus to {place} leaves", "take me to {place} by train"),
    ),
    "transfer": (
        *(
            "send {number} pounds to {person}",
            "transfer money to {person}",
            "pay {person} back {number} pounds",
        ),
        *("move {number} pounds from my {account} to {person}", "stop the payment to {person}"),
    ),
    "translate": (
        *("say {phrase} in {language}", "translate {phrase} into {language}", "spell {phrase} in {language}"),
        *("learn what {phrase} is in {language}", "ask how {language} people say {phrase}"),
    ),
    "travel": (
        *(
            "book a flight to {place}",
            "find a hotel in {place}",
            "get a visa for {place}",
            "cancel my trip to {place}",
        ),
        *("rent a car in {place}", "know what to pack for {place}"),
    ),
    "weather": (
        *("know if it rains in {place}", "see the forecast for {place}", "check how cold it gets in {place}"),
        *("find out if i need an umbrella in {place}", "say how windy {place} is"),
    ),
}
WORDS: dict[str, tuple[str, ...]] = {
    "time": ("six", "half past seven", "noon", "eight in the evening", "5 am", "ten to nine", "midnight"),
    "account": ("savings", "current account", "business account", "joint account", "holiday fund"),
    "card": ("credit card", "debit card", "bank card", "travel card", "gold card"),
    "dish": ("lasagne", "pea soup", "apple pie", "fried rice", "pancakes", "a curry", "bean stew"),
    "number": ("two", "four", "ten", "twelve", "thirty", "fifty", "a hundred"),
    "music": ("jazz", "folk music", "techno", "opera", "piano music", "rock", "the radio"),
    "place": (
        "the station",
        "lisbon",
        "the airport",
        "oslo",
        "the old town",
        "nairobi",
        "lima",
        "the museum",
    ),
    "person": ("my sister", "the landlord", "a friend", "the dentist", "my brother", "the garage"),
    "phrase": ("good morning", "where is the bank", "thank you", "i am lost", "the bill", "how much is it"),
    "language": ("spanish", "german", "swahili", "finnish", "arabic", "welsh"),
}
"""What fills the gaps of phrases; places, money and times occur in several kinds."""


def message(kind: str, rng: np.random.Generator) -> str:
    """Return one message of a kind, from a phrase, words in its gaps, and how it begins and ends."""
    phrase = _one(PHRASES[kind], rng)
    for gap, words in WORDS.items():
        phrase = phrase.replace("{" + gap + "}", _one(words, rng))
    parts = (_one(OPENINGS, rng), phrase, _one(ENDINGS, rng))
    return " ".join(part for part in parts if part)


def load_texts(seed: int = 0, each: int = EACH) -> Dataset:
    """Return `each` different messages of every kind, drawn and split by the seed."""
    texts: list[str] = []
    labels: list[str] = []
    for kind in PHRASES:
        rng = np.random.default_rng(derive_seed(seed, "messages", kind))
        made: dict[str, None] = {}
        while len(made) < each:
            made[message(kind, rng)] = None
        texts += made
        labels += [kind] * each
    whole = Split(texts_of(texts), label_array(labels))
    parts = [whole.select(rows) for rows in stratified_split(whole.labels, FRACTIONS, seed)]
    note = f"messages put together from phrases, MIT; drawn and split by seed {seed}"
    return Dataset("texts", parts[0], parts[1], parts[2], tuple(sorted(PHRASES)), note)


def _one(items: tuple[str, ...], rng: np.random.Generator) -> str:
    return items[int(rng.integers(len(items)))]


@DATASETS.register("texts")
class SyntheticTexts(NamedSet):
    """The messages by their name."""

    def load(self, options: DataOptions) -> Dataset:
        """Return the messages, drawn and split by the seed."""
        return load_texts(options.seed)
