# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later
"""What programs did in two boots of one row (the scenario `programs`), compared: how each ended, and the shape of what it printed."""
import re

END = re.compile(r"^L1: program (\S+): exit (\d+)")
# Numbers differ from run to run: addresses, times, counts. What is not printable is the serial port's.
NUMBER = re.compile(r"0x[0-9a-fA-F]+|\b[0-9a-f]{8,}\b|\d+(\.\d+)?")
STATUS = {0: "passes", 4: "skipped", 143: "runs on"}	# kselftest's, and what is left of a program whose time ran out


class Program:
	def __init__(self, status, lines):
		self.status = status
		self.shape = lines


def shape(text):
	return NUMBER.sub("N", text).strip()


def speaker(line):
	"""The program that printed a line, if one did."""
	found = re.match(r"(?!L1:)(\w+): ", line)
	return found[1] if found else None


def programs(lines):
	"""{name: Program} of a transcript."""
	found, said = {}, {}
	for line in lines:
		end = END.match(line)
		if end:
			found[end[1]] = Program(int(end[2]), said.pop(end[1], []))
			continue
		name = speaker(line)
		if name:
			text = line[len(name) + 1:]
			of_name = said.setdefault(name, [])
			if of_name[-1:] != [shape(text)]:	# a line that is repeated is repeated as often as there is time
				of_name.append(shape(text))
	return found


def word(program):
	return STATUS.get(program.status, f"exit {program.status}") if program else "missing"


def difference(here, there):
	"""None, or what `there` did otherwise."""
	if not here or not there or here.status != there.status:
		return f"{word(here)}, {word(there)}"
	if STATUS.get(here.status) == "runs on" or here.shape == there.shape:
		return None
	extra = [line for line in there.shape if line not in here.shape] or [line for line in here.shape if line not in there.shape]
	return f"prints otherwise: {(extra or ['in another order'])[0]}"


def compare(native, other):
	"""{name: (what it did on the bare machine, difference or None)} of two transcripts."""
	here, there = programs(native), programs(other)
	return {name: (word(here.get(name)), difference(here.get(name), there.get(name))) for name in sorted({*here, *there})}
