#include "otad/model/device.h"

#include "otad/base/cleanup.h"
#include "otad/model/offer.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

struct inventory {
	struct device **devices; /* as inventory_at() numbers them */
	size_t count;
	size_t capacity;
	size_t n_modules;
	void *by_name;	  /* tsearch(3) trees of struct device */
	void *by_address; /* those with an address */
};

static int compare_names(const void *a, const void *b)
{
	const struct device *one = a, *other = b;

	return strcmp(one->name, other->name);
}

static int compare_addresses(const void *a, const void *b)
{
	const struct device *one = a, *other = b;

	return strcmp(one->address, other->address);
}

static void keep_device(void *device)
{
}

struct inventory *inventory_new(void)
{
	return calloc(1, sizeof(struct inventory));
}

struct inventory *inventory_free(struct inventory *inventory)
{
	if (!inventory)
		return NULL;
	tdestroy(inventory->by_name, keep_device);
	tdestroy(inventory->by_address, keep_device);
	for (size_t i = 0; i < inventory->count; i++)
		device_free(inventory->devices[i]);
	free(inventory->devices);
	free(inventory);
	return NULL;
}

static bool reserve_place(struct inventory *inventory, struct ota_error *err)
{
	size_t capacity = inventory->capacity ? inventory->capacity * 2 : 8;
	struct device **grown;

	if (inventory->count < inventory->capacity)
		return true;
	grown = reallocarray(inventory->devices, capacity, sizeof(*grown));
	if (!grown)
		return ota_fail_memory(err, "list the devices");
	inventory->devices = grown;
	inventory->capacity = capacity;
	return true;
}

static bool index_device(void **tree, struct device *device,
			 int (*compare)(const void *, const void *),
			 const char *what, const char *value,
			 struct ota_error *err)
{
	struct device **node = tsearch(device, tree, compare);

	if (!node)
		return ota_fail_memory(err, "index the devices");
	if (*node != device)
		return ota_fail(err, OTA_ERROR_BUSY,
				"device %s: the %s \"%s\" is that of device %s",
				device->name, what, value, (*node)->name);
	return true;
}

bool inventory_add(struct inventory *inventory, struct device *device,
		   struct ota_error *err)
{
	size_t place = inventory->count;

	if (!reserve_place(inventory, err) ||
	    !index_device(&inventory->by_name, device, compare_names, "name",
			  device->name, err))
		return false;
	if (device->address &&
	    !index_device(&inventory->by_address, device, compare_addresses,
			  "address", device->address, err)) {
		tdelete(device, &inventory->by_name, compare_names);
		return false;
	}
	if (!strcmp(device->name, DEVICE_SELF)) {
		memmove(inventory->devices + 1, inventory->devices,
			inventory->count * sizeof(*inventory->devices));
		place = 0;
	}
	inventory->devices[place] = device;
	inventory->count++;
	inventory->n_modules += device->n_modules;
	return true;
}

bool inventory_remove(struct inventory *inventory, const char *name)
{
	struct device *device = inventory_find(inventory, name);
	size_t place = 0;

	if (!device)
		return false;
	tdelete(device, &inventory->by_name, compare_names);
	if (device->address)
		tdelete(device, &inventory->by_address, compare_addresses);
	while (inventory->devices[place] != device)
		place++;
	inventory->count--;
	inventory->n_modules -= device->n_modules;
	memmove(inventory->devices + place, inventory->devices + place + 1,
		(inventory->count - place) * sizeof(*inventory->devices));
	device_free(device);
	return true;
}

struct device *inventory_find(const struct inventory *inventory,
			      const char *name)
{
	struct device key = { .name = (char *)name };
	struct device **node = tfind(&key, &inventory->by_name, compare_names);

	return node ? *node : NULL;
}

struct device *inventory_find_address(const struct inventory *inventory,
				      const char *address)
{
	struct device key = { .address = (char *)address };
	struct device **node =
		tfind(&key, &inventory->by_address, compare_addresses);

	return node ? *node : NULL;
}

size_t inventory_count(const struct inventory *inventory)
{
	return inventory->count;
}

size_t inventory_count_modules(const struct inventory *inventory)
{
	return inventory->n_modules;
}

struct device *inventory_at(const struct inventory *inventory, size_t index)
{
	return index < inventory->count ? inventory->devices[index] : NULL;
}
