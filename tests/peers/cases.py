"""Named cases in a script: `SCRIPT HOST:PORT CASE` runs one, `SCRIPT --list` tells them all."""

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
    address, name = sys.argv[1:]
    host, port = address.rsplit(":", 1)
    CASES[name](host, int(port))
    print("passed", name)
