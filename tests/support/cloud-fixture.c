#include "cloud-fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "otad/base/json.h"

char *quoted(const char *text)
{
	char *copy = strdup(text);

	assert_non_null(copy);
	for (char *at = copy; *at; at++) {
		if (*at == '\'')
			*at = '"';
	}
	return copy;
}

static struct json_object *parse_quoted(const char *text)
{
	OTA_CLEANUP(freep) char *copy = quoted(text);
	struct ota_error err = OTA_ERROR_INIT;
	struct json_object *json =
		json_parse_err(copy, strlen(copy), JSON_MAX_BYTES, &err);

	if (!json)
		fail_msg("%s: %s", err.text, copy);
	return json;
}

struct cloud_fixture *cloud_fixture_new(const char *platform,
					const char *identity)
{
	struct cloud_fixture *fx = calloc(1, sizeof(*fx));

	assert_non_null(fx);
	fx->identity = parse_quoted(identity);
	vector_setup_init(&fx->setup, platform, fx->identity);
	fx->cloud = fx->setup.cloud;
	fx->inventory = fx->setup.inventory;
	return fx;
}

void cloud_fixture_free(struct cloud_fixture *fx)
{
	cloud_message_done(&fx->message);
	cloud_forget(fx);
	vector_setup_done(&fx->setup);
	json_free(fx->identity);
	free(fx);
}

enum cloud_verdict cloud_receive(struct cloud_fixture *fx, const char *topic,
				 const char *payload)
{
	OTA_CLEANUP(freep) char *text = quoted(payload);
	struct ota_error err = OTA_ERROR_INIT;

	cloud_message_done(&fx->message);
	if (!cloud_decode(fx->cloud, fx->inventory, topic, text, strlen(text),
			  &fx->message, &err))
		fail_msg("%s", err.text);
	return fx->message.verdict;
}

const char *cloud_outcome(const struct cloud_message *message)
{
	switch (message->verdict) {
	case CLOUD_UPDATE:
		return "update";
	case CLOUD_NO_UPDATE:
		return "no-update";
	case CLOUD_REJECT:
		return cloud_reason_name(message->reason);
	case CLOUD_IGNORE:
		return "ignore";
	}
	return "";
}

bool cloud_catch(void *user_data, const struct cloud_publication *publication,
		 struct ota_error *err)
{
	struct cloud_fixture *fx = user_data;
	struct cloud_publication *caught = &fx->caught[fx->n_caught++];

	assert_true(fx->n_caught <= CLOUD_MAX_CAUGHT);
	assert_true(publication->payload[0] != '\0');
	*caught = *publication;
	caught->topic = strdup(publication->topic);
	caught->payload = strdup(publication->payload);
	assert_non_null(caught->topic);
	assert_non_null(caught->payload);
	return true;
}

void cloud_forget(struct cloud_fixture *fx)
{
	while (fx->n_caught > 0) {
		fx->n_caught--;
		free((char *)fx->caught[fx->n_caught].topic);
		free((char *)fx->caught[fx->n_caught].payload);
	}
}

size_t cloud_send(struct cloud_fixture *fx, const struct report *report)
{
	struct ota_error err = OTA_ERROR_INIT;

	cloud_forget(fx);
	if (!cloud_encode(fx->cloud, fx->inventory, report, cloud_catch, fx,
			  &err))
		fail_msg("%s", err.text);
	return fx->n_caught;
}

void assert_published(struct cloud_fixture *fx, const char *topic,
		      const char *payload)
{
	OTA_CLEANUP(json_freep) struct json_object *expected =
		parse_quoted(payload);
	OTA_CLEANUP(json_freep) struct json_object *got = NULL;
	struct ota_error err = OTA_ERROR_INIT;

	assert_int_equal(fx->n_caught, 1);
	assert_string_equal(fx->caught[0].topic, topic);
	got = json_parse_err(fx->caught[0].payload,
			     strlen(fx->caught[0].payload), JSON_MAX_BYTES,
			     &err);
	assert_non_null(got);
	if (!vector_matches(expected, got))
		fail_msg("expected %s, got %s", json_text(expected),
			 fx->caught[0].payload);
}
