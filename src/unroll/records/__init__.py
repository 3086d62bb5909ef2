"""What was found: a trial's result comes in, a record that is true to itself goes out."""
