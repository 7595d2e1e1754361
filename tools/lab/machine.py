# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later
"""The emulated machine: starts Bochs (or QEMU with KVM), follows its serial port, knows why it ended."""
import errno
import fcntl
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import termios
import time
import tty

HALT_IDLE = 3.0		# seconds without any sign of life after CPU 0 halted with interrupts off
QUIET = 0.001		# seconds: a pty holds 4 KiB, and the emulator waits while it is full
PORTS = ("ata0-master", "ata0-slave", "ata1-master", "ata1-slave")


class MachineError(Exception):
	"""The emulator cannot be used; one line says why."""


class End:
	"""How a run ended."""

	def __init__(self, kind, text):
		self.kind = kind	# poweroff halted timeout ticks until reset fault error
		self.text = text


def _help(path, *topic):
	try:
		done = subprocess.run([path, "--help", *topic], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
			stderr=subprocess.STDOUT, text=True, errors="replace", timeout=60, check=False)
	except OSError as why:
		raise MachineError(f"{path}: {why.strerror}") from None
	if "Bochs" not in done.stdout:
		raise MachineError(f"{path} is not a Bochs")
	return done.stdout


def bochs_version(path):
	"""Such as "2.7"; an empty string where that Bochs does not tell, or is none."""
	try:
		found = re.search(r"Bochs x86 Emulator (\d+\.\d+\S*)", _help(path))
	except MachineError:
		return ""
	return found[1] if found else ""


def has_debugger(path):
	return " -rc filename" in _help(path)


class Disk:
	def __init__(self, path, cdrom=False, keep=False):
		self.path = path
		self.cdrom = cdrom
		self.keep = keep		# somebody's file: never written


class Machine:
	"""Options common to both emulators; run() drives one to its end."""

	def __init__(self, work, disks, options):
		self.work = work
		self.disks = disks
		self.opt = options
		self.com1 = os.path.join(work, "com1")
		self.serial_logs = options.serial_logs		# files of COM2, COM3, COM4
		self.log = None			# terminal on which the emulator writes its log: a file would be buffered
		self.log_text = bytearray()
		self.log_rest = b""
		self.halted_at = None
		self.process = None
		self.terminal = None
		self.screen = b""		# the last that the emulator wrote on its terminal
		self.seen_reset = 0

	def start(self):
		raise NotImplementedError

	def diagnose(self, status):
		raise NotImplementedError

	def spawn(self, argv):
		"""On a terminal of its own: Debian's Bochs insists on one. It also waits there for a key, a millisecond at each HLT,
		unless its input is at its end."""
		self.terminal, slave = pty.openpty()
		fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 132, 0, 0))
		env = dict(os.environ, TERM="xterm")
		try:
			self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=slave, stderr=slave, env=env,
				cwd=self.work, start_new_session=True)
		except OSError as why:
			raise MachineError(f"{argv[0]}: {why.strerror}") from None
		finally:
			os.close(slave)

	def stop(self):
		if self.process and self.process.poll() is None:
			os.killpg(self.process.pid, signal.SIGKILL)
			self.process.wait()

	def run(self, sink):
		"""Feed COM1 to `sink` (which returns true to stop) until the machine ends."""
		os.mkfifo(self.com1)
		serial = os.open(self.com1, os.O_RDONLY | os.O_NONBLOCK)
		keep = os.open(self.com1, os.O_WRONLY)		# no end of file while the emulator starts
		self.log, log_slave = pty.openpty()
		tty.setraw(log_slave)
		self.log_name = os.ttyname(log_slave)
		os.set_blocking(self.log, False)
		try:
			self.start()
			return self._loop(serial, sink)
		finally:
			self.stop()
			self.follow_log()
			with open(os.path.join(self.work, "emulator.log"), "wb") as f:
				f.write(self.log_text)
			for fd in (serial, keep, self.log, log_slave, self.terminal):
				if fd is not None:
					os.close(fd)

	def _loop(self, serial, sink):
		start = last_life = time.monotonic()
		while True:
			now = time.monotonic()
			wait = 0.5
			if self.opt.timeout:
				if now - start > self.opt.timeout:
					return End("timeout", f"time ran out after {self.opt.timeout:g} seconds")
				wait = min(wait, max(0.0, start + self.opt.timeout - now))
			ready, _, _ = select.select([serial, self.terminal, self.log], [], [], wait)
			if self.terminal in ready:
				self.screen = (self.screen + _read(self.terminal))[-4096:]
			if ready and serial not in ready:
				time.sleep(QUIET)		# a chatty emulator's log is no reason to hurry
			data = _read(serial) if serial in ready else b""
			if data:
				last_life = time.monotonic()
				if sink(data):
					return End("until", "the awaited line came")
			elif self.process.poll() is not None:
				data = _read(serial)
				if data:
					sink(data)
				return self.diagnose(self.process.returncode)
			if self.follow_log():
				last_life = time.monotonic()
			if self.seen_reset > 1:
				return End("reset", "L1 reset the machine")
			if self.halted_at and time.monotonic() - last_life > HALT_IDLE:
				return End("halted", "L1 halted for good")

	def follow_log(self):
		return False


def _read(fd):
	try:
		return os.read(fd, 65536)
	except BlockingIOError:
		return b""
	except OSError as why:
		if why.errno == errno.EIO:		# the other side of the terminal is closed
			time.sleep(0.05)
			return b""
		raise


