#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "otad/base/loop.h"
#include "otad/mqtt/mqtt.h"

#include "support/mqtt-client.h"
#include "support/stub-server.h"

#include "../../src/mqtt/link.h"
#include "../../src/mqtt/mqtt-timing.h"

/* Packets of MQTT 3.1.1. */
#define CONNACK	       "\x20\x02\x00\x00"
#define SUBACK_REFUSED "\x90\x03\x00\x01\x80"
#define SUBACK_OF_ANOTHER "\x90\x03\x01\x01\x01"
#define PUBLISH            \
	"\x31\x05\x00\x02" \
	"ab!" /* retained, QoS 0 */

#define SAYS(server, text) \
	((server)->answer = (text), (server)->answer_bytes = sizeof(text) - 1)

struct fixture {
	struct loop *loop;
	struct stub_server server;
	struct mqtt_client client;
};

static int set_up_as(void **state, struct mqtt_options options)
{
	struct fixture *fx = calloc(1, sizeof(*fx));

	assert_non_null(fx);
	fx->loop = loop_new(NULL);
	assert_non_null(fx->loop);
	stub_server_init(&fx->server, fx->loop);
	options.port = fx->server.port;
	options.clean_session = true;
	mqtt_client_init(&fx->client, fx->loop, &options);
	*state = fx;
	return 0;
}

static int set_up(void **state)
{
	return set_up_as(state, (struct mqtt_options){0});
}

static int set_up_with_address(void **state)
{
	return set_up_as(state, (struct mqtt_options){.host = "127.0.0.1"});
}

/* The shortest that the library takes. */
static int set_up_impatient(void **state)
{
	return set_up_as(state, (struct mqtt_options){.keep_alive_ms = 5000});
}

static int tear_down(void **state)
{
	struct fixture *fx = *state;

	mqtt_client_done(&fx->client);
	stub_server_done(&fx->server);
	loop_free(fx->loop);
	free(fx);
	return 0;
}

static void set_waits(struct fixture *fx, uint64_t deadline_ms,
		      uint64_t backoff_ms)
{
	struct mqtt_timing timing = mqtt_client_quick;

	timing.deadline_ms = deadline_ms;
	timing.backoff_min_ms = backoff_ms;
	mqtt_set_timing(fx->client.mqtt, &timing);
}

static void silence_is_given_up_without_a_busy_loop(void **state)
{
	struct fixture *fx = *state;

	set_waits(fx, 200, 100);
	mqtt_client_start(&fx->client);
	wait_until(&fx->client, &fx->client.disconnected, 2);

	assert_int_equal(fx->client.why.kind, OTA_ERROR_TIMEOUT);
	assert_non_null(strstr(fx->client.why.text, "no answer"));
	assert_int_equal(fx->server.accepted, 2);
	assert_in_range(fx->client.rounds, 2, 60);
}

/* No name was looked up, whose deadline would do. */
static void silence_of_an_address_is_given_up_too(void **state)
{
	struct fixture *fx = *state;

	set_waits(fx, 200, 100);
	mqtt_client_start(&fx->client);
	wait_until(&fx->client, &fx->client.disconnected, 1);

	assert_int_equal(fx->client.why.kind, OTA_ERROR_TIMEOUT);
	assert_int_equal(fx->client.names.asked, 0);
}

static void a_connection_that_falls_silent_is_given_up(void **state)
{
	struct fixture *fx = *state;

	SAYS(&fx->server, CONNACK);
	fx->server.deaf = true;
	set_waits(fx, 60000, 60000);
	mqtt_client_start(&fx->client);
	wait_until(&fx->client, &fx->client.disconnected, 1);

	assert_int_equal(fx->client.connected, 1);
	assert_int_equal(fx->client.why.kind, OTA_ERROR_TIMEOUT);
	assert_non_null(strstr(fx->client.why.text, "keepalive"));
}

static void what_nobody_acknowledges_is_given_up(void **state)
{
	struct fixture *fx = *state;
	struct mqtt_timing timing = mqtt_client_quick;

	SAYS(&fx->server, CONNACK);
	fx->client.topic = "t/down";
	timing.answer_ms = 200;
	mqtt_set_timing(fx->client.mqtt, &timing);
	mqtt_client_start(&fx->client);
	wait_until(&fx->client, &fx->client.disconnected, 2);

	assert_int_equal(fx->client.connected, 2);
	assert_int_equal(fx->client.why.kind, OTA_ERROR_TIMEOUT);
	assert_non_null(strstr(fx->client.why.text, "no acknowledgement"));
}

