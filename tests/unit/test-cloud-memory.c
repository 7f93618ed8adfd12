/*
 * Every allocation of a decoding and of an encoding is made to fail once. The
 * sanitizers and valgrind bring an allocator of their own: nothing to do there.
 */

#include "otad/cloud/cloud.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "support/cloud-fixture.h"

#if defined(__SANITIZE_ADDRESS__)
#define OWN_ALLOCATOR 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define OWN_ALLOCATOR 0
#endif
#endif
#ifndef OWN_ALLOCATOR
#define OWN_ALLOCATOR 1
#endif

#define MD5 "5d41402abc4b2a76b9719d911017c592"
#define NEVER UINT64_MAX

/*
 * Allocations left until one fails, and whether it did. Volatile: compilers
 * know malloc(3) and that it looks at no variables of ours.
 */
static volatile uint64_t allocations_left = NEVER;
static volatile bool failed_once;
static volatile int64_t live_allocations;

#if OWN_ALLOCATOR
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *pointer, size_t size);
void __libc_free(void *pointer);

static bool fails(void)
{
	if (allocations_left == NEVER)
		return false;
	if (allocations_left > 0) {
		allocations_left = allocations_left - 1;
		return false;
	}
	allocations_left = NEVER;
	failed_once = true;
	return true;
}

static void *counted(void *pointer)
{
	if (pointer)
		live_allocations = live_allocations + 1;
	return pointer;
}

