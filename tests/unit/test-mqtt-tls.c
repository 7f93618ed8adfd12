#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <pty.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <openssl/ssl.h>

#include "otad/base/loop.h"
#include "otad/mqtt/mqtt.h"

#include "support/broker.h"
#include "support/mqtt-client.h"
#include "support/stub-server.h"

#include "../../src/mqtt/mqtt-timing.h"
#include "../../src/mqtt/tls.h"

/* What a server says to our first words. */
#define SAYS(server, text) \
	((server)->answer = (text), (server)->answer_bytes = sizeof(text) - 1)
#define CONNACK "\x20\x02\x00\x00"

/* Certificates take a while to make: one broker of each sort for all tests. */
struct brokers {
	struct broker *open;
	struct broker *closed; /* asks for a client certificate */
};

struct fixture {
	struct brokers *brokers;
	struct loop *loop;
	struct mqtt_client client;
	struct stub_server server;
};

static int start_brokers(void **state)
{
	struct brokers *brokers = calloc(1, sizeof(*brokers));

	assert_non_null(brokers);
	brokers->open = broker_start(&(struct broker_options){.tls = true});
	brokers->closed = broker_start(&(struct broker_options){
		.tls = true, .client_certificates = true});
	*state = brokers;
	return 0;
}

static int stop_brokers(void **state)
{
	struct brokers *brokers = *state;

	broker_stop(brokers->open);
	broker_stop(brokers->closed);
	free(brokers);
	return 0;
}

static int set_up(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));

	assert_non_null(fx);
	fx->brokers = *state;
	fx->loop = loop_new(NULL);
	assert_non_null(fx->loop);
	*state = fx;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fx = *state;

	mqtt_free(fx->client.mqtt);
	if (fx->server.loop)
		stub_server_done(&fx->server);
	loop_free(fx->loop);
	*state = fx->brokers;
	free(fx);
	return 0;
}

static struct mqtt_client *connect_with(struct fixture *fx,
					struct mqtt_options *options)
{
	options->tls = true;
	options->clean_session = true;
	if (!options->host)
		options->host = BROKER_NAME;
	mqtt_client_init(&fx->client, fx->loop, options);
	fx->client.topic = "ota/1";
	fx->client.greeting = "hello";
	mqtt_client_start(&fx->client);
	return &fx->client;
}

static struct mqtt_client *connect_to_stub(struct fixture *fx, const char *host)
{
	stub_server_init(&fx->server, fx->loop);
	return connect_with(fx, &(struct mqtt_options){
					.host = host, .port = fx->server.port});
}

static void the_right_broker_is_trusted(void **state)
{
	struct fixture *fx = *state;
	struct broker *broker = fx->brokers->open;
	struct mqtt_client *client = connect_with(
		fx, &(struct mqtt_options){
			    .port = broker_port(broker),
			    .ca_file = broker_file(broker, "ca.pem")});

	wait_until(client, &client->messages, 1);
	wait_until(client, &client->published, 1);
	assert_string_equal(client->got_payload, "hello");
	assert_int_equal(client->disconnected, 0);

	mqtt_client_stop(client);
	wait_until(client, &client->stopped, 1);
	/* The handshake, four answers, and nothing for nothing. */
	assert_in_range(client->rounds, 1, 60);
}

static void an_idle_connection_sleeps(void **state)
{
	struct fixture *fx = *state;
	struct broker *broker = fx->brokers->open;
	struct mqtt_client *client = connect_with(
		fx, &(struct mqtt_options){
			    .port = broker_port(broker),
			    .ca_file = broker_file(broker, "ca.pem")});

	wait_until(client, &client->messages, 1);
	client->rounds = 0;
	turn_for(client, 500);
	/* Rounds of 50 ms that end by themselves. */
	assert_in_range(client->rounds, 1, 15);
}

static void another_authority_is_not_trusted(void **state)
{
	struct fixture *fx = *state;
	struct broker *broker = fx->brokers->open;
	struct mqtt_client *client = connect_with(
		fx, &(struct mqtt_options){
			    .port = broker_port(broker),
			    .ca_file = broker_file(broker, "other-ca.pem")});

	wait_until(client, &client->disconnected, 1);
	assert_int_equal(client->connected, 0);
	assert_non_null(strstr(client->why.text, "certificate refused"));
}

