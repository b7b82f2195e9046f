"""What screens are drawn with: lines, glyphs, charts, themes, the widget that paints, the driver."""
