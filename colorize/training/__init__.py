"""Training: from the first step to the result, stopped and resumed exactly."""