static void the_systems_authorities_do_not_vouch_for_it(void **state)
{
	struct fixture *fx = *state;
	struct mqtt_client *client = connect_with(
		fx,
		&(struct mqtt_options){.port = broker_port(fx->brokers->open)});

	wait_until(client, &client->disconnected, 1);
	assert_int_equal(client->connected, 0);
	assert_non_null(strstr(client->why.text, "certificate refused"));
}

/* CaFile= says whom to trust, not whom else. */
static void the_systems_authorities_do_not_count_beside_ours(void **state)
{
	struct fixture *fx = *state;
	struct broker *broker = fx->brokers->open;
	struct mqtt_client *client;

	setenv("SSL_CERT_FILE", broker_file(broker, "ca.pem"), 1);
	client = connect_with(
		fx, &(struct mqtt_options){
			    .port = broker_port(broker),
			    .ca_file = broker_file(broker, "other-ca.pem")});
	wait_until(client, &client->disconnected, 1);
	unsetenv("SSL_CERT_FILE");
	assert_int_equal(client->connected, 0);
	assert_non_null(strstr(client->why.text, "certificate refused"));
}

static struct mqtt_client *connect_to_tls_stub(struct fixture *fx,
					       const char *host,
					       const char *cert,
					       const char *key)
{
	struct broker *broker = fx->brokers->open;
	OTA_CLEANUP(freep) char *path = strdup(broker_file(broker, cert));

	stub_server_init(&fx->server, fx->loop);
	stub_server_use_tls(&fx->server, path, broker_file(broker, key));
	SAYS(&fx->server, CONNACK);
	return connect_with(fx, &(struct mqtt_options){
					.host = host,
					.port = fx->server.port,
					.ca_file = broker_file(broker, "ca.pem")});
}

static void a_part_of_a_name_is_no_wildcard(void **state)
{
	struct fixture *fx = *state;
	struct mqtt_client *client =
		connect_to_tls_stub(fx, "back.broker.test", "pattern.pem",
				    "pattern.key");

	wait_until(client, &client->disconnected, 1);
	assert_int_equal(client->connected, 0);
	assert_non_null(strstr(client->why.text, "mismatch"));
}

/* Though all of OpenSSL is set to take it, see main(). */
static void a_server_of_old_tls_is_refused(void **state)
{
	struct fixture *fx = *state;
	struct mqtt_client *client =
		connect_to_tls_stub(fx, NULL, "server.pem", "server.key");

	SSL_CTX_set_max_proto_version(fx->server.tls, TLS1_1_VERSION);
	wait_until(client, &client->disconnected, 1);
	assert_int_equal(client->connected, 0);
	assert_non_null(strstr(client->why.text, "TLS failed"));
}

static void another_name_is_not_trusted(void **state)
{
	struct fixture *fx = *state;
	struct broker *broker = fx->brokers->open;
	struct mqtt_client *client = connect_with(
		fx, &(struct mqtt_options){
			    .host = "mqtt.example",
			    .port = broker_port(broker),
			    .ca_file = broker_file(broker, "ca.pem")});

	wait_until(client, &client->disconnected, 1);
	assert_int_equal(client->connected, 0);
	assert_non_null(strstr(client->why.text, "mqtt.example"));
	assert_non_null(strstr(client->why.text, "mismatch"));
}

static void
an_address_the_certificate_does_not_name_is_not_trusted(void **state)
{
	struct fixture *fx = *state;
	struct broker *broker = fx->brokers->open;
	struct mqtt_client *client = connect_with(
		fx, &(struct mqtt_options){
			    .host = "127.0.0.1",
			    .port = broker_port(broker),
			    .ca_file = broker_file(broker, "ca.pem")});

	wait_until(client, &client->disconnected, 1);
	assert_non_null(strstr(client->why.text, "mismatch"));
}

static void our_certificate_lets_us_in(void **state)
{
	struct fixture *fx = *state;
	struct broker *broker = fx->brokers->closed;
	char *ca = strdup(broker_file(broker, "ca.pem"));
	char *cert = strdup(broker_file(broker, "client.pem"));
	char *key = strdup(broker_file(broker, "client.key"));
	struct mqtt_client *client = connect_with(
		fx, &(struct mqtt_options){.port = broker_port(broker),
					   .ca_file = ca,
					   .cert_file = cert,
					   .key_file = key});

	free(ca);
	free(cert);
	free(key);
	wait_until(client, &client->messages, 1);
	assert_int_equal(client->disconnected, 0);
}

