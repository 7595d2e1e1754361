# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later
"""Whether the unit tests notice a changed source, at the least cost: tools/mutate's trees.

Plain is built without sanitizers.  It knows which tests execute which lines (Coverage), and how long each takes: a changed line costs
one compilation, and a link and a run for each such test, the fastest first, until one fails.  Whole is what `./test.sh unit` builds
and runs.
"""
import collections
import glob
import hashlib
import json
import os
import resource
import shlex
import subprocess
import time

from scratch import BUILD, run

PLAIN = "build/plain"
COVERAGE = "build/coverage"
OBJECTS = "test/CMakeFiles/nestvmx_test.dir"
LIBRARY = "test/libnestvmx_test.a"
TESTS = ("test/unit_*", "test/fake/unit_*", "test/bhyve/unit_*", "test/fuzz/replay_*")
CHECKED = ("libnestvmx.a", "explain/all", "trace/all", "test/entrydiff/all", "test/fuzz/all", "test/vtd/all")  # what test/check looks at
LEAN = ("-DNESTVMX_TOOLS=OFF", "-DNESTVMX_FAKE=OFF", "-DNESTVMX_INSTALL=OFF")
GIB = 1 << 30


def digest(path):
	with open(path, "rb") as file:
		return hashlib.sha256(file.read()).digest()


def programs(folder):
	"""The test programs of a build, by their paths in it."""
	found = [p for pattern in TESTS for p in glob.glob(os.path.join(folder, pattern))]
	return sorted(os.path.relpath(p, folder) for p in found if os.path.isfile(p) and os.access(p, os.X_OK))


def spent(command, cwd, seconds):
	"""(exit status, seconds of the processor); the status is None of what needs more of them than it may, waits for good or fills memory."""
	def limit():
		resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1, int(seconds) + 2))
		resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
	before = resource.getrusage(resource.RUSAGE_CHILDREN)
	with subprocess.Popen(command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
			      preexec_fn=limit) as process:
		try:
			status = process.wait(60 + 20 * seconds)
		except subprocess.TimeoutExpired:
			process.kill()
			status = None
	after = resource.getrusage(resource.RUSAGE_CHILDREN)
	return status, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


class Coverage:
	"""Which tests execute each line: {file: {line: [function, tests]}}, recorded once for the sources as they are."""

	def __init__(self, tree):
		self.tree = tree
		self.folder = tree.path(COVERAGE)
		self.known = os.path.join(self.folder, "lines.json")
		stored = self.stored()
		self.lines = stored["lines"]
		if not stored["whole"]:
			self.record(stored)

	def stored(self):
		"""What has been recorded of these sources, by a run that was interrupted perhaps."""
		key = self.key()
		if os.path.isfile(self.known):
			with open(self.known, encoding="utf-8") as file:
				stored = json.load(file)
			if stored["key"] == key and "tests" in stored:
				return stored
		return {"key": key, "whole": False, "tests": [], "lines": {}}

	def store(self, stored):
		with open(self.known + ".new", "w", encoding="utf-8") as file:
			json.dump(stored, file)
		os.replace(self.known + ".new", self.known)

	def key(self):
		whole = hashlib.sha256()
		for folder in ("src", "include", "test", "adapters", "examples"):
			for where, folders, files in os.walk(self.tree.path(folder)):
				folders.sort()
				for name in sorted(files):
					whole.update(name.encode() + digest(os.path.join(where, name)))
		return whole.hexdigest()

	def record(self, stored):
		self.tree.configure(COVERAGE, "-DNESTVMX_COVERAGE=ON", *LEAN)
		if not self.tree.ninja(build=COVERAGE):
			raise SystemExit("the tree does not build for coverage")
		for test in programs(self.folder):
			if test in stored["tests"]:
				continue
			for path in glob.glob(os.path.join(self.folder, "**/*.gcda"), recursive=True):
				os.remove(path)
			if run([os.path.join(self.folder, test)], self.tree.folder, 600) is None:
				raise SystemExit(f"tools/mutate: {COVERAGE}/{test} does not end")
			self.take(test)
			stored["tests"].append(test)
			self.store(stored)
		stored["whole"] = True
		self.store(stored)

	def take(self, test):
		"""The library's lines, also where a program has them of a header."""
		data = glob.glob(os.path.join(self.folder, "**/*.gcda"), recursive=True)
		if not data:
			return
		said = subprocess.run(["gcov", "--json-format", "--stdout", *data], cwd=self.folder, check=True, capture_output=True)
		for line in said.stdout.splitlines():
			report = json.loads(line)
			for file in report["files"]:
				path = os.path.join(report["current_working_directory"], file["file"])
				path = os.path.relpath(os.path.realpath(path), os.path.realpath(self.tree.folder))
				if not path.startswith(("src/", "include/")):
					continue
				lines = self.lines.setdefault(path, {})
				for row in file["lines"]:
					_, executed = lines.setdefault(str(row["line_number"]), [row.get("function_name", ""), []])
					if row["count"] and test not in executed:
						executed.append(test)

	def tests(self, path, line):
		"""Those that execute the line; None: it is in no function, and anything may depend on it."""
		counted = self.lines.get(path, {})
		if str(line) in counted:
			return set(counted[str(line)][1])
		numbers = sorted(map(int, counted))
		before = [counted[str(n)] for n in numbers if n < line][-1:]
		behind = [counted[str(n)] for n in numbers if n > line][:1]
		if before and behind and before[0][0] == behind[0][0]:  # a statement of several lines
			return set(before[0][1]) | set(behind[0][1])
		return None


