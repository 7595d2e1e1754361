# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later
"""Random patterns of test/l1/bench_search.c: those in which one host is worst beside another."""
import re

SHOWN = 10


def patterns(output):
	"""Ticks of one turn by pattern."""
	return {pattern: int(ticks) for pattern, ticks in re.findall(r"\bsearch (.+) ticks=(\d+)", output)}


def table(names, first, second):
	"""The worst ratios of the second to the first, and how the others lie."""
	if first.keys() != second.keys():
		raise ValueError("the two hosts have not had the same patterns")
	ratios = sorted(((second[pattern] / first[pattern], pattern) for pattern in first), reverse=True)
	lines = [f"{names[1] + ' / ' + names[0]:<22}{names[0]:>14}{names[1]:>14}  pattern"]
	lines += [f"{ratio:<22.3f}{first[pattern]:>14}{second[pattern]:>14}  {pattern}" for ratio, pattern in ratios[:SHOWN]]
	above = sum(ratio > 1 for ratio, _ in ratios)
	return [*lines, f"{len(ratios)} patterns, {above} of them above 1, median {ratios[len(ratios) // 2][0]:.3f}"]