static void without_a_certificate_we_stay_out(void **state)
{
	struct fixture *fx = *state;
	struct broker *broker = fx->brokers->closed;
	struct mqtt_client *client = connect_with(
		fx, &(struct mqtt_options){
			    .port = broker_port(broker),
			    .ca_file = broker_file(broker, "ca.pem")});

	wait_until(client, &client->disconnected, 1);
	assert_int_equal(client->connected, 0);
	assert_int_equal(client->why.kind, OTA_ERROR_NETWORK);
}

static void missing_files_are_named(void **state)
{
	struct fixture *fx = *state;
	struct broker *broker = fx->brokers->open;
	struct mqtt_client *client = connect_with(
		fx, &(struct mqtt_options){.port = broker_port(broker),
					   .ca_file = "/nowhere/ca.pem"});

	wait_until(client, &client->disconnected, 1);
	assert_non_null(strstr(client->why.text, "/nowhere/ca.pem"));
	assert_non_null(strstr(client->why.text, "No such file"));
}

static void a_key_of_another_certificate_is_refused(void **state)
{
	struct fixture *fx = *state;
	struct broker *broker = fx->brokers->open;
	char *cert = strdup(broker_file(broker, "client.pem"));
	char *key = strdup(broker_file(broker, "server.key"));
	struct mqtt_client *client = connect_with(
		fx,
		&(struct mqtt_options){.port = broker_port(broker),
				       .ca_file = broker_file(broker, "ca.pem"),
				       .cert_file = cert,
				       .key_file = key});

	free(cert);
	free(key);
	wait_until(client, &client->disconnected, 1);
	assert_non_null(strstr(client->why.text, "mismatch"));
}

/* A daemon on a terminal must not stand there until somebody types. */
static void nobody_is_asked_for_a_pass_phrase(void **state)
{
	struct fixture *fx = *state;
	struct broker *broker = fx->brokers->open;
	OTA_CLEANUP(freep) char *cert = strdup(broker_file(broker, "client.pem"));
	OTA_CLEANUP(freep) char *key = strdup(broker_file(broker, "client.key"));
	OTA_CLEANUP(freep) char *locked = strdup(broker_file(broker, "locked.key"));
	char command[1024], said[256];
	int terminal, answer[2];
	char refused = 'n';
	ssize_t size;
	pid_t pid;

	snprintf(command, sizeof(command),
		 "openssl pkey -in %s -aes256 -passout pass:x -out %s", key,
		 locked);
	assert_int_equal(system(command), 0);
	assert_int_equal(pipe2(answer, O_CLOEXEC), 0);
	pid = forkpty(&terminal, NULL, NULL, NULL);
	assert_true(pid >= 0);
	if (pid == 0) {
		struct ota_error err = OTA_ERROR_INIT;

		if (!tls_context_new(
			    &(struct mqtt_options){
				    .host = BROKER_NAME,
				    .cert_file = cert,
				    .key_file = locked,
			    },
			    &err) &&
		    strstr(err.text, "private key"))
			refused = 'y';
		_exit(write(answer[1], &refused, 1) != 1);
	}
	close(answer[1]);
	size = read(terminal, said, sizeof(said)); /* EIO: it has ended */
	if (size > 0)
		kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(terminal);
	assert_true(size <= 0);
	assert_int_equal(read(answer[0], &refused, 1), 1);
	close(answer[0]);
	assert_int_equal(refused, 'y');
}

static void a_broker_without_tls_is_told(void **state)
{
	struct fixture *fx = *state;
	struct mqtt_client *client = connect_to_stub(fx, NULL);

	fx->server.answer = "\x20\x02\x00\x05 no TLS here, please";
	fx->server.answer_bytes = 24;
	wait_until(client, &client->disconnected, 1);
	assert_non_null(strstr(client->why.text, "wrong version number"));
}

static void a_hang_up_in_the_handshake_is_no_busy_loop(void **state)
{
	struct fixture *fx = *state;
	struct mqtt_client *client = connect_to_stub(fx, NULL);

	fx->server.hang_up = true;
	wait_until(client, &client->disconnected, 2);
	assert_int_equal(client->why.kind, OTA_ERROR_NETWORK);
	assert_in_range(client->rounds, 2, 60);
}

