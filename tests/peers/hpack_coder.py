"""HPACK by the package of that name: `SCRIPT encode|decode FILE` does what the file says and prints
the same lines, with its blocks in their other form.

    connection        another connection begins, with new tables
    size N            the table's bound from now on
    fields [N:V[!]]*  a block as names and values in hexadecimal; ! marks what is sensitive
    block OCTETS      a block as octets in hexadecimal
"""

import sys

import hpack


class Encode:
    takes = "fields"

    def __init__(self):
        self.encoder = hpack.Encoder()
        self.sizes = []

    def resize(self, size):
        self.sizes.append(size)

    def convert(self, words):
        # The encoder says every size that it is told. What has to be said is the lowest and the
        # last (RFC 7541, section 4.2).
        if self.sizes:
            for size in dict.fromkeys([min(self.sizes), self.sizes[-1]]):
                self.encoder.header_table_size = size
            self.sizes = []
        block = self.encoder.encode([self.field(word) for word in words])
        return "block " + block.hex()

    @staticmethod
    def field(word):
        name, value = word.removesuffix("!").split(":")
        return bytes.fromhex(name), bytes.fromhex(value), word.endswith("!")


class Decode:
    takes = "block"

    def __init__(self):
        self.decoder = hpack.Decoder(max_header_list_size=1 << 24)

    def resize(self, size):
        self.decoder.max_allowed_table_size = size

    def convert(self, words):
        fields = self.decoder.decode(bytes.fromhex("".join(words)), raw=True)
        return " ".join(["fields", *map(self.word, fields)])

    @staticmethod
    def word(field):
        name, value = field
        return f"{name.hex()}:{value.hex()}" + ("" if field.indexable else "!")


def main():
    role, path = sys.argv[1:]
    role = {"encode": Encode, "decode": Decode}[role]
    with open(path) as steps:
        for line in steps:
            step, *words = line.split()
            if step == "connection":
                coder = role()
            elif step == "size":
                coder.resize(int(words[0]))
            elif step == role.takes:
                line = coder.convert(words)
            else:
                raise ValueError(line)
            print(line.rstrip())


if __name__ == "__main__":
    main()
