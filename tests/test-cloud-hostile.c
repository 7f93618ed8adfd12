/*
 * test-cloud-hostile FILE...: takes every update of the vector files apart and
 * feeds the pieces to the decoders. What comes out must be one of the
 * four verdicts, well-formed; the sanitizers see to the rest.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "otad/base/json.h"
#include "otad/base/version.h"

#include "vectors/vectors.h"

/* Longer payloads are of the size tests; their pieces are all alike. */
#define MAX_PIECED_BYTES 4096
#define RANDOM_PAYLOADS 4000
#define RANDOM_BYTES 96

struct source {
	struct json_object *file;
	char *text;
	struct vector_setup setup;
};

struct sources {
	struct source *items;
	size_t count;
};

/* xorshift64: the same bytes in every run. */
static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static void assert_well_formed(const struct offer *offer)
{
	assert_non_null(offer);
	assert_true(version_is_valid(offer->version));
	assert_true(module_name_is_valid(offer->module));
	assert_int_equal(offer_check_url(offer->url, true), OFFER_OK);
	assert_non_null(offer_digest(offer));
	assert_non_null(offer->device);
	assert_true(offer->size_bytes > 0);
}

static void assert_tellable(const struct cloud_message *message)
{
	assert_null(message->offer);
	assert_true(message->reason > CLOUD_REASON_NONE);
	assert_true(message->reason < CLOUD_REASON_COUNT);
	if (message->version)
		assert_true(version_is_valid(message->version));
	if (message->module)
		assert_true(module_name_is_valid(message->module));
}

static bool swallow(void *user_data,
		    const struct cloud_publication *publication,
		    struct ota_error *err)
{
	OTA_CLEANUP(json_freep) struct json_object *json = json_parse_err(
		publication->payload, strlen(publication->payload),
		JSON_MAX_BYTES, err);

	assert_non_null(json);
	assert_true(publication->topic[0] != '\0');
	return true;
}

static enum cloud_verdict feed(const struct source *source, const char *topic,
			       const void *payload, size_t size)
{
	const struct vector_setup *setup = &source->setup;
	struct ota_error err = OTA_ERROR_INIT;
	struct cloud_message message;
	enum cloud_verdict verdict;
	char *device = NULL;
	bool online;

	assert_true(cloud_decode(setup->cloud, setup->inventory, topic, payload,
				 size, &message, &err));
	verdict = message.verdict;
	if (verdict == CLOUD_UPDATE)
		assert_well_formed(message.offer);
	if (verdict == CLOUD_REJECT)
		assert_tellable(&message);
	if (message.reportable)
		assert_true(cloud_encode_reject(setup->cloud, setup->inventory,
						&message, 1, 1, swallow, NULL,
						&err));
	cloud_message_done(&message);
	cloud_decode_online(setup->cloud, setup->inventory, topic, payload,
			    size, &device, &online);
	free(device);
	return verdict;
}

/* A copy that ends where its allocation ends, so that ASan sees an overrun. */
static enum cloud_verdict feed_exactly(const struct source *source,
				       const char *topic, const char *payload,
				       size_t size)
{
	OTA_CLEANUP(freep) char *copy = malloc(size > 0 ? size : 1);

	assert_non_null(copy);
	memcpy(copy, payload, size);
	return feed(source, topic, copy, size);
}

typedef void (*case_fn)(const struct source *source, const char *topic,
			const char *payload, size_t size);

static bool is_update(struct json_object *test)
{
	const char *kind = json_get_string(json_get(test, "expect"), "kind");

	return kind && !strcmp(kind, "update");
}

static void each_update(const struct sources *sources, case_fn fn)
{
	for (size_t i = 0; i < sources->count; i++) {
		const struct source *source = &sources->items[i];
		struct json_object *list = json_get(source->file, "inbound");
		const char *raw_list = raw_member(source->text, "inbound");
		const char *raw = NULL;

		for (size_t n = 0; n < json_object_array_length(list); n++) {
			struct json_object *test =
				json_object_array_get_idx(list, n);
			OTA_CLEANUP(freep) char *payload = NULL;
			size_t size;

			raw = raw_element(raw_list, raw);
			if (!is_update(test))
				continue;
			payload = vector_payload(test, raw, &size);
			if (size <= MAX_PIECED_BYTES)
				fn(source, json_get_string(test, "topic"),
				   payload, size);
		}
	}
}

