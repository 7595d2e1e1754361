# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later
"""KVM's selftests, as the source of Debian's kernel has them, linked statically: programs that an L1 with nothing else can run."""
import glob
import os
import re
import shutil
import subprocess
import tarfile

import packages
from packages import LabError

FOLDER = "tools/testing/selftests/kvm"
# Of the kernel's tree: what they are built from and with.
PARTS = (FOLDER, "tools/testing/selftests/rseq", "tools/testing/selftests/lib.mk", "tools/testing/selftests/kselftest.h",
	"tools/testing/selftests/kselftest_harness.h", "tools/include", "tools/arch/x86/include", "tools/lib/rbtree.c", "tools/build", "tools/scripts",
	"scripts")
# Those that need a processor of AMD's or one with protected guests, and those that measure, or that strain the machine for minutes.
FOREIGN = re.compile(r"svm|sev_|private_mem|_perf_test|stress|demand_paging|hardware_disable|max_guest_memory|page_table_test|rseq|nx_huge_pages")


def unpack(kernel, to):
	shutil.rmtree(to, ignore_errors=True)
	with tarfile.open(packages.linux_source(kernel)) as source:
		for member in source:
			member.name = member.name.partition("/")[2]
			if member.isfile() and (member.name in PARTS or member.name.startswith(tuple(part + "/" for part in PARTS))):
				source.extract(member, to)


def includes(kernel):
	"""The kernel's interface, as programs see it."""
	root = packages.tree(f"linux-libc-dev-{kernel}", "amd64", ["linux-libc-dev"], only=("linux-libc-dev",), suite=packages.kernel_suite(kernel))
	folders = [os.path.join(root, "usr/include"), os.path.join(root, "usr/include/x86_64-linux-gnu")]
	return " ".join(f"-isystem {folder}" for folder in folders)


def build(kernel, work):
	"""Names and paths of the programs."""
	unpack(kernel, work)
	folder = os.path.join(work, FOLDER)
	headers = includes(kernel)
	# Each that builds: in the stable 6.1, dirty_log_test and steal_time lack what their headers in later kernels have.
	done = subprocess.run(["make", "-C", folder, "-k", "ARCH=x86_64", "CC=gcc -static", f"KHDR_INCLUDES={headers}",
		f"LINUX_HDR_PATH={headers.split()[1]}"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
	programs = [path for path in sorted(glob.glob(os.path.join(folder, "*")) + glob.glob(os.path.join(folder, "x86_64/*")))
		if os.path.isfile(path) and os.access(path, os.X_OK) and not path.endswith(".sh") and not FOREIGN.search(os.path.basename(path))]
	if not programs:
		raise LabError(f"none of Linux {kernel}'s selftests builds: {(done.stdout.strip().splitlines() or ['make says nothing'])[-1]}")
	for path in programs:
		packages.run(["strip", path])
	return {os.path.basename(path): path for path in programs}


def add(archive, kernel, work):
	for name, path in build(kernel, work).items():
		archive.copy(f"programs/{name}", path, 0o755)
	shutil.rmtree(work)
