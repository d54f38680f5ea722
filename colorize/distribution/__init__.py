"""Training on several devices, of one host or of several: what each has, which process this is, who is still there."""
