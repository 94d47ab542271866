"""`python -m jobs`: the same as `codemill`."""

import sys

from jobs.cli import main

sys.exit(main())
