# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later
"""A copy of the tree in which sources can be changed, built and tested as `./test.sh unit` does it."""
import contextlib
import os
import shutil
import signal
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = "build/unit"


def run(command, cwd, timeout, output=subprocess.DEVNULL):
	"""The exit status; None: it did not end in time."""
	with subprocess.Popen(command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
			      start_new_session=True) as process:
		try:
			return process.wait(timeout)
		except subprocess.TimeoutExpired:
			os.killpg(process.pid, signal.SIGKILL)
			process.wait()
			return None


def same(one, other):
	if not os.path.isfile(other) or os.path.getsize(one) != os.path.getsize(other):
		return False
	with open(one, "rb") as a, open(other, "rb") as b:
		return a.read() == b.read()


class Scratch:
	def __init__(self, folder):
		self.folder = os.path.abspath(folder)
		self.copy()

	def path(self, name):
		return os.path.join(self.folder, name)

	def read(self, name):
		with open(self.path(name), encoding="utf-8") as file:
			return file.read()

	def write(self, name, text):
		with open(self.path(name), "w", encoding="utf-8") as file:
			file.write(text)

	@contextlib.contextmanager
	def changed(self, name, text, built=True):
		"""The file is another one for a while; `built`: what ninja makes of it meanwhile is to be made again afterwards."""
		good, stamp = self.read(name), os.stat(self.path(name))
		try:
			self.write(name, text)
			yield
		finally:
			self.write(name, good)
			if not built:
				os.utime(self.path(name), ns=(stamp.st_atime_ns, stamp.st_mtime_ns))

	def copy(self):
		"""Only what differs is written: what is built already stays so."""
		listed = subprocess.run(["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True)
		names = {name for name in listed.stdout.decode().split("\0") if name and os.path.isfile(os.path.join(ROOT, name))}
		for name in names:
			if not same(os.path.join(ROOT, name), self.path(name)):
				os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
				shutil.copy(os.path.join(ROOT, name), self.path(name))
		for where, folders, files in os.walk(self.folder):
			if where == self.folder:
				folders[:] = [name for name in folders if name != "build"]
			for name in files:
				if os.path.relpath(os.path.join(where, name), self.folder) not in names:
					os.remove(os.path.join(where, name))

	def configure(self, build=BUILD, *options):
		flags = ["-G", "Ninja", "-DNESTVMX_METAL=OFF", "-DNESTVMX_TEST_FULL=OFF", "-DCMAKE_C_COMPILER=gcc",
			 "-DCMAKE_C_FLAGS_RELWITHDEBINFO=-O1 -DNDEBUG", *options]
		if shutil.which("ld.lld"):
			flags.append("-DCMAKE_EXE_LINKER_FLAGS=-fuse-ld=lld")
		if shutil.which("ccache"):
			flags.append("-DCMAKE_C_COMPILER_LAUNCHER=ccache")
		if run(["cmake", "-S", ".", "-B", build, *flags], self.folder, 600) != 0:
			raise SystemExit(f"{self.folder}: cmake fails")

	def ninja(self, *targets, build=BUILD):
		"""Whether the targets can be built."""
		return run(["ninja", "-C", build, "-j2", *targets], self.folder, 7200) == 0
