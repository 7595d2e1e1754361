# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later
"""The boot matrix: what boots as L1, what runs in it, and what has to be printed, in this order."""
import vbox
from kernel import QUICK, TRACING

# What every Linux L1 gets: the emulated clock is its instruction count, and a serial line of that speed is slow.
MIPS = 50		# million instructions to the second
LINUX = ("console=ttyS0 quiet loglevel=3 panic=-1 nokaslr mitigations=off tsc=reliable tsc_early_khz={mips}000 no_timer_check "
	f"cryptomgr.notests random.trust_cpu=on {QUICK}")
LINUX_TRACED = LINUX.replace(TRACING, "")		# of a kernel whose tracefs is looked at
XEN = "console=com1 com1=115200,8n1 guest_loglvl=all dom0_mem=300M,max:300M noreboot=1 sched=credit tsc=unstable"
# Without a console of its own before hvc0, dom0 prints nothing when it dies early.
XEN_DOM0 = (LINUX.replace("console=ttyS0", "console=hvc0 earlyprintk=xen").replace("tsc_early_khz={mips}000 ", "")
	.replace("tsc=reliable ", "").replace("no_timer_check ", ""))
STRESS = 100		# rounds of memory stress
ROUNDS = 20		# of it in rows that only --all boots
STRESSED = r"L2: stress=ok rounds={rounds}"
SUM = "879f4bba"
OFF = r"reboot: Power down"
KVM = "l1-base l1-kvm l1-qemu"


def up(cpus=1):
	return rf"^L1: Linux \d+\.\d+\.\S+ up, {cpus} CPU"


# Faults of an emulator that a row has to avoid: of which Bochs, which piece meets it, and the word for the kernel that avoids it.
AVOIDED = [
	# It refuses a posted-interrupt descriptor that is not aligned to 4 KiB (SDM 26.2.1.1: 64 bytes): KVM's VM entries fail with error 7.
	*[("3.0", piece, "nvmx.kvm=enable_apicv=0") for piece in ("l1-kvm", "l1-kvm-trixie", "l1-kvm-sid", "l1-kvm-nestvmx", "l1-kvm-nestvmx-6.12", "l1-kvm-nestvmx-sid")],
	# XRSTORS of a task's first state is refused: init dies of #GP.
	("2.7", "vmlinux-sid", "clearcpuid=xsaves,xsavec"),
	# With IF clear on both sides of a VM entry it leaves interrupts masked although they are to exit (SDM 25.2): the machine stands still.
	*[("2.7", f"selftests-{kernel}", "nvmx.without=vmx_preemption_timer_test") for kernel in ("6.1", "6.12")],
]

def avoiding(pieces, bochs):
	"""Words for the command line of a kernel with these pieces on that version of Bochs."""
	return [word for version, piece, word in AVOIDED if version == bochs and piece in pieces]


class Row:
	"""One boot. `pieces`: images of tools/lab, the kernel first. `expect`: regexes in the order of appearance.
	`seconds`: what it may take on the emulated clock, which is the same on any computer. `mips`: instructions to such a
	second; where an exit costs tens of thousands, timers of 250 Hz need a faster clock than the others. `about`: L1 and L2 in words,
	of a row that docs/matrix.md has, and `adapter` the name of the row that boots the same L1 under KVM with libnestvmx. `seldom`: only
	when it is named, or with --all. `compared`: that many programs at least run in it, and do what they do on the bare machine.
	`shows`: rows that it has in it."""

	def __init__(self, name, pieces, arguments, expect, cpus=1, memory=768, seconds=300, mips=MIPS, options="",
			host_only=False, kvm_host=False, dom0="", about=None, adapter="", seldom=False, compared=0, shows=""):
		self.name = name
		self.pieces = pieces.split()
		self.arguments = arguments.replace("{mips}", str(mips))
		self.expect = expect
		self.cpus = cpus
		self.memory = memory
		self.seconds = seconds
		self.mips = mips
		self.options = options.split()
		self.host_only = host_only
		self.kvm_host = kvm_host
		self.dom0 = f"{XEN_DOM0} {dom0}".strip()
		self.about = about
		self.adapter = adapter
		self.seldom = seldom
		self.compared = compared
		self.shows = shows.split()

	def words(self, bochs):
		"""The kernel's arguments on that version of Bochs."""
		return self.arguments.split() + avoiding(self.pieces, bochs)

	def hosts(self):
		"""What --all boots it on."""
		return ["native"] * (not self.host_only) + ["metal"] + ["kvm"] * bool(self.adapter)


