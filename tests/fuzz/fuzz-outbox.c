/* outbox/1.json: a report that was not acknowledged. */

#include "fuzz.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "otad/mqtt/outbox.h"

#include "../../src/mqtt/outbox-file.h"

static enum outbox_sent
send(void *user_data, const struct outbox_message *message, int *ret_id)
{
	unsigned *sent = user_data;
	size_t size = strlen(message->payload);

	fuzz_check(message->topic[0] &&
		   strlen(message->topic) <= OUTBOX_MAX_TOPIC_BYTES);
	fuzz_check(!strpbrk(message->topic, "+#"));
	fuzz_check(size > 0 && size <= OUTBOX_MAX_PAYLOAD_BYTES);
	fuzz_check(message->qos == 0 || message->qos == 1);
	*ret_id = (int)++*sent;
	return OUTBOX_SENT;
}

static unsigned open_and_send(const char *dir, unsigned *ret_bad)
{
	struct ota_error err = OTA_ERROR_INIT;
	unsigned sent = 0;
	OTA_CLEANUP(outbox_freep)
	struct outbox *outbox = outbox_new(dir, send, &sent, ret_bad, &err);

	fuzz_check(outbox);
	fuzz_check(outbox_pending(outbox) + *ret_bad <= 1);
	outbox_open(outbox);
	return sent;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char dir[128], bad_file[160];
	unsigned bad, worse, sent;

	snprintf(dir, sizeof(dir), "%s/outbox", fuzz_dir());
	snprintf(bad_file, sizeof(bad_file), "%s/1.bad", dir);
	mkdir(dir, 0755);
	fuzz_write("outbox/1.json", data, size);
	sent = open_and_send(dir, &bad);
	/* It is a report, or it is set aside. */
	fuzz_check(sent + bad == 1);
	fuzz_check((access(bad_file, F_OK) == 0) == (bad == 1));
	/* Not acknowledged: a new process finds it again. QoS 0 is gone. */
	if (sent)
		fuzz_check(open_and_send(dir, &worse) <= 1 && worse == 0);
	unlink(bad_file);
	snprintf(bad_file, sizeof(bad_file), "%s/1.json", dir);
	unlink(bad_file);
	return 0;
}
