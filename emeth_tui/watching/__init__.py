"""An account as the chain alone shows it: its jobs, deposits and rewards, with no wallet and no node."""
