# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later
"""What tools/mutate may change in a source, and which changes a seed draws."""
import collections
import glob
import os
import re

from scratch import ROOT

Mutant = collections.namedtuple("Mutant", "path line kind text old new")  # text: the whole file's


def masked(text):
	"""The text with comments, strings and characters blanked, at the same offsets."""
	def blank(match):
		return re.sub(r"[^\n]", " " if match.group().startswith("/") else "\x01", match.group())
	return re.sub(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", blank, text, flags=re.S)


def close_of(text, start):
	"""The offset after the bracket that closes the one at start; None: it is not closed."""
	depth = 0
	for i in range(start, len(text)):
		depth += (text[i] in "([{") - (text[i] in ")]}")
		if not depth:
			return i + 1
	return None


class Source:
	"""One file: which of its lines are code, and the changes that each allows, as (start, end, replacement)."""

	def __init__(self, path):
		self.path = path
		with open(os.path.join(ROOT, path), encoding="utf-8") as file:
			self.text = file.read()
		self.mask = masked(self.text)
		self.starts = [0] + [m.end() for m in re.finditer("\n", self.text)][:-1]
		self.rows = self.find_rows() if path.endswith(".def") else []
		self.code = [i for i in range(len(self.starts)) if self.is_code(i)]

	def bounds(self, line):
		end = self.starts[line + 1] - 1 if line + 1 < len(self.starts) else len(self.text)
		return self.starts[line], end

	def is_code(self, line):
		start, end = self.bounds(line)
		code = self.mask[start:end].strip()
		return bool(re.search(r"\w", code)) and not re.match(r"#\s*(include|if|ifdef|ifndef|elif|else|endif|undef|error)\b", code)

	def find_rows(self):
		rows = []
		for match in re.finditer(r"^([A-Z]\w*)\(", self.mask, flags=re.M):
			end = close_of(self.mask, match.end() - 1)
			if end:
				rows.append((match.start(), end, match.group(1), self.arguments(match.end(), end - 1)))
		return rows

	def arguments(self, start, end):
		spans, depth, begin = [], 0, start
		for i in range(start, end):
			depth += (self.mask[i] in "([{") - (self.mask[i] in ")]}")
			if self.mask[i] == "," and not depth:
				spans.append((begin, i))
				begin = i + 1
		spans.append((begin, end))
		return [self.trim(*span) for span in spans]

	def trim(self, start, end):
		while start < end and self.text[start].isspace():
			start += 1
		while end > start and self.text[end - 1].isspace():
			end -= 1
		return start, end

	def delete_statement(self, line, _rng):
		"""A statement that begins on the line, to its semicolon; a row of an initializer."""
		start, end = self.bounds(line)
		code = self.mask[start:end]
		first = start + len(code) - len(code.lstrip())
		before = self.mask[:start].rstrip()
		if self.path.endswith(".def") or not code.startswith("\t"):
			return []
		if re.match(r"\s*(\[.*\] = .*|\{.*\}),$", code.rstrip()):
			return [(first, start + len(code.rstrip()), "")]
		if before[-1:] not in (";", "{", "}", ")", ":") and not before.endswith("else"):
			return []
		stop = re.search(r"[;{}]", self.mask[first:])
		if not stop or stop.group() != ";" or re.match(r"\s*(if|for|while|else|case|default|do|switch)\b", code):
			return []
		return [(first, first + stop.end(), "{}")]

	def negate_condition(self, line, _rng):
		start, end = self.bounds(line)
		changes = []
		for match in re.finditer(r"\b(?:if|while) \(", self.mask[start:end]):
			opening = start + match.end() - 1
			closing = close_of(self.mask, opening)
			if closing:
				changes.append((opening, closing, f"(!{self.text[opening:closing]})"))
		opposite = {" == ": " != ", " != ": " == ", " < ": " >= ", " >= ": " < ", " > ": " <= ", " <= ": " > "}
		for match in re.finditer(r" (?:[=!<>]=|[<>]) ", self.mask[start:end]):
			changes.append((start + match.start(), start + match.end(), opposite[match.group()]))
		for match in re.finditer(r"(?<![\w)!])!(?=[\w(])", self.mask[start:end]):
			changes.append((start + match.start(), start + match.end(), ""))
		return changes

	def off_by_one(self, line, _rng):
		start, end = self.bounds(line)
		changes = []
		for match in re.finditer(r"(?<![\w.])(0[xX][0-9a-fA-F]+|\d+)([uUlL]*)\b", self.mask[start:end]):
			value = int(match.group(1), 0 if match.group(1)[:2] in ("0x", "0X") else 10)
			for changed in (value + 1, value - 1):
				if changed >= 0:
					number = hex(changed) if match.group(1).startswith("0x") else str(changed)
					changes.append((start + match.start(), start + match.end(), number + match.group(2)))
		return changes

	def swap_and_or(self, line, _rng):
		start, end = self.bounds(line)
		swapped = {"&": "|", "|": "&", "&&": "||", "||": "&&", "&=": "|=", "|=": "&="}
		return [(start + m.start(1), start + m.end(1), swapped[m.group(1)])
			for m in re.finditer(r" (&&|\|\||&=|\|=|&|\|)(?= |$)", self.mask[start:end])]

	def row_of(self, line):
		start, end = self.bounds(line)
		return next((row for row in self.rows if row[0] < end and start < row[1]), None)

	def drop_row(self, line, _rng):
		row = self.row_of(line)
		return [(row[0], row[1], "\n" * self.text.count("\n", row[0], row[1]))] if row else []

	def change_row(self, line, rng):
		"""One argument becomes that of another row of the same macro."""
		row = self.row_of(line)
		if not row:
			return []
		others = [r for r in self.rows if r[2] == row[2] and len(r[3]) == len(row[3]) and r is not row]
		changes = []
		for i, (start, end) in enumerate(row[3]):
			if '"' in self.text[start:end]:
				continue
			choices = sorted({self.text[slice(*r[3][i])] for r in others} - {self.text[start:end]})
			if choices:
				changes.append((start, end, rng.choice(choices)))
		return changes


OPERATORS = {
	"delete": Source.delete_statement,
	"negate": Source.negate_condition,
	"off-by-one": Source.off_by_one,
	"and-or": Source.swap_and_or,
	"drop-row": Source.drop_row,
	"change-row": Source.change_row,
}


def squeeze(text):
	return re.sub(r"\s+", " ", text).strip()


def sources(folders):
	found = []
	for folder in folders:
		for pattern in ("*.c", "*.h", "*.def"):
			found += glob.glob(os.path.join(ROOT, folder, "**", pattern), recursive=True)
	return [Source(os.path.relpath(path, ROOT)) for path in sorted(set(found))]


def draw(files, rng):
	"""Mutants without end, none twice."""
	lines = [(source, line) for source in files for line in source.code]
	seen = set()
	while True:
		source, line = rng.choice(lines)
		kinds = [(kind, find(source, line, rng)) for kind, find in OPERATORS.items()]
		kinds = [(kind, changes) for kind, changes in kinds if changes]
		if not kinds:
			continue
		kind, changes = rng.choice(kinds)
		start, end, replacement = rng.choice(changes)
		if (source.path, start, end, replacement) in seen:
			continue
		seen.add((source.path, start, end, replacement))
		text = source.text[:start] + replacement + source.text[end:]
		first = source.text.rfind("\n", 0, start) + 1
		last = source.text.find("\n", end)
		old = squeeze(source.text[first:last])
		new = squeeze(source.text[first:start] + replacement + source.text[end:last])
		yield Mutant(source.path, source.text.count("\n", 0, start) + 1, kind, text, old, new)


def lines_like(text, old, near):
	"""(start, end) of the lines that squeeze() makes `old` of, of several those nearest to the line `near`; None: there are none."""
	pattern = r"^[ \t]*" + r"\s+".join(map(re.escape, old.split(" "))) + r"[ \t]*$"
	spans = [match.span() for match in re.finditer(pattern, text, flags=re.M)]
	return min(spans, key=lambda span: abs(text.count("\n", 0, span[0]) + 1 - near), default=None)


def alive_in(output):
	"""The mutants that are alive in an output of tools/mutate, as far as their lines are still there."""
	mutants = []
	for line in output:
		said = re.match(r"alive .*?(\S+\.(?:c|h|def)):(\d+) ([\w-]+): (.*) -> (.*)$", line.rstrip("\n"))
		if not said:
			continue
		path, number, kind, old, new = said.groups()
		with open(os.path.join(ROOT, path), encoding="utf-8") as file:
			text = file.read()
		lines = lines_like(text, old, int(number))
		if lines:
			at = text.count("\n", 0, lines[0]) + 1
			mutants.append(Mutant(path, at, kind, text[:lines[0]] + new.replace(" \\ ", " ") + text[lines[1]:], old, new))
		else:
			print(f"gone - {path}:{number} {kind}: {old} -> {new}")
	return mutants
