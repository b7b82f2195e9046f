"""The screen: what it costs beside a bare application and other monitors."""