static void a_reset_in_the_handshake_is_no_busy_loop(void **state)
{
	struct fixture *fx = *state;
	struct mqtt_client *client = connect_to_stub(fx, NULL);

	/* Closing with unread bytes. */
	fx->server.hang_up_at_once = true;
	wait_until(client, &client->disconnected, 3);
	assert_int_equal(client->why.kind, OTA_ERROR_NETWORK);
	assert_in_range(client->rounds, 3, 90);
}

static void a_closed_port_is_no_busy_loop(void **state)
{
	struct fixture *fx = *state;
	struct mqtt_client *client = connect_to_stub(fx, NULL);

	stub_server_done(&fx->server);
	wait_until(client, &client->disconnected, 3);
	assert_int_equal(client->why.kind, OTA_ERROR_NETWORK);
	assert_non_null(strstr(client->why.text, "refused"));
	assert_in_range(client->rounds, 3, 60);
}

static void silence_in_the_handshake_is_given_up(void **state)
{
	struct fixture *fx = *state;
	struct mqtt_timing timing = mqtt_client_quick;
	struct mqtt_client *client = connect_to_stub(fx, NULL);

	timing.deadline_ms = 300;
	mqtt_set_timing(client->mqtt, &timing);
	wait_until(client, &client->disconnected, 1);
	assert_int_equal(client->why.kind, OTA_ERROR_TIMEOUT);
	assert_in_range(client->rounds, 2, 40);
}

static int connect_quietly(uint16_t port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	(void)connect(fd, (struct sockaddr *)&address, sizeof(address));
	return fd;
}

/*
 * A connect that takes its time leaves the library wanting to write for ever:
 * here the server's queue is full until the kernel tries again.
 */
static void a_slow_connect_is_no_busy_loop(void **state)
{
	struct fixture *fx = *state;
	struct mqtt_client *client;
	int crowd[3];

	stub_server_init(&fx->server, fx->loop);
	assert_true(loop_source_set_events(fx->server.accepting, 0, NULL));
	assert_int_equal(listen(fx->server.listener, 0), 0);
	for (size_t i = 0; i < OTA_ARRAY_SIZE(crowd); i++)
		crowd[i] = connect_quietly(fx->server.port);
	client = connect_with(fx,
			      &(struct mqtt_options){.port = fx->server.port});
	turn_for(client, 100);
	assert_int_equal(fx->server.accepted, 0);

	for (size_t i = 0; i < OTA_ARRAY_SIZE(crowd); i++)
		close(crowd[i]);
	assert_true(
		loop_source_set_events(fx->server.accepting, EPOLLIN, NULL));
	while (fx->server.heard_bytes == 0)
		turn_for(client, 1);
	client->rounds = 0;
	turn_for(client, 300);
	assert_in_range(client->rounds, 1, 20);
}

/* With another in the same record, which the library reads in one go. */
static void it_may_be_freed_by_a_message(void **state)
{
	static const char packets[] = CONNACK "\x31\x05\x00\x02" "ab!"
					      "\x31\x05\x00\x02" "ab!";
	struct fixture *fx = *state;
	struct mqtt_client *client =
		connect_to_tls_stub(fx, NULL, "server.pem", "server.key");

	SAYS(&fx->server, packets);
	client->free_at_message = true;
	wait_until(client, &client->messages, 1);
	turn_for(client, 60);
	assert_int_equal(client->messages, 1);
}

/* Records that end within packets: the library would read on and on. */
static void a_flood_does_not_starve_the_loop(void **state)
{
	static const char packet[] = "\x31\x05\x00\x02"
				     "ab!";
	struct fixture *fx = *state;
	struct broker *broker = fx->brokers->open;
	OTA_CLEANUP(freep) char *flood = malloc(10000 * 7);
	OTA_CLEANUP(freep)
	char *cert = strdup(broker_file(broker, "server.pem"));
	struct mqtt_client *client = &fx->client;

	assert_non_null(flood);
	for (size_t i = 0; i < 10000; i++)
		memcpy(flood + i * 7, packet, 7);
	stub_server_init(&fx->server, fx->loop);
	stub_server_use_tls(&fx->server, cert,
			    broker_file(broker, "server.key"));
	SAYS(&fx->server, CONNACK);
	fx->server.chorus = flood;
	fx->server.chorus_bytes = 10000 * 7;
	fx->server.chorus_times = 1;
	connect_with(fx, &(struct mqtt_options){
				 .port = fx->server.port,
				 .ca_file = broker_file(broker, "ca.pem")});

	while (client->messages < 10000) {
		unsigned before = client->messages;

		wait_until(client, &client->messages, before + 1);
		assert_in_range(client->messages - before, 1, 64);
	}
	assert_int_equal(client->disconnected, 0);
}

