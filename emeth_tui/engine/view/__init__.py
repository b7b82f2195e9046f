"""What front ends display: snapshots and the records behind them."""
