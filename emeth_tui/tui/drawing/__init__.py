"""The means of drawing screens: lines, glyphs, charts, themes, the painting widget, the driver."""