static void an_answer_to_nothing_is_none(void **state)
{
	struct fixture *fx = *state;
	struct mqtt_timing timing = mqtt_client_quick;

	SAYS(&fx->server, CONNACK SUBACK_OF_ANOTHER);
	fx->client.topic = "t/down";
	timing.answer_ms = 200;
	mqtt_set_timing(fx->client.mqtt, &timing);
	mqtt_client_start(&fx->client);
	wait_until(&fx->client, &fx->client.disconnected, 2);

	assert_int_equal(fx->client.granted, 0);
	assert_int_equal(fx->client.why.kind, OTA_ERROR_TIMEOUT);
}

static void a_message_that_nobody_acknowledges_is_given_up(void **state)
{
	struct fixture *fx = *state;
	struct mqtt_timing timing = mqtt_client_quick;

	SAYS(&fx->server, CONNACK);
	timing.answer_ms = 200;
	mqtt_set_timing(fx->client.mqtt, &timing);
	mqtt_client_start(&fx->client);
	wait_until(&fx->client, &fx->client.connected, 1);
	mqtt_client_publish(&fx->client, "ota/1", "never acknowledged", 1);
	wait_until(&fx->client, &fx->client.disconnected, 1);

	assert_non_null(strstr(fx->client.why.text, "no acknowledgement"));
}

static void what_a_lost_connection_owed_is_not_waited_for(void **state)
{
	struct fixture *fx = *state;
	struct mqtt_timing timing = mqtt_client_quick;

	SAYS(&fx->server, CONNACK);
	fx->server.hang_up = true;
	fx->client.topic = "t/down";
	timing.answer_ms = 50;
	timing.backoff_min_ms = timing.backoff_max_ms;
	mqtt_set_timing(fx->client.mqtt, &timing);
	mqtt_client_start(&fx->client);
	wait_until(&fx->client, &fx->client.disconnected, 1);
	assert_int_equal(fx->client.connected, 1);
	for (int i = 0; i < 4; i++)
		assert_true(loop_run_once(fx->loop, timing.answer_ms, NULL));

	assert_int_equal(fx->client.disconnected, 1);
}

static void who_has_nothing_to_say_is_not_given_up(void **state)
{
	struct fixture *fx = *state;
	struct mqtt_timing timing = mqtt_client_quick;

	SAYS(&fx->server, CONNACK);
	timing.answer_ms = 50;
	mqtt_set_timing(fx->client.mqtt, &timing);
	mqtt_client_start(&fx->client);
	wait_until(&fx->client, &fx->client.connected, 1);
	for (int i = 0; i < 4; i++)
		assert_true(loop_run_once(fx->loop, timing.answer_ms, NULL));

	assert_int_equal(fx->client.disconnected, 0);
}

static void garbage_disconnects_and_waits_ever_longer(void **state)
{
	struct fixture *fx = *state;

	SAYS(&fx->server, "\xff\x00 is no packet");
	set_waits(fx, 3000, 10);
	mqtt_client_start(&fx->client);
	wait_until(&fx->client, &fx->client.disconnected, 4);

	assert_int_equal(fx->client.connected, 0);
	assert_int_equal(fx->client.why.kind, OTA_ERROR_PROTOCOL);
	assert_in_range(mqtt_retry_delay_ms(fx->client.mqtt), 63, 97);
}

static void a_hang_up_waits_ever_longer(void **state)
{
	struct fixture *fx = *state;

	fx->server.hang_up_at_once = true;
	set_waits(fx, 3000, 10);
	mqtt_client_start(&fx->client);
	wait_until(&fx->client, &fx->client.disconnected, 4);

	assert_int_equal(fx->client.why.kind, OTA_ERROR_NETWORK);
	assert_in_range(mqtt_retry_delay_ms(fx->client.mqtt), 63, 97);
}

static void accepting_and_dropping_waits_ever_longer(void **state)
{
	struct fixture *fx = *state;

	SAYS(&fx->server, CONNACK);
	fx->server.hang_up = true;
	set_waits(fx, 3000, 10);
	mqtt_client_start(&fx->client);
	wait_until(&fx->client, &fx->client.disconnected, 4);

	assert_int_equal(fx->client.connected, 4);
	assert_in_range(mqtt_retry_delay_ms(fx->client.mqtt), 63, 97);
}

