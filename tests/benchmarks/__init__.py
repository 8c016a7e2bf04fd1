"""What an answer costs. `make bench`; no part of the tests, since a noisy machine would decide them."""
