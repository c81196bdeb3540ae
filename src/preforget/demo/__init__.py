"""The demo: ten digits learned, one forgotten, the others untouched; figures, a story and a picture."""