def of_release(piece, release):
	"""The piece of another Debian than the machine's."""
	return f"{piece}-{release}" if release else piece


def linux(name, guests, kvm="", l2cpus=1, extra="", stress=0, release="", **kw):
	"""Linux with KVM as L1, and `guests` in it under QEMU, all at once; with `stress` rounds of memory stress in each Linux."""
	arguments = f"{LINUX} {extra} nvmx.scenario=guests nvmx.guests={guests} nvmx.l2cpus={l2cpus}"
	loaded = r"^L1: KVM loaded: ept=Y"
	if kvm:
		arguments += f" nvmx.kvm={kvm}"
		loaded = f"^L1: KVM loaded: .*{kvm.replace(',', ' ')}"
	expect = [up(kw.get("cpus", 1)), loaded]
	if stress:
		arguments += f" nvmx.append=nvmx.stress={stress}"
		expect += [STRESSED.format(rounds=stress)] * l2cpus
	images = {"amd64": of_release("l2-amd64", release)}
	pieces = " ".join(of_release(piece, release) if piece != "l1-base" else piece for piece in f"loader vmlinux {KVM}".split()[1:])
	pieces = f"loader {pieces} " + " ".join(images.get(g, f"l2-{g}") for g in dict.fromkeys(guests.split(",")))
	# Guests of one boot end in any order.
	return Row(name, pieces, arguments, expect + [tuple(alive(guests, l2cpus)), r"^L1: done", OFF], about=in_words(guests, kvm, l2cpus, stress, release), **kw)


def in_words(guests, kvm, l2cpus, stress, release):
	"""L1 and L2, for people."""
	l1 = "Linux with KVM" + (f" of Debian {release}" if release else "") + (f", `{kvm}`" if kvm else "")
	l2 = ", ".join(WORDS[guest] for guest in guests.split(",")) + (f"; {l2cpus} vCPUs" if l2cpus > 1 else "")
	return l1, l2 + (f"; memory stress, {stress} rounds" if stress else "")


def nested(name, guest, l2kvm="", **kw):
	"""Linux with KVM as L1 and as L2, and a guest of that one's."""
	arguments = f"{LINUX} nvmx.scenario=guests nvmx.guests=kvm nvmx.l2guests={guest} nvmx.kvm=nested=1 nvmx.l2kvm={l2kvm} nowatchdog"
	expect = [up(), r"^L1: KVM loaded: .*nested=1", rf"^\[1 kvm\] {up()[1:]}", r"^\[1 kvm\] L1: KVM loaded: ",
		rf"^\[1 kvm\] \[1 {guest}\] " + ALIVE[guest].format(cpus=1, sums=SUM), r"^L1: done", OFF]
	return Row(name, f"loader vmlinux {KVM} l2-kvm-amd64", arguments, expect, memory=1300, seconds=900, seldom=True,
		about=("Linux with KVM, `nested=1`", f"the same, and in it, L3: {WORDS[guest]}"), **kw)


# The module goes at the end: it has returned what it took, and the kernel has not complained.
UNLOADED = [tuple(rf"^L1: ledger: {thing} (\d+) taken, \1 returned$" for thing in ("VMs", "vCPUs", "pages", "frames", "pins", "vmcs02s")),
	r"^L1: KVM unloaded, kernel log clean", r"^L1: done", OFF]


