/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * What KVM offers L1 of VMX (IA32_VMX_BASIC to IA32_VMX_VMFUNC, SDM appendix A), and whether one module's offer lacks something of
 * another's.
 *
 *	caps read FILE       the feature MSRs of /dev/kvm
 *	caps compare A B     a table of both, and a line for each bit or number that A offers and B does not
 *
 * Exit status 0: B lacks nothing.  test/kvm/caps-table makes the table of docs/kvm.md of what `compare` writes.
 */
#include <err.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define FIRST 0x480u
#define MSRS 18u
#define BITS(first, last) ((~0ull >> (63 - (last))) & (~0ull << (first)))

enum kind {
	CONTROLS,	/* A.3 to A.5: bit n: the control has to be 1; bit 32 + n: it may be 1 */
	MUST,		/* bits that have to be 1 (A.7, A.8) */
	MAY,		/* bits that may be 1, or features that are there */
	MIXED,		/* features and numbers: `same` and `numbers` */
};

struct field {
	unsigned first, last;
};

static const struct row {
	const char *name;
	enum kind kind;
	uint64_t same;		/* numbers of which no value is more than another */
	struct field numbers[2];	/* more is more */
} rows[MSRS] = {
	{ "BASIC", MIXED, BITS(0, 47) | BITS(50, 53), { { 0 } } },
	{ "PINBASED_CTLS", CONTROLS, 0, { { 0 } } },
	{ "PROCBASED_CTLS", CONTROLS, 0, { { 0 } } },
	{ "EXIT_CTLS", CONTROLS, 0, { { 0 } } },
	{ "ENTRY_CTLS", CONTROLS, 0, { { 0 } } },
	{ "MISC", MIXED, BITS(0, 4) | BITS(32, 63), { { 16, 24 }, { 25, 27 } } },
	{ "CR0_FIXED0", MUST, 0, { { 0 } } },
	{ "CR0_FIXED1", MAY, 0, { { 0 } } },
	{ "CR4_FIXED0", MUST, 0, { { 0 } } },
	{ "CR4_FIXED1", MAY, 0, { { 0 } } },
	{ "VMCS_ENUM", MIXED, 0, { { 1, 9 } } },
	{ "PROCBASED_CTLS2", CONTROLS, 0, { { 0 } } },
	{ "EPT_VPID_CAP", MAY, 0, { { 0 } } },
	{ "TRUE_PINBASED_CTLS", CONTROLS, 0, { { 0 } } },
	{ "TRUE_PROCBASED_CTLS", CONTROLS, 0, { { 0 } } },
	{ "TRUE_EXIT_CTLS", CONTROLS, 0, { { 0 } } },
	{ "TRUE_ENTRY_CTLS", CONTROLS, 0, { { 0 } } },
	{ "VMFUNC", MAY, 0, { { 0 } } },
};

static uint64_t part(uint64_t value, const struct field *f)
{
	return value >> f->first & BITS(0, f->last - f->first);
}

/* The bits of MSR `row` by which `ours` offers less than `theirs`: those of a number are all of its bits. */
static uint64_t lacking(const struct row *row, uint64_t theirs, uint64_t ours)
{
	uint64_t lack, plain = ~row->same;

	switch (row->kind) {
	case CONTROLS:
		return (theirs & ~ours & BITS(32, 63)) | (ours & ~theirs & BITS(0, 31));
	case MUST:
		return ours & ~theirs;
	case MAY:
		return theirs & ~ours;
	default:
		lack = (theirs ^ ours) & row->same;
		for (unsigned i = 0; i < 2 && row->numbers[i].last; i++) {
			const struct field *f = &row->numbers[i];

			plain &= ~BITS(f->first, f->last);
			if (part(theirs, f) > part(ours, f))
				lack |= BITS(f->first, f->last);
		}
		return lack | (theirs & ~ours & plain);
	}
}

static void read_msrs(const char *path)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entries[MSRS];
	} get = { .head.nmsrs = 1 };
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	FILE *f = fopen(path, "w");

	if (kvm < 0 || !f)
		err(1, "%s", kvm < 0 ? "/dev/kvm" : path);
	for (unsigned i = 0; i < MSRS; i++) {
		get.entries[0] = (struct kvm_msr_entry){ .index = FIRST + i };
		if (ioctl(kvm, KVM_GET_MSRS, &get) != 1)
			get.entries[0].data = 0;	/* it has none */
		fprintf(f, "%x %" PRIx64 "\n", FIRST + i, (uint64_t)get.entries[0].data);
	}
	if (fclose(f))
		err(1, "%s", path);
}

static void load(const char *path, uint64_t msr[MSRS])
{
	FILE *f = fopen(path, "r");
	unsigned index;

	if (!f)
		err(1, "%s", path);
	for (unsigned i = 0; i < MSRS; i++)
		if (fscanf(f, "%x %" SCNx64, &index, &msr[i]) != 2 || index != FIRST + i)
			errx(1, "%s: not what `caps read` writes", path);
	fclose(f);
}

static void list(const char *what, uint64_t bits)
{
	if (!bits)
		return;
	printf(" %s", what);
	for (unsigned i = 0; i < 64; i++)
		if (bits >> i & 1)
			printf(" %u", i);
}

static bool compare(const char *theirs_path, const char *ours_path)
{
	uint64_t theirs[MSRS], ours[MSRS];
	bool whole = true;

	load(theirs_path, theirs);
	load(ours_path, ours);
	for (unsigned i = 0; i < MSRS; i++) {
		uint64_t lack = lacking(&rows[i], theirs[i], ours[i]);

		printf("caps: | %XH %s | %016" PRIX64 " | %016" PRIX64 " |", FIRST + i, rows[i].name, theirs[i], ours[i]);
		list("more:", lacking(&rows[i], ours[i], theirs[i]) & ~lack);
		list("LACKS:", lack);
		printf(" |\n");
		whole = whole && !lack;
	}
	printf("caps: %s\n", whole ? "nothing lacks" : "FAILED: something lacks");
	fflush(stdout);
	tcdrain(STDOUT_FILENO);	/* a slow serial line, and its machine may be about to go off */
	return whole;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "read")) {
		read_msrs(argv[2]);
		return 0;
	}
	if (argc == 4 && !strcmp(argv[1], "compare"))
		return compare(argv[2], argv[3]) ? 0 : 1;
	errx(2, "usage: caps read FILE | caps compare A B");
}
