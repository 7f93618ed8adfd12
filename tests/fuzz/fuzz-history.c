/* history.jsonl: whatever lies there, one more job can be written down. */

#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "../../src/update/history.h"
#include "../../src/update/job.h"
#include "../../src/update/store.h"

#define ID "0123456789abcdef"

struct seen {
	size_t entries;
	bool ours_is_last;
};

static bool see(const struct history_entry *entry, void *user_data)
{
	struct seen *seen = user_data;

	fuzz_check(entry->job && entry->device && entry->module &&
		   entry->version);
	fuzz_check(entry->state < JOB_STATE_COUNT);
	seen->entries++;
	seen->ours_is_last = strcmp(entry->job, ID) == 0;
	return true;
}

static struct seen read_all(const struct store *store)
{
	struct ota_error err = OTA_ERROR_INIT;
	struct seen seen = { 0 };

	fuzz_check(history_read(store, 1000000, see, &seen, &err));
	return seen;
}

static struct offer *some_offer(void)
{
	struct offer *offer = offer_new();

	offer->device = strdup(DEVICE_SELF);
	offer->module = strdup("app");
	offer->version = strdup("1.0.1");
	offer->url = strdup("https://example.com/app");
	return offer;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct store store = { .dir = (char *)fuzz_dir(), .lock_fd = -1 };
	OTA_CLEANUP(offer_freep) struct offer *offer = some_offer();
	struct job job = {
		.id = ID,
		.state = JOB_STATE_SUCCEEDED,
		.offer = offer,
	};
	struct ota_error err = OTA_ERROR_INIT;
	struct history_totals before, after, totals = { 0 };
	struct seen seen, now;
	OTA_CLEANUP(freep) char *text = fuzz_text(data, size);

	fuzz_write("history.jsonl", data, size);
	seen = read_all(&store);
	fuzz_check(history_count(&store, &before, &err));
	fuzz_check(history_append(&store, &job, &totals, &err));
	now = read_all(&store);
	fuzz_check(history_count(&store, &after, &err));
	if (strstr(text, ID) || strlen(text) != size)
		return 0;
	fuzz_check(now.entries == seen.entries + 1 && now.ours_is_last);
	fuzz_check(after.succeeded == before.succeeded + 1);
	/* Again after a power cut: it stands there already. */
	fuzz_check(history_append(&store, &job, &totals, &err));
	fuzz_check(read_all(&store).entries == now.entries);
	return 0;
}