static void a_connection_that_lasted_shortens_the_wait(void **state)
{
	struct fixture *fx = *state;
	struct mqtt_timing timing = mqtt_client_quick;

	SAYS(&fx->server, CONNACK);
	fx->server.hang_up = true;
	timing.backoff_min_ms = 10;
	timing.settled_ms = 0;
	mqtt_set_timing(fx->client.mqtt, &timing);
	mqtt_client_start(&fx->client);
	wait_until(&fx->client, &fx->client.disconnected, 4);

	assert_in_range(mqtt_retry_delay_ms(fx->client.mqtt), 7, 13);
}

static void each_refusal_has_its_words(void **state)
{
	static const struct {
		const char *answer;
		enum ota_error_kind kind;
		const char *text;
		bool barred;
	} cases[] = {
		{"\x20\x02\x00\x01", OTA_ERROR_PERMISSION, "version", true},
		{"\x20\x02\x00\x02", OTA_ERROR_PERMISSION, "client id", true},
		{"\x20\x02\x00\x03", OTA_ERROR_NETWORK, "unavailable", false},
		{"\x20\x02\x00\x04", OTA_ERROR_PERMISSION, "password", true},
		{"\x20\x02\x00\x05", OTA_ERROR_PERMISSION, "authorised", true},
		{"\x20\x02\x00\x63", OTA_ERROR_PROTOCOL, "code 99", false},
	};
	struct fixture *fx = *state;

	for (size_t i = 0; i < OTA_ARRAY_SIZE(cases); i++) {
		uint64_t delay_ms;

		fx->server.answer = cases[i].answer;
		fx->server.answer_bytes = 4;
		set_waits(fx, 3000, 10);
		fx->client.disconnected = 0;
		mqtt_client_start(&fx->client);
		wait_until(&fx->client, &fx->client.disconnected, 1);

		assert_int_equal(fx->client.why.kind, cases[i].kind);
		assert_non_null(strstr(fx->client.why.text, cases[i].text));
		delay_ms = mqtt_retry_delay_ms(fx->client.mqtt);
		assert_int_equal(delay_ms > 1000, cases[i].barred);
	}
	assert_int_equal(fx->client.connected, 0);
}

static void a_second_acceptance_is_an_error(void **state)
{
	struct fixture *fx = *state;

	SAYS(&fx->server, CONNACK CONNACK);
	mqtt_client_start(&fx->client);
	wait_until(&fx->client, &fx->client.disconnected, 1);

	assert_int_equal(fx->client.connected, 1);
	assert_int_equal(fx->client.why.kind, OTA_ERROR_PROTOCOL);
}

static void a_message_before_the_acceptance_is_an_error(void **state)
{
	struct fixture *fx = *state;

	SAYS(&fx->server, PUBLISH CONNACK);
	mqtt_client_start(&fx->client);
	wait_until(&fx->client, &fx->client.disconnected, 1);

	assert_int_equal(fx->client.messages, 0);
	assert_int_equal(fx->client.why.kind, OTA_ERROR_PROTOCOL);
}

static void a_refused_subscription_is_told(void **state)
{
	struct fixture *fx = *state;

	SAYS(&fx->server, CONNACK SUBACK_REFUSED);
	fx->client.topic = "ota/1";
	mqtt_client_start(&fx->client);
	wait_until(&fx->client, &fx->client.refused, 1);

	assert_int_equal(fx->client.granted, 0);
	assert_int_equal(fx->client.last_subscribed_id,
			 fx->client.subscribe_id);
}

static void topics_with_odd_bytes_end_the_connection(void **state)
{
	static const char *const packets[] = {
		CONNACK "\x30\x05\x00\x02\x80\xff!", /* not UTF-8 */
		CONNACK "\x30\x05\x00\x02\x07\x1b!", /* control bytes */
		CONNACK "\x30\x05\x00\x7f"
			"ab!", /* longer than its packet */
	};
	struct fixture *fx = *state;

	for (size_t i = 0; i < OTA_ARRAY_SIZE(packets); i++) {
		fx->server.answer = packets[i];
		fx->server.answer_bytes = 4 + 7;
		set_waits(fx, 3000, 10);
		fx->client.disconnected = 0;
		mqtt_client_start(&fx->client);
		wait_until(&fx->client, &fx->client.disconnected, 1);
		assert_int_equal(fx->client.why.kind, OTA_ERROR_PROTOCOL);
	}
	assert_int_equal(fx->client.messages, 0);
}

