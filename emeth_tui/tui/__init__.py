"""The screen: a Textual application that shows a node and commands it. Textual lives nowhere else.

`actions` is the one table of what keys do; `app` puts the plain `parts` together and performs its rows.
Screens and panels know the application as the protocol `host`, get a `frame` (one moment of the node) and
draw lines. The way down: app, parts, screens, panels, host, actions, why_not, frame, drawing.
"""
