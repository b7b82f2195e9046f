"""What each verification catches: honest and dishonest results, measured as a verifier measures them."""