def under_kvm(name, guests, extra="", kvm="nested=1", l1cpus=1, l2cpus=1, **kw):
	"""L0: Linux with libnestvmx in its kvm-intel.ko; L1: Linux with stock KVM under QEMU; L2: guests of that one's."""
	pieces = "loader vmlinux l1-base l1-kvm-nestvmx l1-qemu l2-kvm-" + ("i386" if "i386" in guests else "amd64")
	arguments = (f"{LINUX} nvmx.scenario=guests,unload nvmx.guests=kvm nvmx.l2guests={guests} nvmx.kvm={kvm} "
		f"nvmx.l1cpus={l1cpus} nvmx.l2cpus={l2cpus} {extra}")
	alive = tuple(rf"^\[1 kvm\] \[{number} {guest}\] " + ALIVE[guest].format(cpus=l2cpus, sums=",".join([SUM] * l2cpus))
		for number, guest in enumerate(guests.split(","), 1))
	expect = [up(kw.get("cpus", 1)), r"^L1: KVM loaded: ", rf"^\[1 kvm\] {up(l1cpus)[1:]}", r"^\[1 kvm\] L1: KVM loaded: ", alive, *UNLOADED]
	return Row(name, pieces, arguments.strip(), expect, memory=1300, seconds=900, kvm_host=True, **kw)


def adapted(name, l2kvm="", **kw):
	"""The mate of a row with stock KVM as L1 and these parameters, a Linux as L2."""
	return under_kvm(name, "amd64", extra=f"nvmx.l2kvm={l2kvm}", **kw)


def xen_under_kvm(name, kvm):
	"""L1: Xen under QEMU, and its dom0; L2: a PVH guest of Xen's."""
	return Row(name, "loader vmlinux l1-base l1-kvm-nestvmx l1-qemu l2-xen",
		f"{LINUX} nvmx.scenario=guests,unload nvmx.guests=xen nvmx.kvm={kvm}",
		[up(), r"^L1: KVM loaded: ", r"^\[1 xen\] .*Xen version 4\.\d+", r"^\[1 xen\] L1: dom0 up",
		r"^\[1 xen\] " + ALIVE["amd64"].format(cpus=1, sums=SUM), *UNLOADED], memory=1536, seconds=1800, kvm_host=True)


# Bochs 2.7 leaves the low bits in the addresses that it logs of written pages (SDM 28.2.6), and KVM warns: no PML.
TORTURED = "nested=1,pml=0"


def beside(items, only_ours=""):
	"""The same under stock KVM, and then under ours; what that one fails, ours alone."""
	return f"stock,{items},nestvmx,{items}" + (f",{only_ours}" if only_ours else "")


def torture(name, items, pieces="", rounds=300, cpus=1, parameters=TORTURED, offered=""):
	"""test/l1/work.c, or pair.c with two virtual CPUs, as L1 under test/kvm/torture.c."""
	expect = [up(cpus), r"^L1: KVM loaded: "]
	for mode, *words in (item.removeprefix("two:").split(":") for item in items.split(",")):
		if mode == "load":
			expect += [r"^work done ", r"^torture: load"]
		elif words and mode != "save":
			expect.append(rf"^torture: {mode}.*: {words[-2]} times")
	if offered:
		expect.append(offered)
	if "caps" in items.split(","):
		expect.append(r"^caps: nothing lacks")
	return Row(name, f"loader vmlinux l1-base l1-kvm-nestvmx l1-torture {pieces}".strip(),
		f"{LINUX} nvmx.scenario=torture,unload nvmx.kvm={parameters} nvmx.rounds={rounds} nvmx.torture={items}", expect + UNLOADED, memory=512,
		seconds=900, cpus=cpus, kvm_host=True)


TORTURE = ("refuse:2:20,dirty:20:20,slots:20:20,move:last:20:20,move:early:20:20,kill:20:200,step:8:20,gap:get:4:20,nested:init:1:20,"
	"nested:wait:1:20,nested:late:1:20,nested:again:2:20,nested:rsm:1:20,two:slots:10:20,two:fork:10:20")
