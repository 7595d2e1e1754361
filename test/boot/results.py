# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later
"""What rows of the boot matrix showed when they last ran: the file `results` beside this one, and docs/matrix.md, which is made of it.

A line of `results` is ROW HOST pass|fail NAME=VALUE...; `why`, the last of a row that failed, goes to the line's end. `bochs`
is the emulator's version, and "-plain" behind it if it was built without its debugger: that one counts fewer ticks."""
import os
import re
import time

HERE = os.path.dirname(os.path.abspath(__file__))
FILE = os.path.join(HERE, "results")
PAGE = os.path.join(os.path.dirname(os.path.dirname(HERE)), "docs", "matrix.md")
HOSTS = ("native", "metal", "kvm")
PLAIN = "-plain"
SPDX = "SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later"
INTRODUCTION = f"""<!-- {SPDX} -->
<!-- Written by test/boot/run --all -->
# What runs as L1

Each row is a boot of [test/boot](../test/boot): on the bare emulated machine (native), under the metal host, and, where there is such a row, as a
guest of Linux 6.1's KVM with libnestvmx in it. A cell says that all that the row expects was printed and that L1 then powered the machine off, after
so many million ticks (emulated instructions of all levels, from power-on); or that it did not. Compare ticks of one emulator alone: a Bochs without its
debugger, which is faster, does not count all. Of a row that runs programs (the KVM selftests) a cell also says how many of them ended and, in shape,
printed as natively. "Exits" are all VM exits to metal. `test/boot/run --all [ROW...]` boots rows and puts what they show here; the
date is that of the oldest cell.

| row | L1 | L2 | machine | native | metal | exits | KVM adapter | versions | date |
|---|---|---|---|---:|---:|---:|---:|---|---|
"""
VERSIONS = ((r"^(?:\[\d+ \w+\] )?L1: Linux (\S+) up", "Linux"), (r"^L1: dom0 up, Linux (\S+)", "dom0"), (r"Xen version (\d\S*)", "Xen"),
	(r"^L1: VirtualBox (\S+)", "VirtualBox"))


class Outcome:
	"""What a boot showed. `wrong` is None when it passed."""

	def __init__(self, wrong=None, lines=()):
		self.wrong = wrong
		self.lines = lines
		self.facts = {}
		versions = {}
		for line in lines:
			self._look(line, versions)
		if versions:
			self.facts["versions"] = ",".join(f"{name}_{version}" for name, version in versions.items())

	def _look(self, line, versions):
		for pattern, name in VERSIONS:
			found = re.search(pattern, line)
			if found:
				versions.setdefault(name, found[1])
		for pattern, name in ((r"^nvmx-boot: .*after (\d+) million ticks", "ticks"), (r"^nestvmx: stat exits (\d+)(?: level=1)?$", "exits")):
			found = re.search(pattern, line)
			if found:
				self.facts[name] = found[1]

	def record(self, row, host, bochs, qemu):
		"""In place of what that row showed there before."""
		facts = {**self.facts, "bochs": bochs, "date": time.strftime("%Y-%m-%d")}
		if qemu:
			facts["versions"] = ",".join([*self.facts.get("versions", "").split(), f"QEMU_{qemu}"])
		if self.wrong:
			facts["why"] = re.sub(r"\s+", " ", self.wrong)
		known = read()
		known[row, host] = {"verdict": "fail" if self.wrong else "pass", **facts}
		write(known)


def read():
	"""{(row, host): facts}, `verdict` among them."""
	known = {}
	if not os.path.exists(FILE):
		return known
	with open(FILE, encoding="utf-8") as f:
		for line in f:
			if line.startswith("#") or not line.strip():
				continue
			line, _, why = line.rstrip("\n").partition(" why=")
			row, host, verdict, *words = line.split()
			known[row, host] = {"verdict": verdict, **dict(word.split("=", 1) for word in words)}
			if why:
				known[row, host]["why"] = why
	return known


def write(known):
	lines = [f"# {SPDX}", "# test/boot/run --all; results.py says what a line is."]
	for (row, host), facts in sorted(known.items(), key=lambda item: (item[0][0], HOSTS.index(item[0][1]))):
		words = [f"{name}={value}" for name, value in facts.items() if name not in ("verdict", "why")]
		words += [f"why={facts['why']}"] if "why" in facts else []
		lines.append(" ".join([row, host, facts["verdict"], *words]))
	_replace(FILE, "\n".join(lines) + "\n")


def _replace(path, text):
	with open(path + ".tmp", "w", encoding="utf-8") as f:
		f.write(text)
	os.replace(path + ".tmp", path)


def _cell(facts):
	if not facts:
		return "not run"
	if facts["verdict"] != "pass":
		return "**fails**: " + facts.get("why", "").partition(";")[0].replace("|", "\\|")
	same = f"; {facts['programs'].replace('/', ' of ')} programs as native" if "programs" in facts else ""
	return (f"{int(facts['ticks']):,} M" if "ticks" in facts else "passes") + same


def _line(row, known):
	cells = {host: known.get((row.name, host)) for host in HOSTS}
	ran = [facts for facts in cells.values() if facts]
	shown = {host: _cell(cells[host]) if host in row.hosts() else "–" for host in HOSTS}
	exits = (cells["metal"] or {}).get("exits")
	bochs = ", ".join(sorted({facts["bochs"].replace(PLAIN, " without debugger") for facts in ran})) or "not run"
	versions = dict.fromkeys(version.replace("_", " ") for facts in ran for version in facts.get("versions", "").split(",") if version)
	machine = f"Bochs {bochs}, {row.cpus} CPU{'s' * (row.cpus > 1)}, {row.memory} MiB"
	return "| " + " | ".join([f"`{row.name}`", *row.about, machine, shown["native"], shown["metal"], f"{int(exits):,}" if exits else "–",
		shown["kvm"], ", ".join(versions), min((facts["date"] for facts in ran), default="–")]) + " |"


def _names(what, names):
	return f"\n{what}: {', '.join(f'`{name}`' for name in names)}.\n" if names else ""


def page(rows):
	"""docs/matrix.md; rows that never ran are named below the table."""
	known = read()
	strange = [f"{row} {host}" for row, host in known if not any(row == r.name and host in r.hosts() for r in rows)]
	if strange:
		raise ValueError(f"test/boot/results: no such row: {', '.join(strange)}")
	ran = [row for row in rows if any((row.name, host) in known for host in HOSTS)]
	text = INTRODUCTION + "".join(_line(row, known) + "\n" for row in ran)
	shown = {name: row.name for row in ran for name in row.shows}
	rest = [row.name for row in rows if row not in ran]
	for row in ran:
		text += _names(f"Also rows, and what `{row.name}` has in it", [name for name in rest if shown.get(name) == row.name])
	return text + _names("Not run by `--all` yet", [name for name in rest if name not in shown])


def write_page(rows):
	_replace(PAGE, page(rows))


def page_is_current(rows):
	with open(PAGE, encoding="utf-8") as f:
		return f.read() == page(rows)
