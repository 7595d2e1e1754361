/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* SDM 26.2.2 to 26.3.1: of each field, each bit that is reserved or that the processor fixes, flipped alone. */
#include "entry.h"

/* Which bits of a field may not differ from a valid state. */
enum fixed { HOST_CR0_BITS, GUEST_CR0_BITS, CR4_BITS, GIVEN };

static const struct {
	const char *name, *want;
	u16 field;
	u8 fixed;
	u32 exit, entry;
	u64 reserved;
} fields[] = {
	{ "host_cr0", HOST, HOST_CR0, HOST_CR0_BITS },
	{ "host_cr4", HOST, HOST_CR4, CR4_BITS },
	{ "host_efer", HOST, HOST_EFER, GIVEN, .exit = EXIT_LOAD_EFER, .reserved = ~(EFER_SCE | EFER_NXE) },
	{ "cr0", GUEST, GUEST_CR0, GUEST_CR0_BITS },
	{ "cr4", GUEST, GUEST_CR4, CR4_BITS },
	{ "efer", GUEST, GUEST_EFER, GIVEN, .entry = ENTRY_LOAD_EFER, .reserved = ~(EFER_SCE | EFER_NXE) },
	{ "rflags", GUEST, GUEST_RFLAGS, GIVEN, .reserved = ~0x3fffffull | BIT(15) | BIT(5) | BIT(3) | FLAGS_FIXED | FLAGS_VM },
	{ "dr7", GUEST, GUEST_DR7, GIVEN, .entry = ENTRY_LOAD_DEBUG, .reserved = ~0xffffffffull },
	{ "interruptibility", GUEST, GUEST_INTERRUPTIBILITY, GIVEN, .reserved = 0xffffffe0 },
	{ "pending_debug", GUEST, GUEST_PENDING_DEBUG, GIVEN, .reserved = ~0x1ffffull | BIT(15) | BIT(13) | 0xff0 },
	{ "host_s_cet", HOST, HOST_S_CET, GIVEN, .exit = EXIT_LOAD_CET, .reserved = 0x3c0 },
	{ "host_ssp", HOST, HOST_SSP, GIVEN, .exit = EXIT_LOAD_CET, .reserved = 3 },
	{ "host_pkrs", HOST, HOST_PKRS, GIVEN, .exit = EXIT_LOAD_PKRS, .reserved = ~0xffffffffull },
	{ "s_cet", GUEST, GUEST_S_CET, GIVEN, .entry = ENTRY_LOAD_CET, .reserved = 0x3c0 },
	{ "ssp", GUEST, GUEST_SSP, GIVEN, .entry = ENTRY_LOAD_CET, .reserved = 3 },
	{ "pkrs", GUEST, GUEST_PKRS, GIVEN, .entry = ENTRY_LOAD_PKRS, .reserved = ~0xffffffffull },
};

static unsigned width(u16 field) { return (field >> 13 & 3) == 2 ? 32 : 64; }

static u64 fixed_bits(enum fixed fixed, u64 given)
{
	switch (fixed) {
	case HOST_CR0_BITS: return caps.cr0_fixed0 | ~caps.cr0_fixed1;
	/* IA-32e mode needs paging of an unrestricted guest, too (26.3.1.1).  Without protection Bochs stops itself. */
	case GUEST_CR0_BITS: return (caps.cr0_fixed0 & ~CR0_PE) | ~caps.cr0_fixed1;
	case CR4_BITS: return caps.cr4_fixed0 | ~caps.cr4_fixed1;
	default: return given;
	}
}

static void field_bits(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(fields); i++) {
		struct entry_row row = { .id = "", .exit = fields[i].exit, .entry = fields[i].entry };
		u64 bits = fixed_bits((enum fixed)fields[i].fixed, fields[i].reserved);

		for (unsigned b = 0; b < width(fields[i].field); b++) {
			if (!(bits & BIT(b)))
				continue;
			if (!entry_prepare(&row)) {
				skip(fields[i].name, "not offered");
				break;
			}
			vmwrite(fields[i].field, vmread(fields[i].field) ^ BIT(b));
			check(text("%s.bit%u", fields[i].name, b), guest_run(), fields[i].want);
		}
	}
}