INJECTED = "events,debugctl,timer,again,halt,wait,filter,poison,gone,device,zeros,refused,shrink,trace"


def inject(name, items, pieces=""):
	"""test/l1/work.c as L1 under test/kvm/inject.c.  What stock KVM makes of it is told, and is no failure."""
	steps = [item for item in items.split(",") if item not in ("stock", "nestvmx", "trace")]
	expect = [up(), r"^L1: KVM loaded: "] + [rf"torture: inject: {step}: \d+ wrong$" for step in steps]	# L1's serial port begins the line
	if "trace" in items.split(","):
		expect.append(r"^L1: traced: .*nestvmx_record: trace 0 [0-9a-f]+ enter [0-9a-f]+ ")
	if "shrink" in steps:
		expect.append(r"^L1: \d+ pages given to the kernel")
	if "device" in steps:
		expect.append(r"^L1: \d+ frames of a device, not cached")
	return Row(name, f"loader vmlinux l1-base l1-kvm-nestvmx l1-torture {pieces}".strip(),
		f"{LINUX_TRACED} nvmx.scenario=inject,unload nvmx.kvm={TORTURED} nvmx.inject={items}", expect + UNLOADED, memory=512,
		seconds=300, kvm_host=True)


def migrate(name, hosts):
	"""The same L1 under QEMU, which goes to a file and comes back once for each host."""
	expect = [up(), r"^L1: KVM loaded: "]
	expect += [rf"^L1: migrated {number}: {host}, " for number, host in enumerate(hosts.split(","), 1)]
	return Row(name, "loader vmlinux l1-base l1-kvm-nestvmx l1-kvm-stock l1-torture l1-qemu",
		f"{LINUX} nvmx.scenario=migrate,unload nvmx.kvm={TORTURED} nvmx.hosts={hosts}", expect + UNLOADED, memory=768,
		seconds=900, kvm_host=True)


def newer(row, kernel):
	"""The same with another Linux, and our module for it, as L0."""
	own = {"vmlinux", "l1-kvm-nestvmx", "l1-kvm-stock"}
	row.name = row.name.replace("host-kvm-", f"host-kvm{kernel.replace('.', '')}-")
	row.pieces = [f"{piece}-{kernel}" if piece in own else piece for piece in row.pieces]
	return row


WORDS = {"amd64": "Linux amd64", "i386": "Linux i386 with PAE", "real": "real mode under SeaBIOS", "hvm": "real mode under SeaBIOS"}
ALIVE = {
	"amd64": r"L2: alive Linux \d+\.\d+\.\S+ x86_64 cpus={cpus} sums={sums} timer=ok",
	"i386": r"L2: alive Linux \d+\.\d+\.\S+-686-pae i686 cpus={cpus} sums={sums} timer=ok",
	"real": r"L2: alive real mode cpus={cpus}",
	"hvm": r"L2: alive real mode cpus={cpus}",
}


# Bochs 2.7 reports a stale vector when an EPT violation interrupts the delivery of a virtual interrupt
# (docs/conformance.md), and with it the host would inject the wrong one: Xen does without virtual-interrupt delivery.
def xen(name, guest="amd64", stress=0, l2cpus=1, release="", **kw):
	"""Xen as L1 with Linux as dom0, and a PVH guest in it; what that one writes to port 0xe9 is in Xen's log."""
	alive = {"real": r"\(d1\) ", "hvm": ""}.get(guest, "^") + ALIVE[guest].format(cpus=l2cpus, sums=",".join([SUM] * l2cpus))
	dom0 = f"nvmx.l2cpus={l2cpus}" + (f" nvmx.append=nvmx.stress={stress}" if stress else "")
	stressed = [STRESSED.format(rounds=stress)] * l2cpus if stress else []
	l2 = {"real": "PVH: real mode", "hvm": "HVM: " + WORDS["hvm"]}.get(guest, "PVH: " + WORDS[guest]) + (f"; {l2cpus} vCPUs" if l2cpus > 1 else "")
	pieces = "loader " + " ".join(of_release(piece, release) for piece in ("xen", "vmlinux", f"dom0-{guest}"))
	return Row(name, pieces, XEN, [r"Xen version 4\.\d+", r"L1: dom0 up", *stressed, alive, r"^L1: done"],
		memory=1024, seconds=600, options="--disable vid", dom0=dom0,
		about=("Xen, Linux as dom0" + (f", of Debian {release}" if release else ""), l2 + (f"; memory stress, {stress} rounds" if stress else "")), **kw)


