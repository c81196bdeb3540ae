"""What the engines are compared with: ordinary classifiers, and unlearning after the fact."""
