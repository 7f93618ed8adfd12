#include "id-list.h"

#include <stdlib.h>
#include <string.h>

bool id_list_reserve(struct id_list *list, size_t count, struct ota_error *err)
{
	size_t size = count + count / 2;
	int *ids;

	if (count <= list->size)
		return true;
	ids = reallocarray(list->ids, size, sizeof(*ids));
	if (!ids)
		return ota_fail_memory(err, "waiting for the broker");
	list->ids = ids;
	list->size = size;
	return true;
}

void id_list_add(struct id_list *list, int id)
{
	if (list->count < list->size)
		list->ids[list->count++] = id;
}

bool id_list_take(struct id_list *list, int id)
{
	for (size_t i = 0; i < list->count; i++) {
		if (list->ids[i] != id)
			continue;
		list->count--;
		memmove(&list->ids[i], &list->ids[i + 1],
			(list->count - i) * sizeof(*list->ids));
		return true;
	}
	return false;
}

void id_list_done(struct id_list *list)
{
	free(list->ids);
	*list = (struct id_list){0};
}
