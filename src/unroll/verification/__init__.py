"""A trial again: a record comes in, how far a second training is from it goes out."""
