"""The published protocols, one module each; docs/evaluation.md describes them."""