static void an_empty_message_is_handed_on(void **state)
{
	struct fixture *fx = *state;

	SAYS(&fx->server, CONNACK "\x30\x04\x00\x02"
				  "ab");
	mqtt_client_start(&fx->client);
	wait_until(&fx->client, &fx->client.messages, 1);

	assert_string_equal(fx->client.got_topic, "ab");
	assert_int_equal(fx->client.got_size, 0);
}

/* CONNACK, then a PUBLISH with a payload of `payload_bytes` to come. */
static size_t announce(uint8_t *packet, size_t payload_bytes)
{
	size_t left = payload_bytes + 4;
	size_t size = 4;

	memcpy(packet, CONNACK, size);
	packet[size++] = 0x30;
	for (; left >= 128; left /= 128)
		packet[size++] = (uint8_t)(left % 128 | 0x80);
	packet[size++] = (uint8_t)left;
	memcpy(packet + size,
	       "\x00\x02"
	       "ab",
	       4);
	return size + 4;
}

static void say_large(struct fixture *fx, uint8_t *header, size_t payload_bytes)
{
	static const uint8_t block[65536];

	fx->server.answer = header;
	fx->server.answer_bytes = announce(header, payload_bytes);
	fx->server.chorus = block;
	fx->server.chorus_bytes = sizeof(block);
	fx->server.chorus_times = (unsigned)(payload_bytes / sizeof(block));
}

static void a_large_message_is_handed_on(void **state)
{
	struct fixture *fx = *state;
	uint8_t header[16];

	say_large(fx, header, 1024 * 1024);
	mqtt_client_start(&fx->client);
	wait_until(&fx->client, &fx->client.messages, 1);

	assert_int_equal(fx->client.got_size, 1024 * 1024);
}

/* So large that most of what is read in one go ends no message. */
static void many_large_messages_are_not_one_huge(void **state)
{
	struct fixture *fx = *state;
	size_t bytes = LINK_MAX_PACKET_BYTES / 4 * 3;
	OTA_CLEANUP(freep) uint8_t *packet = calloc(1, bytes + 16);
	size_t header_bytes;

	assert_non_null(packet);
	header_bytes = announce(packet, bytes);
	fx->server.answer = packet;
	fx->server.answer_bytes = 4;
	fx->server.chorus = packet + 4;
	fx->server.chorus_bytes = header_bytes - 4 + bytes;
	fx->server.chorus_times = 4;
	mqtt_client_start(&fx->client);
	wait_until(&fx->client, &fx->client.messages, fx->server.chorus_times);

	assert_int_equal(fx->client.disconnected, 0);
}

static void a_huge_message_ends_the_connection(void **state)
{
	struct fixture *fx = *state;
	uint8_t header[16];

	say_large(fx, header, 250 * 1024 * 1024);
	mqtt_client_start(&fx->client);
	wait_until(&fx->client, &fx->client.disconnected, 1);

	assert_int_equal(fx->client.why.kind, OTA_ERROR_PROTOCOL);
	assert_non_null(strstr(fx->client.why.text, "larger"));
	assert_int_equal(fx->client.messages, 0);
	/* Not much more than the limit was read. */
	assert_true(fx->server.said_bytes < 4 * LINK_MAX_PACKET_BYTES);
}

static void ten_thousand_messages_do_not_starve_the_loop(void **state)
{
	struct fixture *fx = *state;
	unsigned before;

	SAYS(&fx->server, CONNACK);
	fx->server.chorus = PUBLISH;
	fx->server.chorus_bytes = sizeof(PUBLISH) - 1;
	fx->server.chorus_times = 10000;
	mqtt_client_start(&fx->client);
	wait_until(&fx->client, &fx->client.connected, 1);

	while (fx->client.messages < 10000) {
		before = fx->client.messages;
		wait_until(&fx->client, &fx->client.messages, before + 1);
		/* One turn of the loop, few messages. */
		assert_in_range(fx->client.messages - before, 1, 64);
	}
	assert_int_equal(fx->client.disconnected, 0);
}

static void a_broker_that_reads_nothing_does_not_fill_memory(void **state)
{
	struct fixture *fx = *state;
	struct ota_error err = OTA_ERROR_INIT;
	unsigned taken = 0;
	int id;

	SAYS(&fx->server, CONNACK);
	fx->server.deaf = true;
	mqtt_client_start(&fx->client);
	wait_until(&fx->client, &fx->client.connected, 1);

	while (taken < 2 * LINK_MAX_PENDING &&
	       mqtt_publish(fx->client.mqtt, "ota/1", "report", 6, 1, &id,
			    &err))
		taken++;
	assert_int_equal(taken, LINK_MAX_PENDING);
	assert_int_equal(err.kind, OTA_ERROR_BUSY);
}

