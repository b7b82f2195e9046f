"""The GPUs of this machine, as NVML reports them."""