/* 26.2.2, 26.3.1.1: each of the eight memory types of IA32_PAT, with encodings that are none. */
static void memory_types(const char *name, u16 field, u32 exit, u32 entry, const char *want)
{
	static const u8 none[] = { 2, 3, 8, 0x10, 0x80, 0xff };
	struct entry_row row = { .id = "", .exit = exit, .entry = entry };

	for (unsigned i = 0; i < 8 * ARRAY_SIZE(none); i++) {
		unsigned at = i / ARRAY_SIZE(none), type = none[i % ARRAY_SIZE(none)];

		if (!entry_prepare(&row)) {
			skip(name, "not offered");
			return;
		}
		vmwrite(field, (vmread(field) & ~(0xffull << 8 * at)) | (u64)type << 8 * at);
		check(text("%s.pa%u.type%x", name, at, type), guest_run(), want);
	}
}

/* 26.3.1.2: bits 11:8 and 31:17 of the access rights of a register that is usable. */
static void access_rights(void)
{
	static const char *const names[] = { "es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr" };
	static const struct entry_row row = { .id = "" };

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		u16 field = (u16)(GUEST_ES_AR + 2 * i);

		for (unsigned b = 8; b < 32; b++) {
			if (b >= 12 && b <= 16)
				continue;
			entry_prepare(&row);
			vmwrite(GUEST_LDTR_AR, 0x82);
			vmwrite(field, vmread(field) ^ BIT(b));
			check(text("%s.ar.bit%u", names[i], b), guest_run(), GUEST);
		}
	}
}

static const struct { const char *name; u16 field; u8 alignment; u32 pin, proc, proc2; u16 count; } addresses[] = {
	{ "io_bitmap_a", IO_BITMAP_A, 12, .proc = PROC_IO_BITMAPS },
	{ "io_bitmap_b", IO_BITMAP_B, 12, .proc = PROC_IO_BITMAPS },
	{ "msr_bitmap", MSR_BITMAP, 12, .proc = PROC_MSR_BITMAPS },
	{ "virtual_apic", VIRTUAL_APIC_ADDRESS, 12, .proc = PROC_TPR_SHADOW },
	{ "apic_access", APIC_ACCESS_ADDRESS, 12, .proc2 = PROC2_APIC_ACCESSES },
	{ "pml", PML_ADDRESS, 12, .proc2 = PROC2_PML },
	{ "vmread_bitmap", VMREAD_BITMAP, 12, .proc2 = PROC2_VMCS_SHADOWING },
	{ "vmwrite_bitmap", VMWRITE_BITMAP, 12, .proc2 = PROC2_VMCS_SHADOWING },
	{ "ve_info", VE_INFO_ADDRESS, 12, .proc2 = PROC2_EPT_VE },
	{ "exit_store", EXIT_MSR_STORE_ADDRESS, 4, .count = EXIT_MSR_STORE_COUNT },
	{ "exit_load", EXIT_MSR_LOAD_ADDRESS, 4, .count = EXIT_MSR_LOAD_COUNT },
	{ "entry_load", ENTRY_MSR_LOAD_ADDRESS, 4, .count = ENTRY_MSR_LOAD_COUNT },
};

/* 26.2.1: each bit below an address's alignment, and the first, second and last beyond the physical-address width. */
static void address_bits(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(addresses); i++) {
		struct entry_row row = { .id = "", .pin = addresses[i].pin, .proc = addresses[i].proc, .proc2 = addresses[i].proc2 };

		for (unsigned b = 0; b < 64; b++) {
			if (b >= addresses[i].alignment && b != caps.phys_bits && b != caps.phys_bits + 1 && b != 63)
				continue;
			if (!entry_prepare(&row)) {
				skip(addresses[i].name, "not offered");
				break;
			}
			if (addresses[i].count)
				vmwrite(addresses[i].count, 1);
			vmwrite(addresses[i].field, vmread(addresses[i].field) | BIT(b));
			check(text("%s.bit%u", addresses[i].name, b), guest_run(), CONTROLS);
		}
	}
}

void conform_entry_bits(void)
{
	theme("bits");
	entry_begin();
	field_bits();
	memory_types("host_pat", HOST_PAT, EXIT_LOAD_PAT, 0, HOST);
	memory_types("pat", GUEST_PAT, 0, ENTRY_LOAD_PAT, GUEST);
	access_rights();
	address_bits();
}
