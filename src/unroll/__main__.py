"""`python -m unroll` is the command `unroll`; `torchrun -m unroll train ...` starts ranks with it."""

from unroll.cli import main

if __name__ == "__main__":
    main()
