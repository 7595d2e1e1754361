/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Calls the library in another's shared object. */
int consumer_main(void);

int main(void)
{
	return consumer_main();
}
