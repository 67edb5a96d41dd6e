"""Facts in, `Grading` out: measures, chaining, an independent checker, exact scoring."""
