"""How a process of ours sets its interpreter up."""

import gc
import sys


def tune_python() -> None:
    """Two settings of the interpreter for a process that moves many small values between threads.

    The cyclic garbage collector is told that what is loaded now stays, and looks less often: papers come and go in
    thousands of values without cycles, and looking through them all again and again took a sixth of the time. Threads
    take turns after a millisecond, not five: the one that writes the database waits less for those that think.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    sys.setswitchinterval(0.001)
