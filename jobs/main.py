"""The one file that spark-submit gets: `spark-submit --py-files codemill.zip jobs/main.py JOB --lake LAKE ...`."""

import sys

# spark-submit puts the folder of this file first on the path, where `jobs/sources` and others would hide other modules.
sys.path.pop(0)

from jobs.cli import main

sys.exit(main())