def parameters():
	"""KVM as L1 with one of its features off at a time, and those rows' mates under the KVM adapter."""
	rows = []
	for off in ("enable_apicv", "pml", "preemption_timer", "unrestricted_guest"):	# ept and enable_shadow_vmcs: CI's rows
		name = f"kvm-no-{off.removeprefix('enable_').replace('_', '-')}"
		rows += [linux(name, "amd64", kvm=f"{off}=0", stress=ROUNDS, seldom=True, adapter=f"host-{name}"), adapted(f"host-{name}", f"{off}=0")]
	return rows


def in_turn(name, off, guest, first="", **kw):
	"""KVM as L1 with `first` in it, all at once, and then in the same boot `guest` once for each feature that is off: KVM goes and comes back."""
	expect = [up(), r"^L1: KVM loaded: ept=Y"]
	if first:
		expect.append(tuple(alive(first)))
	for parameter in off:
		expect += [rf"^L1: KVM reloaded: {parameter}=0", *alive(guest)]
	guests = " ".join(f"l2-{one}" for one in dict.fromkeys([*first.split(","), guest]) if one)
	scenario = f"nvmx.scenario=guests,each nvmx.guests={first} nvmx.with={guest}" if first else f"nvmx.scenario=each nvmx.guests={guest}"
	return Row(name, f"loader vmlinux {KVM} {guests}", f"{LINUX} {scenario} nvmx.each={','.join(parameter + '=0' for parameter in off)}",
		expect + [r"^L1: done", OFF], seconds=600, seldom=True, **kw)


def alive(guests, cpus=1):
	"""What the guests of one L1 say, each when it is ready."""
	return [rf"^\[{number} {guest}\] " + ALIVE[guest].format(cpus=cpus, sums=",".join([SUM] * cpus)) for number, guest in enumerate(guests.split(","), 1)]


def xen_in_turn(name, *guests, **kw):
	"""Xen with PVH guests one after another in one boot."""
	expect = [r"Xen version 4\.\d+", r"L1: dom0 up"]
	for number, guest in enumerate(guests, 1):
		expect.append((rf"\(d{number}\) " if guest == "real" else "^") + ALIVE[guest].format(cpus=1, sums=SUM))
	return Row(name, f"loader xen vmlinux dom0-{'-'.join(guests)}", XEN, [*expect, r"^L1: done"], memory=1024, seconds=900, options="--disable vid",
		seldom=True, **kw)


def virtualbox(name, guest, vms, **kw):
	"""Linux with VirtualBox as L1, and its VMs with that guest in turn."""
	expect = [up(), r"^L1: VirtualBox \d"]
	for number, (vm, has) in enumerate(vms.items(), 1):
		expect += [rf"^\[{number} {vm}\] " + ALIVE[guest].format(cpus=has.cpus, sums=SUM), rf"^L1: {vm} had VMX, {', '.join(has.features)}(, VMX-preemption timer)?$"]
	return Row(name, f"loader vmlinux l1-base l1-vbox l2-vbox-{guest}", f"{LINUX} nvmx.scenario=vbox nvmx.vms={','.join(vms)}",
		expect + [r"^L1: done", OFF], memory=1400, seconds=900, seldom=True, **kw)


