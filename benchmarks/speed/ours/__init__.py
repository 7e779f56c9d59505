"""Our sides of the rows; each runs as our command line does, its process tuned before torch is loaded."""

from preceptor.process import tune_process

tune_process()