class Tree:
	"""A build in which tests are tried until one fails."""

	def __init__(self, scratch, build, slack):
		self.scratch, self.build, self.slack = scratch, build, slack
		self.folder = scratch.path(build)
		self.took = {}
		self.kills = collections.Counter()  # by test, and by (file, test)

	def measure(self, tests):
		"""A test that fails by itself would kill everything."""
		for test in tests:
			status, self.took[test] = spent([os.path.join(self.folder, test)], self.scratch.folder, 600)
			if status != 0:
				raise SystemExit(f"tools/mutate: {self.build}/{test} fails as it is")

	def fails(self, test, program):
		status, _ = spent([program], self.scratch.folder, 1 + self.slack * self.took[test])
		return status != 0

	def killed(self, path, test):
		self.kills[test] += 1
		self.kills[path, test] += 1
		return test

	def order(self, path, tests):
		"""What is quick, and what has killed: in this file, and elsewhere."""
		return sorted(tests, key=lambda t: (self.took[t] + 0.05) / (1 + 4 * self.kills[path, t] + self.kills[t]))


class Plain(Tree):
	def __init__(self, scratch, slack):
		super().__init__(scratch, PLAIN, slack)
		scratch.configure(PLAIN, "-DNESTVMX_TEST_PLAIN=ON", *LEAN)
		if not scratch.ninja(build=PLAIN):
			raise SystemExit("tools/mutate: the tree does not build as it is")
		self.measure(programs(self.folder))
		self.good = {test: digest(os.path.join(self.folder, test)) for test in self.took}
		self.library = digest(os.path.join(self.folder, LIBRARY))
		self.links = self.commands(self.took)
		with open(os.path.join(self.folder, "compile_commands.json"), encoding="utf-8") as file:
			self.compilers = {os.path.relpath(c["file"], scratch.folder): c["command"] for c in json.load(file)
					  if OBJECTS in c["command"]}
		self.temporary = os.path.join(self.folder, "mutant")
		self.object = self.temporary + ".o"
		self.archive = self.temporary + ".a"
		self.objects = {}  # digests of the unchanged ones

	def commands(self, tests):
		"""What links each test, with room for another library and for the program's name."""
		links = {}
		for test in tests:
			said = subprocess.run(["ninja", "-t", "commands", "-s", test], cwd=self.folder, check=True, capture_output=True, text=True)
			command = said.stdout.splitlines()[-1]
			if LIBRARY in command:
				links[test] = command.replace(f"-o {test} ", "-o {program} ").replace(LIBRARY, "{archive}", 1)
		return links

	def unlinked(self):
		"""Programs that do not link the library."""
		return set(self.took) - set(self.links)

	def compile(self, path, out, *options):
		words = shlex.split(self.compilers[path])
		for flag in ("-MF", "-MT", "-o"):
			if flag in words:
				at = words.index(flag)
				del words[at:at + 2]
		words = [w for w in words if w != "-MD"] + [*options, "-o", out]
		return run(words, self.folder, 300) == 0

	def same_code(self, path, text, *options):
		"""Whether the compiler makes the same of both.  None: nothing of the changed one."""
		key = (path, options)
		if key not in self.objects:
			if not self.compile(path, self.object, *options):
				raise SystemExit(f"tools/mutate: {path} does not compile as it is")
			self.objects[key] = digest(self.object)
		with self.scratch.changed(path, text, built=False):
			return self.objects[key] == digest(self.object) if self.compile(path, self.object, *options) else None

	def put_into_library(self, path):
		"""A library like the tree's but for one object: a program has of it what it has of the tree's, and what it replaces stays replaced."""
		folder = os.path.join(self.folder, OBJECTS)
		own = os.path.join(folder, "__", path + ".o")
		objects = [self.object if found == own else found for found in sorted(glob.glob(os.path.join(folder, "**/*.o"), recursive=True))]
		if os.path.exists(self.archive):
			os.remove(self.archive)
		if self.object not in objects or run(["ar", "rcsT", self.archive, *objects], self.folder, 300) != 0:
			raise SystemExit(f"tools/mutate: no library with another {path}")

	def kill_source(self, path, tests):
		"""A changed .c, compiled already: it takes its place in a library of its own."""
		self.put_into_library(path)
		for test in self.order(path, [t for t in self.links if tests is None or t in tests]):
			link = self.links[test].format(program=self.temporary, archive=self.archive)
			if run(["sh", "-c", link], self.folder, 300) != 0:
				return False
			if digest(self.temporary) != self.good[test] and self.fails(test, self.temporary):
				return self.killed(path, test)
		return None

	def kill_shared(self, path, text):
		"""A changed header or table: (verdict, killer), for whatever includes it is compiled again, test by test."""
		tried = []
		try:
			with self.scratch.changed(path, text):
				if not self.scratch.ninja(LIBRARY, build=PLAIN):
					return "redrawn", ""
				if digest(os.path.join(self.folder, LIBRARY)) == self.library:
					return "equivalent", "the same code"
				for test in self.order(path, self.took):
					tried.append(test)
					program = os.path.join(self.folder, test)
					if not self.scratch.ninja(test, build=PLAIN):
						return "redrawn", ""
					if digest(program) != self.good[test] and self.fails(test, program):
						return "killed", self.killed(path, test)
				return "alive", ""
		finally:
			self.scratch.ninja(LIBRARY, *tried, build=PLAIN)

	def judge(self, path, text, tests):
		"""(verdict, killer): redrawn, equivalent, killed or alive."""
		if path not in self.compilers:
			return self.kill_shared(path, text)
		same = self.same_code(path, text)
		if same is not False:
			return ("equivalent", "the same code") if same else ("redrawn", "")
		if tests is not None and not tests:
			return "alive", "no test executes it"
		by = self.kill_source(path, tests)
		if by is None and self.same_code(path, text, "-O2"):
			return "equivalent", "the same code"
		return ("redrawn", "") if by is False else ("killed", by) if by else ("alive", "")


