"""Run a command, and fail where the OpenCL driver says on the way that it could not compile a program.

That is no error for a user: a function that backends/opencl/opencl.c does not declare is found in PoCL's header, from then on before every
kernel, in six times the time."""
import subprocess
import sys

done = subprocess.run(sys.argv[1:], stderr=subprocess.PIPE, text=True, errors="replace")
sys.stderr.write(done.stderr)
sys.exit(done.returncode or ("error generated" in done.stderr or "errors generated" in done.stderr))
