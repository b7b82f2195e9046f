"""What front ends see: snapshots and the records behind them."""