class Whole(Tree):
	"""What `./test.sh unit` does, as far as it can notice."""

	def __init__(self, scratch, slack):
		super().__init__(scratch, BUILD, slack)
		self.checks = None

	def prepare(self):
		"""The tree as it is: which programs there are, and which checks pass and how long they take."""
		if self.checks is not None:
			return
		self.scratch.configure()
		if not self.scratch.ninja():
			raise SystemExit("tools/mutate: the tree does not build as it is")
		self.checks = {}
		for check in glob.glob(self.scratch.path("test/check/*")):
			started = time.monotonic()
			if run([check], self.scratch.folder, 600) == 0:
				self.checks[check] = time.monotonic() - started

	def judge(self, path, text, tests):
		"""The same; `tests`: those that can notice, None: all."""
		self.prepare()
		able = [test for test in programs(self.folder) if tests is None or test in tests]
		new = [test for test in able if test not in self.took]
		if not self.scratch.ninja(*able):
			raise SystemExit("tools/mutate: the tree does not build as it is")
		self.measure(new)
		with self.scratch.changed(path, text):
			for test in self.order(path, able):
				if not self.scratch.ninja(test):
					return "redrawn", ""
				if self.fails(test, os.path.join(self.folder, test)):
					return "killed", self.killed(path, test)
			if not self.scratch.ninja(*CHECKED):
				return "redrawn", ""
			for check in sorted(self.checks, key=self.checks.get):
				if run([check], self.scratch.folder, 60 + self.slack * self.checks[check]) != 0:
					return "killed", check
		return "alive", ""
