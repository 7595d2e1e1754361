/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Singly linked lists. */
#ifndef SHIM_SYS_QUEUE_H
#define SHIM_SYS_QUEUE_H

#define SLIST_HEAD(name, type)      \
	struct name {               \
		struct type *first; \
	}
#define SLIST_ENTRY(type)          \
	struct {                   \
		struct type *next; \
	}
#define SLIST_INIT(head) ((void)((head)->first = NULL))
#define SLIST_EMPTY(head) ((head)->first == NULL)
#define SLIST_FIRST(head) ((head)->first)
#define SLIST_NEXT(e, link) ((e)->link.next)
#define SLIST_INSERT_HEAD(head, e, link) ((e)->link.next = (head)->first, (head)->first = (e))
#define SLIST_REMOVE_HEAD(head, link) ((void)((head)->first = (head)->first->link.next))
#define SLIST_FOREACH(e, head, link) for ((e) = (head)->first; (e); (e) = (e)->link.next)

#endif
