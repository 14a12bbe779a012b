"""Named cases in a script: `SCRIPT HOST:PORT CASE...` runs them, `SCRIPT --list` tells them all."""

import random
import sys

CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


def noise(octets, seed):
    return random.Random(seed).randbytes(octets)


def main():
    if sys.argv[1:] == ["--list"]:
        print("\n".join(CASES))
        return
    address, *names = sys.argv[1:]
    host, port = address.rsplit(":", 1)
    for name in names:
        CASES[name](host, int(port))
        print("passed", name)