def selftests(name, kernel, kvm="", cpus=1):
	"""KVM as L1, whose user is KVM's own tests, of that Linux."""
	l1 = "Linux with KVM" + (f", `{kvm}`" if kvm else "")
	return Row(name, f"loader vmlinux l1-base l1-kvm selftests-{kernel}", f"{LINUX} nvmx.scenario=programs nvmx.seconds=20 nvmx.kvm={kvm}",
		[up(cpus), r"^L1: KVM loaded: ", r"^L1: program \w+: exit \d", r"^L1: done", OFF], cpus=cpus, memory=1024, seconds=2000, seldom=True, compared=45,
		about=(l1, f"the KVM selftests of Linux {kernel}"))


PARAMETERS = ("enable_apicv", "pml", "preemption_timer", "unrestricted_guest", "enable_shadow_vmcs", "ept")
ROWS = [
	Row("linux", "loader vmlinux l1-base", f"{LINUX} nvmx.scenario=plain",
		[up(), rf"^L1: plain x86_64 sum={SUM}", OFF], memory=512, about=("Linux", "–")),
	Row("linux-smp", "loader vmlinux l1-base", f"{LINUX} nvmx.scenario=plain",
		[up(2), rf"^L1: plain x86_64 sum={SUM}", OFF], memory=512, cpus=2, about=("Linux", "–")),
	Row("linux-vtd", "loader vmlinux l1-base l1-ide",
		f"{LINUX} intel_iommu=on iommu=pt nvmx.scenario=plain,ide",
		[up(), rf"^L1: plain x86_64 sum={SUM}", r"^L1: IOMMU dmar0 cap=", r"^L1: groups identity of [1-9]",
		r"^L1: disk .*DMA.* magic=55aa", OFF], memory=512, options="--vtd", host_only=True,
		about=("Linux behind a VT-d unit", "–")),
	linux("kvm-amd64", "amd64", adapter="host-kvm-linux"),
	linux("kvm-noept-amd64", "amd64", kvm="ept=0", adapter="host-kvm-linux-noept"),
	linux("kvm-noshadow-amd64", "amd64", kvm="enable_shadow_vmcs=0", adapter="host-kvm-no-shadow-vmcs"),
	linux("kvm-i386", "i386", adapter="host-kvm-i386"),
	linux("kvm-real", "real", adapter="host-kvm-real"),
	linux("kvm-stress", "amd64", stress=STRESS),
	linux("kvm-two-guests", "amd64,real", memory=1024),
	linux("kvm-three-guests", "amd64,i386,real", memory=1024),
	linux("kvm-smp-two-guests", "i386,real", cpus=2, l2cpus=2, memory=1024, seconds=600),
	linux("kvm-smp-real", "real", cpus=2, l2cpus=2, seconds=600, adapter="host-kvm-smp"),
	linux("kvm-smp-i386", "i386", cpus=2, l2cpus=2, seconds=600),
	linux("kvm-smp-amd64", "amd64", cpus=2, l2cpus=2, seconds=600),
	linux("kvm-real-depth2", "real", options="--depth 2", host_only=True, seconds=900, extra="nowatchdog"),
	linux("kvm-amd64-depth2", "amd64", options="--depth 2", host_only=True, seconds=600, mips=200, extra="nowatchdog"),
	under_kvm("host-kvm-real", "real"),
	under_kvm("host-kvm-linux", "amd64"),
	under_kvm("host-kvm-i386", "i386"),
	xen_under_kvm("host-kvm-xen", "nested=1"),
	under_kvm("host-kvm-linux-noept", "amd64", extra="nvmx.l2kvm=ept=0"),
	under_kvm("host-kvm-linux-noshadow", "amd64", kvm="nested=1,enable_shadow_vmcs=0"),
	under_kvm("host-kvm-two-l2", "real,real"),
	Row("host-kvm-bench-smp", "loader vmlinux l1-base l1-kvm-nestvmx l1-bench",
		f"{LINUX} nvmx.scenario=bench,unload nvmx.kvm=nested=1 nvmx.cpus=2 nvmx.bench=smp=1",
		[up(2), r"^L1: KVM loaded: ", r"^bench ept_touch512_cold_2cpu \d+", r"^bench done", *UNLOADED], cpus=2, seconds=900, kvm_host=True),
	under_kvm("host-kvm-two-cpus", "amd64", l1cpus=2, l2cpus=2, mips=200),	# virtual ones: L0 has one
	under_kvm("host-kvm-smp", "real", cpus=2, l1cpus=2, l2cpus=2, mips=200),
	torture("host-kvm-torture", TORTURE, rounds=100),
	torture("host-kvm-torture-two", "two:dirty:10:20,two:slots:10:20,two:fork:10:20,two:apart:10:20,two:kill:8:600", rounds=96),	# virtual CPUs
	torture("host-kvm-torture-smp", "two:hop:40:20,two:dirty:20:20,two:slots:10:20,two:fork:10:20,two:apart:10:20,two:kill:8:600,"
		"hop:20:10,dirty:20:20", rounds=200, cpus=2),
	Row("host-kvm-common", "loader vmlinux l1-base l1-kvm-nestvmx l1-torture", f"{LINUX} nvmx.scenario=common,unload nvmx.kvm={TORTURED}",
		[up(), r"^L1: KVM loaded: ", *[rf"^L1: {cpus} processors: \d+ fills, \d+ pages" for cpus in (1, 2, 4)], *UNLOADED],
		memory=512, seconds=300, kvm_host=True),
	torture("host-kvm-gap", beside("gap:get:8:20,gap:clear:8:20,gap:set:8:20,gap:anew:8:20,gap:ring:8:20"), "l1-kvm-stock", rounds=100),
	torture("host-kvm-nested", beside("nested:init:2:20,nested:early:2:20,nested:again:2:20,nested:rewind:2:20,nested:taken:2:20,"
		"move:any:20:20", "nested:wait:2:20,nested:late:2:20,nested:rsm:2:20"), "l1-kvm-stock", rounds=100),
	torture("host-kvm-caps", beside("caps"), "l1-kvm-stock"),
	inject("host-kvm-inject", INJECTED),
	# Bochs 3.0's alone, which wants posted-interrupt descriptors that KVM does not have (AVOIDED).
	torture("host-kvm-mode-exec", "stock,caps,nestvmx,step:2:20,dirty:4:20,caps", "l1-kvm-stock", rounds=60,
		parameters=f"{TORTURED},enable_apicv=0,nest_mode_exec=1", offered=r"^caps: \| 48BH .* more: 54 \|"),
	Row("host-kvm-reclaim", "loader vmlinux l1-base l1-kvm-nestvmx l1-torture l1-zram",
		f"{LINUX} nvmx.scenario=reclaim,unload nvmx.kvm={TORTURED}",
		[up(), r"^L1: KVM loaded: ", r"torture: inject: reclaim: 0 wrong$", *UNLOADED], memory=512, seconds=300, kvm_host=True),
	Row("host-kvm-held", "loader vmlinux l1-base l1-kvm-nestvmx l1-torture l1-ext4", f"{LINUX} nvmx.scenario=held,unload nvmx.kvm={TORTURED}",
		[up(), r"^L1: KVM loaded: ", r"^torture: held: in a page fault", r"^torture: kill: 2 times", r"^torture: held: 1 times", *UNLOADED],
		memory=512, seconds=120, kvm_host=True),
	newer(under_kvm("host-kvm-linux", "amd64"), "6.12"),
	newer(torture("host-kvm-torture", TORTURE, rounds=100), "6.12"),
	newer(torture("host-kvm-caps", beside("caps"), "l1-kvm-stock"), "6.12"),
	newer(inject("host-kvm-inject", INJECTED), "6.12"),
	# The newest kernel, Debian sid's.
	newer(torture("host-kvm-torture", TORTURE, rounds=100), "sid"),
	newer(inject("host-kvm-inject", INJECTED), "sid"),
	newer(under_kvm("host-kvm-linux", "amd64"), "sid"),
	Row("host-kvm-off", "loader vmlinux l1-base l1-kvm-nestvmx l1-torture", f"{LINUX} nvmx.scenario=busy nvmx.kvm={TORTURED}",
		[up(), r"^L1: KVM loaded: ", r"^L1: busy", r"^L1: done", OFF], memory=512, seconds=300, kvm_host=True),
	# Without halt: stock KVM gives L2 the interrupt that is L1's, and it ends in a trap.
	inject("host-kvm-inject-stock", f"stock,{INJECTED.replace(',halt', '').replace(',trace', '')},nestvmx,{INJECTED}", "l1-kvm-stock"),
	torture("host-kvm-torture-long", "refuse:20:20,dirty:100:20,slots:100:20,move:last:100:20,move:early:100:20,kill:20:500"),
	torture("host-kvm-swap", ",".join(["save:/tmp/s:1:50,stock,load:/tmp/s:1:50,save:/tmp/s:1:50,nestvmx,load:/tmp/s:1:50"] * 3),
		"l1-kvm-stock"),
	migrate("host-kvm-migrate", ",".join(["nestvmx"] * 11)),
	migrate("host-kvm-migrate-stock", ",".join(["nestvmx", "stock"] * 5 + ["nestvmx"])),
	xen("xen-pvh", adapter="host-kvm-xen"),
	xen("xen-i386", "i386"),
	xen("xen-real", "real"),
	xen("xen-stress", stress=STRESS),
	xen("xen-smp", l2cpus=2),
	in_turn("kvm-parameters", PARAMETERS, "real", about=("Linux with KVM, in turn " + ", ".join(f"`{off}=0`" for off in PARAMETERS), WORDS["real"])),
	in_turn("kvm-in-turn", ("ept", "enable_shadow_vmcs"), "amd64", first="amd64,i386,real", memory=1024,
		about=("Linux with KVM, then `ept=0`, then `enable_shadow_vmcs=0`", "Linux amd64, Linux i386 with PAE and real mode at once; then Linux amd64"),
		shows="kvm-amd64 kvm-i386 kvm-real kvm-three-guests kvm-noept-amd64 kvm-noshadow-amd64"),
	xen_in_turn("xen-in-turn", "amd64", "i386", "real", about=("Xen, Linux as dom0", "PVH: Linux amd64, Linux i386 with PAE, real mode in turn"),
		shows="xen-pvh xen-i386 xen-real"),
	*parameters(),
	adapted("host-kvm-no-shadow-vmcs", "enable_shadow_vmcs=0"),
	nested("kvm-nested-real", "real"),
	nested("kvm-nested-amd64", "amd64"),
	linux("trixie-kvm-amd64", "amd64", release="trixie", stress=ROUNDS, seldom=True),
	linux("trixie-kvm-real", "real", release="trixie", seldom=True),
	linux("trixie-kvm-smp-real", "real", release="trixie", cpus=2, l2cpus=2, seconds=600, seldom=True),
	linux("trixie-kvm-smp-i386", "i386", release="trixie", cpus=2, l2cpus=2, seconds=600, seldom=True),
	xen("trixie-xen-pvh", release="trixie", stress=ROUNDS, seldom=True),
	xen("trixie-xen-real", "real", release="trixie", seldom=True),
	xen("trixie-xen-hvm", "hvm", release="trixie", seldom=True),
	linux("sid-kvm-amd64", "amd64", release="sid", stress=ROUNDS, seldom=True),
	selftests("selftests-6.1", "6.1"),
	selftests("selftests-6.12", "6.12"),
	selftests("selftests-smp", "6.1", cpus=2),
	selftests("selftests-noept", "6.1", kvm="ept=0"),
	virtualbox("vbox-real", "real", vbox.REAL, about=("Linux with VirtualBox of Debian sid", "real mode under its BIOS, in turn with VirtualBox's "
		"defaults, no VPIDs, large pages, no unrestricted guest, no nested paging, 2 vCPUs")),
	virtualbox("vbox-amd64", "amd64", vbox.LINUX, about=("Linux with VirtualBox of Debian sid", WORDS["amd64"])),
]
# Names for several rows.
GROUPS = {"selftests": [row.name for row in ROWS if row.compared]}
