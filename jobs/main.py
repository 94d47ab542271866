"""The one file that spark-submit gets: `spark-submit --py-files codemill.zip jobs/main.py JOB --lake LAKE ...`."""

import sys

# spark-submit puts the folder of this file first on the path, where `jobs/sources` and others would hide other modules.
sys.path.pop(0)

from jobs.cli import main
from jobs.runtime.session import stop_session

status = main()
# While Python still stands: threads that outlive it can abort it, and executors that are cut off look like failures.
stop_session()
sys.exit(status)
