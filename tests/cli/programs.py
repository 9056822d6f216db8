"""Programs that are run twice, by Python and by `spanproof trace`, and must do the same both times."""

from __future__ import annotations

ITSELF = """
import sys
print(sys.argv[1:], sys.argv[0].endswith("app.py"), __name__, __package__, __spec__, __doc__, __file__)
print(sys.path[0], type(__loader__).__name__, __builtins__.__name__, sys.modules["__main__"].__dict__ is globals())
"""

WORKS = """
import asyncio

async def work(n):
    await asyncio.sleep(0.01)
    return n

async def main():
    print(await asyncio.gather(work(1), work(2)))

asyncio.run(main())
"""

RAISES = """
def inner():
    raise ValueError("of the program's own")

def outer():
    try:
        inner()
    except ValueError as error:
        raise RuntimeError("and its cause") from error

outer()
"""

RAISES_IN_A_TASK_GROUP = """
import asyncio

async def fails():
    await asyncio.sleep(0)
    raise ValueError("in a task")

async def main():
    async with asyncio.TaskGroup() as group:
        group.create_task(fails())

asyncio.run(main())
"""

DOES_NOT_COMPILE = "print('one')\nprint('two'\n"

EXITS_3 = "import sys\nprint('before')\nsys.exit(3)\n"
EXITS_WITH_A_TEXT = "import sys\nsys.exit('not today')\n"
EXITS_WITH_NOTHING = "raise SystemExit\n"

HAS_A_HOOK = """
import sys
sys.excepthook = lambda kind, error, traceback: print("hook:", kind.__name__, error, traceback.tb_next is None)
raise ValueError("x")
"""

OUTLIVES_ITS_MAIN = """
import atexit, threading, time
from concurrent.futures import ThreadPoolExecutor

VALUE = "still there"
atexit.register(lambda: print("at exit:", VALUE))
threading.Thread(target=lambda: (time.sleep(0.05), print("thread:", VALUE))).start()
pool = ThreadPoolExecutor(1)
pool.submit(print, "pool:", VALUE).result()
print("main is over")
"""

PICKLES = """
import pickle

class Thing:
    def __init__(self):
        self.value = 7

print(pickle.loads(pickle.dumps(Thing())).value)
"""

SPAWNS = """
import multiprocessing, sys

def double(n):
    return 2 * n

if __name__ == "__main__":
    with multiprocessing.get_context(sys.argv[1]).Pool(1) as pool:
        print(pool.map(double, [1, 2, 3]))
"""

INTERRUPTED = "import os, signal, time\nprint('before', flush=True)\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(5)\n"
TERMINATED = "import os, signal, time\nprint('before', flush=True)\nos.kill(os.getpid(), signal.SIGTERM)\ntime.sleep(5)\n"

FORKS = """
import os, sys
child = os.fork()
if child == 0:
    sys.exit(4)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""

MANY_TASKS = """
import asyncio

async def main():
    for _ in range(400):
        await asyncio.create_task(asyncio.sleep(0))

asyncio.run(main())
print("done")
"""

READS = "import sys\nprint(sys.stdin.read().upper())\n"

ORPHANS = """
import asyncio
import uuid

from stageflow import Pipeline, PipelineContext, StageContext, StageKind, StageOutput


def stage(seconds):
    async def body(ctx: StageContext) -> StageOutput:
        await asyncio.sleep(seconds)
        return StageOutput.ok()

    return body


async def main() -> None:
    shop = Pipeline(name="shop")
    shop = shop.with_stage("price", stage(PRICE_S), StageKind.TRANSFORM)
    shop = shop.with_stage("order", stage(0.2), StageKind.TRANSFORM)
    shop = shop.with_stage("stock", stage(0.25), StageKind.TRANSFORM, dependencies=("order",))
    try:
        await shop.run(PipelineContext.create(pipeline_run_id=uuid.uuid4(), topology="shop", data={"_timeout_ms": 300}))
    except Exception as error:
        print(type(error).__name__)
    await asyncio.sleep(0.3)


asyncio.run(main())
"""
"""Stageflow: with `PRICE_S` of 10 the stage `price` times out, and its sibling `stock` is left running; with 0.1 all is well."""