class Bochs(Machine):
	def __init__(self, work, disks, options):
		super().__init__(work, disks, options)
		self.path = shutil.which(options.bochs)
		if not self.path:
			raise MachineError(f"{options.bochs} is missing: apt-get install bochs bochs-term bochsbios vgabios")
		self.path = os.path.abspath(self.path)		# it is started in the run's own folder
		self.debugger = has_debugger(self.path)
		if options.cpu_model not in _help(self.path, "cpu").split():
			raise MachineError(f"{options.bochs} has no processor model {options.cpu_model}")

	def config(self):
		opt = self.opt
		lines = [
			f"cpu: model={opt.cpu_model}, count={opt.cpus}, ips={opt.mips}000000, reset_on_triple_fault=0, "
			"ignore_bad_msrs=1",
			f"memory: guest={opt.memory}, host={min(opt.memory, 2048)}",
			# A Bochs that is not installed here, behind a script, has the environment variable BXSHARE say where its ROMs are.
			"romimage: file=$BXSHARE/BIOS-bochs-latest",
			"vgaromimage: file=$BXSHARE/VGABIOS-lgpl-latest",
			"vga: extension=none, update_freq=1, realtime=0",
			"boot: " + ("cdrom" if self.disks[0].cdrom else
				"disk, cdrom" if any(d.cdrom for d in self.disks) else "disk"),
			"ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14",
			# An empty channel costs the BIOS a timeout of 150 million instructions.
			f"ata1: enabled={int(len(self.disks) > 2)}, ioaddr1=0x170, ioaddr2=0x370, irq=15",
			f"com1: enabled=1, mode=file, dev={self.com1}",
			f"log: {self.log_name}",
			"panic: action=fatal", "error: action=report",
			# A Bochs without debugger tells its speed from a signal handler, and hangs if that interrupts the log.
			"info: action=report" + ("" if self.debugger else ", NOGUI=ignore"),
			"display_library: " + ("term" if self.debugger else "nogui"),
			"clock: sync=none, time0=0",
		]
		for port, disk in zip(PORTS, self.disks):
			if disk.cdrom:
				lines.append(f'{port}: type=cdrom, path="{disk.path}", status=inserted')
			else:
				lines.append(f'{port}: type=disk, path="{disk.path}", mode={"volatile" if disk.keep else "flat"}')
		for number, path in enumerate(self.serial_logs, 2):
			lines.append(f"com{number}: enabled=1, mode=file, dev={path}")
		return "\n".join(lines) + "\n"

	def start(self):
		rc = os.path.join(self.work, "bochsrc")
		with open(rc, "w", encoding="utf-8") as f:
			f.write(self.config())
		argv = [self.path, "-q", "-f", rc]
		if self.debugger:
			script = os.path.join(self.work, "debugger")
			with open(script, "w", encoding="ascii") as f:
				f.write("c\nq\n")
			argv += ["-rc", script]
		if self.opt.ticks:
			argv += ["-benchmark", str((self.opt.ticks + 999999) // 1000000)]
		self.spawn(argv)

	def follow_log(self):
		"""New lines of the emulator's log; true if they show a sign of life."""
		data = part = _read(self.log)
		while part:
			part = _read(self.log)
			data += part
		self.log_text += data
		lines = (self.log_rest + data).split(b"\n")
		self.log_rest = lines.pop()
		for line in lines:
			if b"bx_pc_system_c::Reset(" in line:
				self.seen_reset += 1
			if b"[CPU0" in line:
				self.halted_at = line if b"HLT instruction with IF=0" in line else None
		return bool(lines)

	def diagnose(self, status):
		self.follow_log()
		text = (self.screen + self.log_text).decode("latin-1")
		if "soft power off" in text or "shutdown requested" in text:
			ticks = re.findall(r"^(\d{11})[a-z]\[", text, re.M)
			return End("poweroff", "L1 powered the machine off" +
				(f" after {int(ticks[-1]) // 1000000} million ticks" if ticks else ""))
		panics = re.findall(r"^\d+p\[(.*?)\s*\] (.*?)\r?$", text, re.M)
		if panics:
			text = panics[-1][1].replace(">>PANIC<<", "").strip()
			hint = ": apt-get install bochsbios vgabios" if "ROM image file" in text else ""
			return End("fault", f"the machine stopped: {panics[-1][0]}: {text}{hint}")
		if self.opt.ticks:
			return End("ticks", f"{self.opt.ticks} ticks ran out")
		return End("error", f"the emulator ended with status {status}")


class QemuKvm(Machine):
	"""For machines with VMX: the same disks under QEMU, L0's processor being KVM's."""

	def __init__(self, work, disks, options):
		super().__init__(work, disks, options)
		self.path = shutil.which("qemu-system-x86_64")
		if not self.path:
			raise MachineError("qemu-system-x86_64 is missing: apt-get install qemu-system-x86")
		if not os.access("/dev/kvm", os.R_OK | os.W_OK):
			raise MachineError("/dev/kvm cannot be used: --emulator qemu-kvm needs a processor with VMX")
		if options.ticks:
			raise MachineError("--ticks needs --emulator bochs")

	def start(self):
		opt = self.opt
		argv = [self.path, "-machine", "pc,accel=kvm", "-cpu", "host,+vmx,enforce", "-smp", str(opt.cpus), "-m", str(opt.memory),
			"-nodefaults", "-vga", "std", "-display", "none", "-no-reboot", "-serial", f"file:{self.com1}"]
		for path in self.serial_logs:
			argv += ["-serial", f"file:{path}"]
		for index, disk in enumerate(self.disks):
			media = "cdrom" if disk.cdrom else "disk"
			argv += ["-drive", f"file={disk.path},if=ide,index={index},format=raw,media={media},snapshot=on"]
		argv += ["-boot", "order=d" if self.disks[0].cdrom else "order=cd"]
		self.spawn(argv)

	def diagnose(self, status):
		if status == 0:
			return End("poweroff", "L1 powered the machine off")
		words = self.screen.decode("latin-1").strip().splitlines()[-1:] or ["no message"]
		return End("error", f"the emulator ended with status {status}: {words[0]}")
