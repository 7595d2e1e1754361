/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include <string.h>
#include <nestvmx/state.h>
#include "formats.h"
#include "input.h"

static bool wrong(struct input *in, const char *what)
{
	snprintf(in->error, sizeof(in->error), "%s", what);
	return false;
}

/* Takes the lines of a transcript; `fields`: it may have fields. */
static bool take_lines(struct input *in, struct transcript *t, const char *text, bool fields)
{
	char line[256];
	unsigned number = 0;

	while (*text) {
		size_t length = strcspn(text, "\n"), kept = length < sizeof(line) ? length : sizeof(line) - 1;
		unsigned before = t->fields_given;
		enum transcript_line kind;

		memcpy(line, text, kept);
		line[kept] = 0;
		line[strcspn(line, "\r")] = 0;
		text += length + (text[length] != 0);
		number++;
		kind = transcript_take(t, line);
		if (kind == TRANSCRIPT_TAKEN && (fields || t->fields_given == before))
			continue;
		snprintf(in->error, sizeof(in->error), "line %u: %s%.100s", number,
			 kind == TRANSCRIPT_BAD ? "" : kind == TRANSCRIPT_OTHER ? "not understood: " : "a field: ",
			 kind == TRANSCRIPT_BAD ? t->error : line);
		return false;
	}
	return true;
}

/* What --processor says comes after what the format implies. */
static bool use(struct input *in, struct found_vmcs *where, struct transcript *t)
{
	where->file = in->file;
	if (in->processor && !take_lines(in, t, in->processor, false))
		return false;
	transcript_end(t);
	in->use(in->context, where, t);
	return true;
}

static bool is_vmcs12(const char *data)
{
	uint32_t revision;

	memcpy(&revision, data, sizeof(revision));
	return (revision & ~NVMX_SHADOW_VMCS_INDICATOR) == NVMX_VMCS12_REVISION;
}

static bool use_page(struct input *in, const char *page, const char *link, uint64_t address, const char *format, const char *title)
{
	struct found_vmcs where = { .format = format, .title = title };
	struct transcript t;
	bool fine;

	transcript_init(&t);
	memcpy(&t.v12, page, sizeof(t.v12));
	for (unsigned i = 0; i < NVMX_ROWS; i++)
		t.known[i] = true;
	t.fields_given = NVMX_ROWS;
	t.vmcs = address;
	if (link)
		memcpy(&t.link_revision, link, sizeof(t.link_revision));
	t.link_given = link != NULL;
	fine = use(in, &where, &t);
	transcript_free(&t);
	return fine;
}

/* struct nvmx_state: KVM_GET_NESTED_STATE's, or nvmx_state_save()'s. */
static bool is_state(const char *data, size_t length, struct nvmx_state_header *header)
{
	if (length < sizeof(*header) || length > NVMX_STATE_MAX_SIZE)
		return false;
	memcpy(header, data, sizeof(*header));
	return header->format == NVMX_STATE_FORMAT_VMX && header->size >= sizeof(*header) && header->size <= length &&
	       (header->vmcs12_pa == NVMX_STATE_NO_ADDR || length >= offsetof(struct nvmx_state, shadow_vmcs12));
}

static bool read_state(struct input *in, const char *data, const struct nvmx_state_header *header)
{
	const char *page = data + offsetof(struct nvmx_state, vmcs12), *link = data + offsetof(struct nvmx_state, shadow_vmcs12);

	if (header->vmcs12_pa == NVMX_STATE_NO_ADDR)
		return wrong(in, "a nested state without a current VMCS");
	if (!is_vmcs12(page))
		return wrong(in, "a nested state whose VMCS has another revision");
	return use_page(in, page, header->size >= NVMX_STATE_MAX_SIZE ? link : NULL, header->vmcs12_pa, "nested-state",
			header->flags & NVMX_STATE_GUEST_MODE ? "Nested state, L2 runs" : "Nested state, L1 runs");
}

static bool read_dumps(struct input *in, const struct format *format, const char *text)
{
	unsigned number = 1, first = 1;
	bool fine = true;

	while (fine) {
		struct found_vmcs where = { .format = format->name, .title = format->title };
		struct transcript t;

		transcript_init(&t);
		transcript_any_processor(&t);
		if (!format_read(format, &text, &number, &t, &first)) {
			transcript_free(&t);
			break;
		}
		where.line = first;
		fine = use(in, &where, &t);
		transcript_free(&t);
	}
	return fine;
}

static bool read_transcript(struct input *in, const char *text)
{
	struct found_vmcs where = { .format = "transcript", .title = "Encodings and values", .line = 1 };
	struct transcript t;
	bool fine;

	transcript_init(&t);
	fine = take_lines(in, &t, text, true);
	if (fine && !t.fields_given)
		fine = wrong(in, "no field in it");
	fine = fine && use(in, &where, &t);
	transcript_free(&t);
	return fine;
}

bool input_read(struct input *in, char *data, size_t length)
{
	struct nvmx_state_header header;
	const struct format *format;

	if (length == NVMX_VMCS12_SIZE && is_vmcs12(data))
		return use_page(in, data, NULL, ~0ull, "vmcs12", "A vmcs12 page");
	if (is_state(data, length, &header))
		return read_state(in, data, &header);
	if (strlen(data) != length)
		return wrong(in, "neither text nor a page with the vmcs12 revision nor a nested state");
	format = format_of(data);
	return format ? read_dumps(in, format, data) : read_transcript(in, data);
}
