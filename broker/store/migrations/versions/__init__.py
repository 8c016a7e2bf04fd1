"""The migrations, named by their number. A released one is never changed; there is no way back."""
