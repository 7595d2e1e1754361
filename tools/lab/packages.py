# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later
"""Debian packages, used without installing them: download, unpack below build/lab, look files up."""
import fcntl
import glob
import gzip
import os
import re
import shutil
import subprocess
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LAB = os.path.join(TOP, "build", "lab")
RETRIES = 3


class LabError(Exception):
	"""Something that the user has to know, in one line."""


class Absent(LabError):
	"""The machine's Debian has no such package, a suite cannot be reached, a module is not built: what needs it cannot be tried there."""


def run(argv, **kw):
	result = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False, **kw)
	if result.returncode:
		last = (result.stderr.strip() or result.stdout.strip() or "no message").splitlines()[-1]
		raise LabError(f"{os.path.basename(argv[0])} {argv[1] if len(argv) > 1 else ''}: {last}")
	return result.stdout


def retry(argv, **kw):
	for attempt in range(RETRIES):
		try:
			return run(argv, **kw)
		except LabError as why:
			missing = re.search(r"Unable to locate package (\S+)|Package '(\S+)' has no installation candidate", str(why))
			if missing:
				raise Absent(f"the archive has no package {missing[1] or missing[2]}") from None
			unreached = re.search(r"The value '(\S+)' is invalid for APT::Default-Release", str(why))
			if unreached:
				raise Absent(f"the suite {unreached[1]} cannot be reached") from None
			if attempt == RETRIES - 1:
				raise
			time.sleep(3 * (attempt + 1))
	return None


KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# Kernels that a Debian has in another suite than its own; the others have them in theirs.
RELEASES = ("trixie", "sid")	# whose hypervisors rows of the boot matrix have as L1
KERNEL_SUITES = {("bookworm", "6.12"): "bookworm-backports", ("trixie", "6.1"): "bookworm", ("trixie", "i386"): "bookworm"}


def codename():
	with open("/etc/os-release", encoding="utf-8") as f:
		found_name = re.search(r"^VERSION_CODENAME=(\w+)", f.read(), re.M)
	return found_name[1] if found_name else ""


def kernel_suite(kernel):
	"""Where the Debian of this machine has that kernel, by its version, its release or its architecture; an empty string for its own suites."""
	return release_suite(kernel) if kernel in RELEASES else KERNEL_SUITES.get((codename(), kernel), "")


def release_suite(release):
	"""The suite to take a release's packages from; an empty string if they are the machine's own."""
	return "" if release == codename() else release


def suite_sources(suite):
	"""Lines of a sources.list for another suite beside the machine's own, from the place that the machine's comes from."""
	own = codename()
	targets = run(["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)"])
	places = {uri for uri, release, component in map(str.split, targets.splitlines()) if release == own and component == "main"}
	if not places:
		raise LabError(f"apt's sources have no main of {own}")
	signed = f"[signed-by={KEYRING}] " if os.path.exists(KEYRING) else ""
	return "".join(f"deb {signed}{uri} {name} main contrib\n" for uri in sorted(places) for name in (own, suite))


class Archive:
	"""The machine's own apt sources, or a suite beside them, seen for one architecture with nothing installed."""

	def __init__(self, arch, suite=""):
		self.arch = arch
		self.dir = os.path.join(LAB, "apt", f"{arch}-{suite}" if suite else arch)
		self.debs = os.path.join(LAB, "debs")
		for sub in ("lists/partial", "cache/archives/partial"):
			os.makedirs(os.path.join(self.dir, sub), exist_ok=True)
		os.makedirs(self.debs, exist_ok=True)
		self.status = os.path.join(self.dir, "status")
		with open(self.status, "a", encoding="ascii"):
			pass
		self.config = os.path.join(self.dir, "apt.conf")
		with open(self.config, "w", encoding="ascii") as conf:
			conf.write(
				f'APT::Architecture "{arch}";\nAPT::Architectures "{arch}";\n'
				f'Dir::State::Lists "{self.dir}/lists";\nDir::State::status "{self.status}";\n'
				f'Dir::Cache "{self.dir}/cache";\nAPT::Install-Recommends "false";\n'
				'APT::Sandbox::User "root";\nAcquire::Languages "none";\n')
			if suite:
				conf.write(f'Dir::Etc::SourceList "{self.dir}/sources.list";\nDir::Etc::SourceParts "/dev/null";\n'
					f'APT::Default-Release "{suite}";\n')
		if suite:
			with open(os.path.join(self.dir, "sources.list"), "w", encoding="ascii") as sources:
				sources.write(suite_sources(suite))
		self.env = dict(os.environ, APT_CONFIG=self.config, LC_ALL="C")
		self.updated = False

	def update(self):
		"""Fetch the package lists; once a day is enough."""
		stamp = os.path.join(self.dir, "updated")
		fresh = os.path.exists(stamp) and time.time() - os.path.getmtime(stamp) < 86400
		if not self.updated and not fresh:
			try:
				retry(["apt-get", "update", "-q"], env=self.env)
				with open(stamp, "w", encoding="ascii"):
					pass
			except LabError as why:
				# A mirror that is being synchronised serves some lists; they are often enough.
				print(f"lab: package lists incomplete ({why})", flush=True)
		self.updated = True

	def closure(self, names):
		"""File name and address of each package that installing `names` would bring."""
		out = retry(["apt-get", "-y", "--print-uris", "install", *names], env=self.env)
		for line in out.splitlines():
			if line.startswith("'"):
				fields = line.split()
				yield fields[1], os.path.basename(fields[1]).split("_")[0]

	def download(self, wanted):
		"""The package files of `wanted`, as closure() yields it: those that are not there yet in one go."""
		paths = [os.path.join(self.debs, filename) for filename, _ in wanted]
		missing = [f"{name}:{self.arch}" for path, (_, name) in zip(paths, wanted) if not os.path.exists(path)]
		if missing:
			retry(["apt-get", "download", "-q", *missing], env=self.env, cwd=self.debs)
		for path in paths:
			if not os.path.exists(path):
				raise LabError(f"the archive has another file than {os.path.basename(path)}")
		return paths