static void the_server_hears_the_name_it_is_known_by(void **state)
{
	struct fixture *fx = *state;
	struct mqtt_client *client = connect_to_stub(fx, "mqtt.example");

	wait_until(client, &fx->server.accepted, 1);
	while (fx->server.heard_bytes == 0)
		turn_for(client, 1);
	assert_non_null(memmem(fx->server.heard, fx->server.heard_bytes,
			       "mqtt.example", strlen("mqtt.example")));
}

static void an_address_is_no_name_to_send(void **state)
{
	struct fixture *fx = *state;
	struct mqtt_client *client = connect_to_stub(fx, "127.0.0.1");

	wait_until(client, &fx->server.accepted, 1);
	while (fx->server.heard_bytes == 0)
		turn_for(client, 1);
	assert_null(memmem(fx->server.heard, fx->server.heard_bytes,
			   "127.0.0.1", strlen("127.0.0.1")));
}

static void a_broker_that_returns_is_found_again(void **state)
{
	struct fixture *fx = *state;
	struct broker *broker = fx->brokers->open;
	struct mqtt_client *client = connect_with(
		fx, &(struct mqtt_options){
			    .port = broker_port(broker),
			    .ca_file = broker_file(broker, "ca.pem")});

	wait_until(client, &client->messages, 1);
	broker_kill(broker);
	wait_until(client, &client->disconnected, 2);
	broker_restart(broker);
	wait_until(client, &client->messages, 2);
}

/* As on a system whose administrator has let in the oldest of devices. */
static void let_openssl_take_anything(void)
{
	static const char text[] = "openssl_conf = all\n"
				   "[all]\nssl_conf = ssl\n"
				   "[ssl]\nsystem_default = any\n"
				   "[any]\nMinProtocol = TLSv1\n"
				   "CipherString = ALL:@SECLEVEL=0\n";
	char path[] = "/tmp/otad-openssl-XXXXXX";
	int fd = mkstemp(path);

	assert_true(write(fd, text, sizeof(text) - 1) ==
		    (ssize_t)sizeof(text) - 1);
	close(fd);
	setenv("OPENSSL_CONF", path, 1);
	assert_int_equal(OPENSSL_init_ssl(OPENSSL_INIT_LOAD_CONFIG, NULL), 1);
	unsetenv("OPENSSL_CONF"); /* openssl(1) and the broker have their own */
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		T(the_right_broker_is_trusted),
		T(an_idle_connection_sleeps),
		T(another_authority_is_not_trusted),
		T(the_systems_authorities_do_not_vouch_for_it),
		T(the_systems_authorities_do_not_count_beside_ours),
		T(a_part_of_a_name_is_no_wildcard),
		T(a_server_of_old_tls_is_refused),
		T(another_name_is_not_trusted),
		T(an_address_the_certificate_does_not_name_is_not_trusted),
		T(our_certificate_lets_us_in),
		T(without_a_certificate_we_stay_out),
		T(missing_files_are_named),
		T(a_key_of_another_certificate_is_refused),
		T(nobody_is_asked_for_a_pass_phrase),
		T(a_broker_without_tls_is_told),
		T(a_hang_up_in_the_handshake_is_no_busy_loop),
		T(a_reset_in_the_handshake_is_no_busy_loop),
		T(a_closed_port_is_no_busy_loop),
		T(silence_in_the_handshake_is_given_up),
		T(a_slow_connect_is_no_busy_loop),
		T(it_may_be_freed_by_a_message),
		T(a_flood_does_not_starve_the_loop),
		T(the_server_hears_the_name_it_is_known_by),
		T(an_address_is_no_name_to_send),
		T(a_broker_that_returns_is_found_again),
#undef T
	};

	let_openssl_take_anything();
	return cmocka_run_group_tests(tests, start_brokers, stop_brokers);
}