static void truncate_everywhere(const struct source *source, const char *topic,
				const char *payload, size_t size)
{
	while (size > 0 && strchr(" \t\r\n", payload[size - 1]))
		size--;
	for (size_t left = 0; left < size; left++) {
		if (feed_exactly(source, topic, payload, left) == CLOUD_UPDATE)
			fail_msg("an update by %.*s", (int)left, payload);
	}
}

static void a_truncated_message_is_never_an_update(void **state)
{
	each_update(*state, truncate_everywhere);
}

static void behead_everywhere(const struct source *source, const char *topic,
			      const char *payload, size_t size)
{
	for (size_t gone = 1; gone <= size; gone++)
		feed_exactly(source, topic, payload + gone, size - gone);
}

static void a_message_without_its_head_is_survived(void **state)
{
	each_update(*state, behead_everywhere);
}

/* Bytes that mean something to a parser of JSON, topics or C strings. */
static void damage_everywhere(const struct source *source, const char *topic,
			      const char *payload, size_t size)
{
	static const char damages[] = "\0\"\\{}[],:0-eu \x80\xff\xc0";
	OTA_CLEANUP(freep) char *copy = malloc(size + 1);

	assert_non_null(copy);
	memcpy(copy, payload, size);
	for (size_t at = 0; at < size; at += 3) {
		for (size_t i = 0; i < sizeof(damages) - 1; i++) {
			copy[at] = damages[i];
			feed(source, topic, copy, size);
		}
		copy[at] = payload[at];
	}
}

static void a_damaged_message_is_survived(void **state)
{
	each_update(*state, damage_everywhere);
}

static void damage_topic(const struct source *source, const char *topic,
			 const char *payload, size_t size)
{
	OTA_CLEANUP(freep) char *copy = strdup(topic);
	size_t length = strlen(topic);

	assert_non_null(copy);
	for (size_t at = 0; at < length; at++) {
		copy[at] = topic[at] == '/' ? 'x' : '/';
		assert_int_equal(feed(source, copy, payload, size),
				 CLOUD_IGNORE);
		copy[at] = topic[at];
	}
	for (size_t left = 0; left < length; left++) {
		copy[left] = '\0';
		assert_int_equal(feed(source, copy, payload, size),
				 CLOUD_IGNORE);
		copy[left] = topic[left];
	}
}

static void a_damaged_topic_is_not_ours(void **state)
{
	each_update(*state, damage_topic);
}

static void random_bytes_are_never_an_update(void **state)
{
	const struct sources *sources = *state;
	uint64_t seed = 88172645463325252;
	unsigned char bytes[RANDOM_BYTES];

	for (size_t i = 0; i < sources->count; i++) {
		const struct source *source = &sources->items[i];
		struct json_object *first = json_object_array_get_idx(
			json_get(source->file, "inbound"), 0);
		const char *topic = json_get_string(first, "topic");

		for (size_t n = 0; n < RANDOM_PAYLOADS; n++) {
			size_t size = next_random(&seed) % (sizeof(bytes) + 1);

			for (size_t at = 0; at < size; at++)
				bytes[at] = (unsigned char)next_random(&seed);
			if (size > 1 && n % 2) {
				bytes[0] = '{';
				bytes[size - 1] = '}';
			}
			assert_int_not_equal(feed_exactly(source, topic,
							  (char *)bytes, size),
					     CLOUD_UPDATE);
		}
	}
}

static struct sources load_sources(int count, char **paths)
{
	struct sources sources = { .count = (size_t)count };

	sources.items = vector_need(calloc(sources.count, sizeof(struct source)));
	for (size_t i = 0; i < sources.count; i++) {
		struct source *source = &sources.items[i];

		source->file = vector_load(paths[i], &source->text);
		vector_setup_init(&source->setup,
				  json_get_string(source->file, "platform"),
				  json_get(source->file, "identity"));
	}
	return sources;
}

int main(int argc, char **argv)
{
	struct sources sources = load_sources(argc - 1, argv + 1);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(
			a_truncated_message_is_never_an_update, &sources),
		cmocka_unit_test_prestate(
			a_message_without_its_head_is_survived, &sources),
		cmocka_unit_test_prestate(a_damaged_message_is_survived,
					  &sources),
		cmocka_unit_test_prestate(a_damaged_topic_is_not_ours,
					  &sources),
		cmocka_unit_test_prestate(random_bytes_are_never_an_update,
					  &sources),
	};
	int failed;

	if (sources.count == 0)
		vector_unusable("no vector file given");
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	for (size_t i = 0; i < sources.count; i++) {
		vector_setup_done(&sources.items[i].setup);
		json_free(sources.items[i].file);
		free(sources.items[i].text);
	}
	free(sources.items);
	return failed;
}