void *malloc(size_t size)
{
	return fails() ? NULL : counted(__libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
	return fails() ? NULL : counted(__libc_calloc(count, size));
}

void *realloc(void *pointer, size_t size)
{
	if (fails())
		return NULL;
	return pointer ? __libc_realloc(pointer, size) :
			 counted(__libc_malloc(size));
}

void free(void *pointer)
{
	if (pointer)
		live_allocations = live_allocations - 1;
	__libc_free(pointer);
}
#endif

static bool allocator_is_ours(void)
{
	void *volatile probe;

	allocations_left = 0;
	probe = malloc(1);
	allocations_left = NEVER;
	free(probe);
	return !probe;
}

/* True: what came out is exactly what comes out with memory enough. */
typedef bool (*attempt_fn)(void *data, struct ota_error *err);

/* OpenSSL keeps an account of its errors and what it has set up. */
enum owner {
	OWNER_FREES,
	OWNER_KEEPS,
};

/* Runs `attempt` until no allocation is left that could fail. */
static void fail_each_allocation(const char *what, attempt_fn attempt,
				 void *data, enum owner owner)
{
	for (uint64_t n = 0;; n++) {
		struct ota_error err = OTA_ERROR_INIT;
		bool ok;

		int64_t live;

		/* What libc remembers of the time zone it shall know again. */
		tzset();
		live = live_allocations;
		failed_once = false;
		allocations_left = n;
		ok = attempt(data, &err);
		allocations_left = NEVER;
		tzset();
		if (live_allocations != live && owner == OWNER_FREES)
			fail_msg("%s: allocation %u: %d leaked", what,
				 (unsigned)n, (int)(live_allocations - live));
		if (!failed_once) {
			assert_true(ok);
			assert_true(n > 0);
			return;
		}
		/* Some get along without, as realloc(3) for less. */
		if (!ok && err.kind != OTA_ERROR_INTERNAL)
			fail_msg("%s: allocation %u: %s", what, (unsigned)n,
				 err.text);
	}
}

struct decoding {
	struct cloud_fixture *fx;
	const char *topic;
	const char *payload;
	char *right; /* what describe() says with memory enough */
};

static char *describe(const struct cloud_message *message)
{
	const struct offer *offer = message->offer;
	const struct offer_ids *ids = offer ? &offer->ids : &message->ids;
	static char text[1024];

	snprintf(text, sizeof(text), "%d %d %d %s %s %s %s %s %s %s %d",
		 (int)message->verdict, (int)message->reason,
		 message->reportable, offer ? offer->device : message->device,
		 offer ? offer->module : message->module,
		 offer ? offer->version : message->version,
		 offer ? offer->url : message->field,
		 offer ? offer_digest(offer)->hex : "", ids->msg.text,
		 ids->task.text, ids->has_strategy);
	return text;
}

static bool decode(void *data, struct ota_error *err)
{
	const struct decoding *decoding = data;
	struct cloud_message message;
	bool ok = cloud_decode(decoding->fx->cloud, decoding->fx->inventory,
			       decoding->topic, decoding->payload,
			       strlen(decoding->payload), &message, err);

	if (ok && strcmp(describe(&message), decoding->right) != 0)
		ok = ota_fail(err, OTA_ERROR_PROTOCOL, "decoded %s",
			      describe(&message));
	cloud_message_done(&message);
	return ok;
}

struct encoding {
	struct cloud_fixture *fx;
	struct report report;
};

static bool compare(void *user_data,
		    const struct cloud_publication *publication,
		    struct ota_error *err)
{
	const struct encoding *encoding = user_data;
	const struct cloud_publication *right = &encoding->fx->caught[0];

	if (!strcmp(publication->topic, right->topic) &&
	    !strcmp(publication->payload, right->payload))
		return true;
	return ota_fail(err, OTA_ERROR_PROTOCOL, "published %s",
			publication->payload);
}

static bool encode(void *data, struct ota_error *err)
{
	struct encoding *encoding = data;

	return cloud_encode(encoding->fx->cloud, encoding->fx->inventory,
			    &encoding->report, compare, encoding, err);
}

static const struct {
	const char *platform, *identity, *device;
	const char *topic, *update, *reject;
} platforms[] = {
	{ "iotgo",
	  "{'product_key':'p','device_name':'d','sub_devices':[{'id':'s'}]}",
	  "s", "/ota/device/upgrade/p/s",
	  "{'code':200,'id':'x','data':{'version':'2','url':'http://h/f',"
	  "'size':1.0,'sign':'" MD5 "'}}",
	  "{'id':7,'data':{'version':'2'}}" },
	{ "tencent",
	  "{'product_id':'p','device_name':'d','modules':['default','mcu'],"
	  "'sub_devices':[{'id':'s','modules':['mcu']}]}",
	  "s", "$ota/update/p/s",
	  "{'type':'update_firmware','version':'2','url':'http://h/f',"
	  "'md5sum':'" MD5 "','file_size':1,'task_id':5,'fw_type':'mcu'}",
	  "{'type':'update_firmware','version':'2','task_id':'t'}" },
	{ "hanqi", "{'gateway_id':'H','sub_devices':[{'id':'s'}]}", "s",
	  "hanqi/gateway/H/command",
	  "{'msgType':'ota_upgrade','msgId':'m','uuid':'s','data':{"
	  "'version':'2','firmwareUrl':'http://h/f','md5':'" MD5 "'}}",
	  "{'msgType':'ota_upgrade','msgId':'m','uuid':'s'}" },
	{ "eztcloud",
	  "{'username':'u','sub_devices':[{'id':'s','addr':['1','2'],"
	  "'modules':['mcu']}]}",
	  "s", "sub_command_send/u",
	  "{'device':['1','2'],'command':{'method':'otaUpgrade','id':4,"
	  "'params':{'upgrade':true,'module':'mcu','version':'2',"
	  "'url':'http://h/f','size':1,'md5':'" MD5 "'}}}",
	  "{'device':['1','2'],'id':'i','command':{'method':'otaUpgrade'}}" },
	{ "sagoo",
	  "{'product_key':'p','device_key':'d','sub_devices':[{'id':'s'}]}",
	  "s", "/ota/device/upgrade/p/s",
	  "{'code':'200','id':1,'data':{'version':'2','url':'https://h/f',"
	  "'sign':'" MD5 "','signMethod':'MD5',"
	  "'extData':'{\\\"strategy\\\":3}'}}",
	  "{'code':'200','data':{'extData':{'strategy':1}}}" },
};

static void fail_each_in_decoding(struct decoding *decoding,
				  enum cloud_verdict verdict,
				  const char *payload)
{
	OTA_CLEANUP(freep) char *right = NULL;

	assert_int_equal(cloud_receive(decoding->fx, decoding->topic, payload),
			 verdict);
	right = strdup(describe(&decoding->fx->message));
	assert_non_null(right);
	decoding->payload = payload;
	decoding->right = right;
	fail_each_allocation(payload, decode, decoding, OWNER_FREES);
}

static void a_decoding_without_memory_says_so(void **state)
{
	if (!allocator_is_ours())
		skip();
	for (size_t i = 0; i < OTA_ARRAY_SIZE(platforms); i++) {
		OTA_CLEANUP(freep) char *update = quoted(platforms[i].update);
		OTA_CLEANUP(freep) char *reject = quoted(platforms[i].reject);
		struct decoding decoding = {
			.fx = cloud_fixture_new(platforms[i].platform,
						platforms[i].identity),
			.topic = platforms[i].topic,
		};

		fail_each_in_decoding(&decoding, CLOUD_UPDATE, update);
		fail_each_in_decoding(&decoding, CLOUD_REJECT, reject);
		cloud_fixture_free(decoding.fx);
	}
}

static void encode_everything(struct encoding *encoding, const char *platform)
{
	static const enum report_event events[] = {
		REPORT_ONLINE,	 REPORT_VERSION,  REPORT_CHECK,
		REPORT_PROGRESS, REPORT_PROPERTY, REPORT_REPLY,
	};
	static const enum job_state states[] = {
		JOB_STATE_DOWNLOADING,
		JOB_STATE_SUCCEEDED,
		JOB_STATE_FAILED,
	};

	for (size_t e = 0; e < OTA_ARRAY_SIZE(events); e++) {
		for (size_t s = 0; s < OTA_ARRAY_SIZE(states); s++) {
			encoding->report.event = events[e];
			encoding->report.state = states[s];
			if (cloud_send(encoding->fx, &encoding->report) > 0)
				fail_each_allocation(platform, encode,
						     encoding, OWNER_FREES);
		}
	}
}

static void an_encoding_without_memory_says_so(void **state)
{
	static const struct offer_ids ids = {
		.msg = { .text = (char *)"m" },
		.task = { .text = (char *)"7", .is_number = true },
		.has_strategy = true,
	};

	if (!allocator_is_ours())
		skip();
	for (size_t i = 0; i < OTA_ARRAY_SIZE(platforms); i++) {
		struct encoding encoding = {
			.fx = cloud_fixture_new(platforms[i].platform,
						platforms[i].identity),
			.report = {
				.device = platforms[i].device,
				.module = "mcu",
				.version = "1",
				.target = "2",
				.error = OTA_ERROR_BUSY,
				/* Invalid UTF-8 has a path of its own. */
				.message = "b\xff",
				.ids = &ids,
				.now_ms = 1770804000123,
			},
		};

		encode_everything(&encoding, platforms[i].platform);
		cloud_fixture_free(encoding.fx);
	}
}

struct identity {
	struct key_value keys[4];
	struct cloud_options options;
	struct cloud_fixture *fx;
};

static struct identity tencent_identity(void)
{
	struct identity identity = {
		.keys = { { (char *)"ProductId", (char *)"p" },
			  { (char *)"DeviceName", (char *)"d" } },
		.options = {
			.platform = &cloud_platforms()[1],
			.n_keys = 2,
			.mqtt_username = "u",
			.device_secret = "c2VjcmV0",
		},
	};

	assert_string_equal(identity.options.platform->platform, "tencent");
	return identity;
}

static bool make_cloud(void *data, struct ota_error *err)
{
	struct identity *identity = data;
	struct cloud *cloud;

	identity->options.keys = identity->keys;
	cloud = cloud_new(&identity->options, err);
	cloud_free(cloud);
	return cloud != NULL;
}

static bool make_credentials(void *data, struct ota_error *err)
{
	static const struct cloud_derivation derivation = { .now_ms = 1 };
	struct mqtt_credentials credentials = { NULL };
	bool ok = cloud_credentials(data, &derivation, &credentials, err);

	if (ok && (!credentials.client_id || !credentials.username ||
		   !credentials.password))
		ok = ota_fail(err, OTA_ERROR_PROTOCOL, "not all credentials");
	free(credentials.client_id);
	free(credentials.username);
	free(credentials.password);
	return ok;
}

static bool keep_topic(void *user_data, const char *topic)
{
	(*(unsigned *)user_data)++;
	return true;
}

static bool make_topics(void *data, struct ota_error *err)
{
	struct cloud_fixture *fx = data;
	struct device *device = inventory_find(fx->inventory, DEVICE_SELF);
	unsigned count = 0;

	if (cloud_topics(fx->cloud, device, keep_topic, &count) &&
	    cloud_online_topics(fx->cloud, device, keep_topic, &count))
		return count > 1;
	return ota_fail_memory(err, "topics");
}

static bool make_address(void *data, struct ota_error *err)
{
	struct cloud_fixture *fx = data;
	char *address = cloud_address(
		fx->cloud, inventory_find(fx->inventory, "s"), err);

	free(address);
	return address != NULL;
}

static void an_identity_without_memory_says_so(void **state)
{
	struct identity identity = tencent_identity();
	struct ota_error err;
	struct cloud *cloud;

	if (!allocator_is_ours())
		skip();
	fail_each_allocation("cloud_new", make_cloud, &identity, OWNER_FREES);
	identity.options.keys = identity.keys;
	cloud = cloud_new(&identity.options, &err);
	assert_non_null(cloud);
	fail_each_allocation("credentials", make_credentials, cloud,
			     OWNER_KEEPS);
	cloud_free(cloud);
	for (size_t i = 0; i < OTA_ARRAY_SIZE(platforms); i++) {
		struct cloud_fixture *fx = cloud_fixture_new(
			platforms[i].platform, platforms[i].identity);

		fail_each_allocation("address", make_address, fx, OWNER_FREES);
		if (strcmp(platforms[i].platform, "hanqi") != 0)
			fail_each_allocation("topics", make_topics, fx,
					     OWNER_FREES);
		cloud_fixture_free(fx);
	}
}

static bool answer_online(void *data, struct ota_error *err)
{
	static const char answer[] =
		"{\"type\":\"online\",\"payload\":{\"devices\":[{"
		"\"product_id\":\"p\",\"device_name\":\"s\","
		"\"result\":0}]}}";
	struct cloud_fixture *fx = data;
	char *device = NULL;
	bool online;

	if (!cloud_decode_online(fx->cloud, fx->inventory,
				 "$gateway/operation/result/p/d", answer,
				 strlen(answer), &device, &online))
		return ota_fail_memory(err, "an answer");
	free(device);
	return device != NULL;
}

static void an_answer_without_memory_is_none(void **state)
{
	struct cloud_fixture *fx = cloud_fixture_new(platforms[1].platform,
						     platforms[1].identity);

	if (allocator_is_ours())
		fail_each_allocation("online", answer_online, fx, OWNER_FREES);
	cloud_fixture_free(fx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_decoding_without_memory_says_so),
		cmocka_unit_test(an_encoding_without_memory_says_so),
		cmocka_unit_test(an_identity_without_memory_says_so),
		cmocka_unit_test(an_answer_without_memory_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
