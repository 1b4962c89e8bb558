"""Forms made from the specs' own fields. Signals go up, setters come down."""