def named(name, words):
	return any(name == word or name.startswith(word + "-") for word in words)


def tree(key, arch, names, skip=(), only=(), suite=""):
	"""Directory with `names` and all that they depend on unpacked, but what `skip` names, or no more than what `only` does; cached
	under `key`."""
	root = os.path.join(LAB, "root", key)
	stamp = root + ".done"
	want = " ".join([arch, *names, *[suite] * bool(suite)])
	os.makedirs(os.path.dirname(root), exist_ok=True)
	with open(root + ".lock", "w", encoding="ascii") as lock:
		fcntl.flock(lock, fcntl.LOCK_EX)
		if os.path.exists(stamp) and open(stamp, encoding="ascii").read() == want:
			return root
		print(f"lab: fetching {key}: {' '.join(names)} ({arch})", flush=True)
		archive = Archive(arch, suite)
		archive.update()
		shutil.rmtree(root, ignore_errors=True)
		os.makedirs(root)
		wanted = [(filename, name) for filename, name in archive.closure(names)
			if not named(name, skip) and (not only or named(name, only))]
		for path in archive.download(wanted):
			run(["dpkg", "-x", path, root])
		with open(stamp, "w", encoding="ascii") as out:
			out.write(want)
	return root


def linux_headers(kernel):
	"""Those of a kernel that is installed nowhere, by its first two numbers or its release, for building modules."""
	root = tree(f"linux-headers-{kernel}", "amd64", ["linux-headers-amd64"], only=("linux-headers", "linux-kbuild"), suite=kernel_suite(kernel))
	headers = one(os.path.join(root, f"usr/src/linux-headers-{'' if kernel in RELEASES else kernel}*-amd64"))
	makefile = os.path.join(headers, "Makefile")
	with open(makefile, encoding="utf-8") as f:
		text = f.read()
	here = re.sub(r"^(include |KBUILD_OUTPUT=)/usr/src/", rf"\1{root}/usr/src/", text, flags=re.M)
	if here != text:
		with open(makefile, "w", encoding="utf-8") as f:
			f.write(here)
	return headers


def linux_source(kernel):
	"""The archive with that kernel's source."""
	package = "linux-source" if kernel in RELEASES else f"linux-source-{kernel}"
	root = tree(f"linux-source-{kernel}", "amd64", [package], only=("linux-source",), suite=kernel_suite(kernel))
	return one(os.path.join(root, "usr/src/linux-source-*.tar.xz"))


def version(root, package):
	"""That of a package in a tree, as Debian counts them; without an epoch."""
	changelogs = [os.path.join(root, "usr/share/doc", package, f"changelog.Debian{kind}.gz") for kind in ("", ".amd64")]
	for path in filter(os.path.exists, changelogs):
		with gzip.open(path, "rt", encoding="utf-8") as f:
			return re.sub(r"^\d+:", "", re.search(r"\(([^)]+)\)", f.readline())[1])
	return ""


def found(*patterns):
	"""Files that match the first of the patterns which any matches; there is one."""
	for pattern in patterns:
		matches = sorted(glob.glob(pattern))
		if matches:
			return matches
	raise LabError(f"no file {' or '.join(patterns)}")


def one(*patterns):
	"""The file that matches; the last in order if several do."""
	return found(*patterns)[-1]
