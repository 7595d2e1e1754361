/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Runs a fuzz target over its committed corpus, or over the files named.  A finding ends the program. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned passed;

static int replay(const char *path)
{
	static uint8_t buffer[1 << 16];
	FILE *f = fopen(path, "rb");
	size_t n;

	if (!f) {
		fprintf(stderr, "replay: cannot open %s\n", path);
		return 1;
	}
	n = fread(buffer, 1, sizeof(buffer), f);
	fclose(f);
	LLVMFuzzerTestOneInput(buffer, n);
	passed++;
	return 0;
}

static int replay_folder(const char *folder)
{
	DIR *d = opendir(folder);
	struct dirent *e;
	char path[4096];
	int failed = 0;

	if (!d) {
		fprintf(stderr, "replay: no folder %s\n", folder);
		return 1;
	}
	while ((e = readdir(d)))
		if (e->d_name[0] != '.') {
			snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
			failed += replay(path);
		}
	closedir(d);
	return failed;
}

int main(int argc, char **argv)
{
	int failed = 0;

	for (int i = 1; i < argc; i++)
		failed += replay(argv[i]);
	if (argc == 1)
		failed = replay_folder(CORPUS);
	printf("%u passed, %d failed, 0 skipped\n", passed, failed);
	return failed || !passed;
}