static void stop_does_not_wait_for_ever(void **state)
{
	struct fixture *fx = *state;

	SAYS(&fx->server, CONNACK);
	fx->server.deaf = true;
	mqtt_client_start(&fx->client);
	wait_until(&fx->client, &fx->client.connected, 1);
	mqtt_client_publish(&fx->client, "ota/1", "never acknowledged", 1);

	mqtt_client_stop_within(&fx->client, 100);
	wait_until(&fx->client, &fx->client.stopped, 1);
	assert_int_equal(fx->client.published, 0);
	assert_int_equal(fx->client.disconnected, 0);
}

static void a_loss_while_stopping_counts_as_stopped(void **state)
{
	struct fixture *fx = *state;

	SAYS(&fx->server, CONNACK);
	mqtt_client_start(&fx->client);
	wait_until(&fx->client, &fx->client.connected, 1);
	mqtt_client_publish(&fx->client, "ota/1", "never acknowledged", 1);
	mqtt_client_stop(&fx->client);
	turn_for(&fx->client, 60);
	assert_int_equal(fx->client.stopped, 0);

	stub_server_done(&fx->server);
	wait_until(&fx->client, &fx->client.stopped, 1);
	turn_for(&fx->client, 300);
	assert_int_equal(fx->client.disconnected, 0);
}

static void it_may_be_freed_while_it_connects(void **state)
{
	struct fixture *fx = *state;

	mqtt_client_start(&fx->client);
	wait_until(&fx->client, &fx->server.accepted, 1);
	fx->client.mqtt = mqtt_free(fx->client.mqtt);
	turn_for(&fx->client, 60);
	assert_int_equal(fx->client.disconnected, 0);
}

static void an_address_may_name_its_interface(void **state)
{
	assert_true(link_is_address("fe80::1%eth0"));
	assert_false(link_is_address("broker%eth0"));
	assert_false(link_is_address("%eth0"));
}

static void random_packets_are_survived(void **state)
{
	struct fixture *fx = *state;
	uint8_t words[64];
	uint64_t seed = 1;

	fx->server.answer = words;
	fx->server.answer_bytes = sizeof(words);
	fx->server.hang_up = true;
	for (unsigned round = 1; round <= 300; round++) {
		memcpy(words, CONNACK, 4);
		for (size_t i = 4; i < sizeof(words); i++) {
			seed = seed * 6364136223846793005u +
			       1442695040888963407u;
			words[i] = (uint8_t)(seed >> 56);
		}
		/* Mostly short, so that packets end where others begin. */
		words[5] %= 16;
		set_waits(fx, 3000, 1);
		mqtt_client_start(&fx->client);
		wait_until(&fx->client, &fx->client.disconnected, round);
	}
	assert_int_equal(fx->client.connected, 300);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		T(silence_is_given_up_without_a_busy_loop),
		cmocka_unit_test_setup_teardown(
			silence_of_an_address_is_given_up_too,
			set_up_with_address, tear_down),
		cmocka_unit_test_setup_teardown(
			a_connection_that_falls_silent_is_given_up,
			set_up_impatient, tear_down),
		T(what_nobody_acknowledges_is_given_up),
		T(an_answer_to_nothing_is_none),
		T(a_message_that_nobody_acknowledges_is_given_up),
		T(what_a_lost_connection_owed_is_not_waited_for),
		T(who_has_nothing_to_say_is_not_given_up),
		T(garbage_disconnects_and_waits_ever_longer),
		T(a_hang_up_waits_ever_longer),
		T(accepting_and_dropping_waits_ever_longer),
		T(a_connection_that_lasted_shortens_the_wait),
		T(each_refusal_has_its_words),
		T(a_second_acceptance_is_an_error),
		T(a_message_before_the_acceptance_is_an_error),
		T(a_refused_subscription_is_told),
		T(topics_with_odd_bytes_end_the_connection),
		T(an_empty_message_is_handed_on),
		T(a_large_message_is_handed_on),
		T(many_large_messages_are_not_one_huge),
		T(a_huge_message_ends_the_connection),
		T(ten_thousand_messages_do_not_starve_the_loop),
		T(a_broker_that_reads_nothing_does_not_fill_memory),
		T(stop_does_not_wait_for_ever),
		T(a_loss_while_stopping_counts_as_stopped),
		T(it_may_be_freed_while_it_connects),
		cmocka_unit_test(an_address_may_name_its_interface),
		T(random_packets_are_survived),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
