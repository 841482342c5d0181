"""The command line: ``python -m core COMMAND``, also installed as ``loptscope``."""

import sys

from loptscope.cli.commands import main

if __name__ == "__main__":
    sys.exit(main())
