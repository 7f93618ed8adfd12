"""What is broken of src/base."""

from mutation import Mutant

MUTANTS = [
    Mutant("a write cut short counts as whole",
           "file", "src/base/file.c",
           """		data += n;
		size -= (size_t)n;
	}
	return true;""",
           """		data += n;
		return true;
	}
	return true;"""),
    Mutant("what a power cut left under the temporary name stops every write",
           "file", "src/base/file.c",
           """	    !place_clear(&place, tmp, err) ||
	    !write_place""",
           "	    !write_place"),
    Mutant("a write that fails leaves its temporary file",
           "file", "src/base/file.c",
           """	if (!filled)
		unlinkat(place->dir_fd, tmp, 0);
	return filled;""",
           "	return filled;"),
    Mutant("a sync of the content that fails is no failure",
           "file", "src/base/file.c",
           """an empty file. */
	if (fsync(fd) < 0)""",
           """an empty file. */
	if (fsync(fd) < 0 && errno != EIO)"""),
    Mutant("a sync of the folder that fails is no failure",
           "file", "src/base/file.c",
           """	if (fsync(place->dir_fd) < 0)
		return""",
           """	if (fsync(place->dir_fd) < 0 && errno == EBADF)
		return"""),
    Mutant("the old name of a move is synced before the new one",
           "file", "src/base/file.c",
           """	return place_sync(&target, to, err) &&
	       (same_directory(&source, &target) ||
		place_sync(&source, from, err));""",
           """	return (same_directory(&source, &target) ||
		place_sync(&source, from, err)) && place_sync(&target, to, err);"""),
    Mutant("two otad lock one state directory",
           "file", "src/base/file.c",
           "LOCK_EX | LOCK_NB",
           "LOCK_SH | LOCK_NB"),
    Mutant("a file of any size is read",
           "file", "src/base/file.c",
           "		if (size > max_bytes) {",
           "		if (false) {"),
    Mutant("a link made twice leaves a third name",
           "file", "src/base/file.c",
           "	return place_clear(&place, tmp, err) && place_sync(&place, to, err);",
           "	return place_sync(&place, to, err);"),
    Mutant("a program that had to be stopped has succeeded",
           "process", "src/base/process.c",
           """	if (result->timed_out)
		return ota_fail""",
           """	if (result->timed_out && result->signal == 0)
		return ota_fail"""),
    Mutant("a program that crashed has succeeded",
           "process", "src/base/process.c",
           """	if (result->signal)
		return ota_fail""",
           """	if (false)
		return ota_fail"""),
    Mutant("a program that the kernel cannot end is waited for",
           "process-timeout", "src/base/process.c",
           """		loop_child_abandon(OTA_TAKE(process->child));
		process->result.exit_status = -1;
		process->result.signal = SIGKILL;
		end(process);
""",
           """		loop_timer_set(timer, GRACE_MS);
"""),
    Mutant("a child speaks for the service",
           "process", "src/base/spawn.c",
           """		    !in_variables(environ[i], own_variables,
				  OTA_ARRAY_SIZE(own_variables)))""",
           "		    true)"),
    Mutant("nothing is synced where the kernel has no asynchronous sync",
           "sync", "src/base/sync.c",
           "	int r = what == SYNC_CONTENT ? fdatasync(fd) : fsync(fd);",
           "	int r = 0;"),
    Mutant("an asynchronous sync that fails is a success",
           "sync", "src/base/sync.c",
           "tell(sync, event.res < 0 ? (int)-event.res : 0);",
           "tell(sync, 0);"),
    Mutant("a sync that was given up is told of",
           "sync", "src/base/sync.c",
           """	if (sync->is_forgotten)
		release(sync);
	else
		tell""",
           """	if (false)
		release(sync);
	else
		tell"""),
    Mutant("a state directory is not locked",
           "test_nights_machine.py test_two_otad_on_one_state_directory", "src/base/file.c",
           "	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {",
           "	if (false) {"),
    Mutant("a limit on the size of files ends otad",
           "test_nights_machine.py test_a_limit_on_the_size_of_files", "src/base/loop.c",
           "	signal(SIGXFSZ, SIG_IGN);",
           ""),
    Mutant("what a program has started is not asked to end",
           "process", "src/base/process.c",
           "		kill(-process->pid, SIGTERM);",
           "		kill(process->pid, SIGTERM);"),
    Mutant("all signals stay blocked behind a program",
           "process", "src/base/spawn.c",
           """	why = errno;
	sigprocmask(SIG_SETMASK, &before, NULL);""",
           "	why = errno;"),
    Mutant("long work without end holds deferred work back",
           "loop", "src/base/loop.c",
           "	if (loop->was_long && !loop->gave_way) {",
           "	if (loop->was_long) {"),
    Mutant("a short timer may be late by a quarter of a second",
           "loop", "src/base/loop.c",
           "slack_us ? slack_us : 1);",
           "slack_us);"),
    Mutant("a timer of a week may be late by half a day",
           "loop", "src/base/loop.c",
           """		if (slack_us > MAX_SLACK_USEC)
			slack_us = MAX_SLACK_USEC;
""",
           ""),
    Mutant("the watchdog is fed in the last moment",
           "loop", "src/base/loop.c",
           "loop->watchdog_period_ms = limit_us / 2 / USEC_PER_MSEC;",
           "loop->watchdog_period_ms = limit_us / USEC_PER_MSEC;"),
    Mutant("the service manager is not told of a reload",
           "loop", "src/base/notify.c",
           """	sd_notifyf(0, "RELOADING=1\\nWATCHDOG=1\\nMONOTONIC_USEC=%llu",""",
           """	sd_notifyf(0, "WATCHDOG=1\\nMONOTONIC_USEC=%llu","""),
    Mutant("a signal fails a read",
           "file", "src/base/file.c",
           """		n = read(fd, data + size, room - size);
		if (n < 0 && errno == EINTR)
			continue;
""",
           """		n = read(fd, data + size, room - size);
"""),
    Mutant("a signal fails a write",
           "file", "src/base/file.c",
           """		ssize_t n = write(fd, data, size);

		if (n < 0 && errno == EINTR)
			continue;
""",
           """		ssize_t n = write(fd, data, size);

"""),
    Mutant("a close that fails is no failure",
           "file", "src/base/file.c",
           """	if (close(fd) < 0 && errno != EINTR && filled)
		filled =""",
           """	if (close(fd) < 0 && false)
		filled ="""),
    Mutant("a removal done before is not synced",
           "file", "src/base/file.c",
           """	if (unlinkat(place.dir_fd, place.name, 0) < 0 && errno != ENOENT)
		return ota_fail_errno(err, errno, "remove %s", path);
	/* Also""",
           """	if (unlinkat(place.dir_fd, place.name, 0) < 0)
		return errno == ENOENT || ota_fail_errno(err, errno, "remove %s", path);
	/* Also"""),
    Mutant("a draft that cannot be written stays",
           "file", "src/base/file.c",
           """	close(fd);
	unlinkat(place.dir_fd, tmp, 0);
	return -1;""",
           """	close(fd);
	return -1;"""),
    Mutant("what is kept for root is room",
           "file", "src/base/file-info.c",
           "(uint64_t)fs.f_bavail",
           "(uint64_t)fs.f_bfree"),
    Mutant("the content of a file is all of it",
           "sync", "src/base/sync.c",
           """		.aio_lio_opcode = what == SYNC_CONTENT ? IOCB_CMD_FDSYNC
						       : IOCB_CMD_FSYNC,""",
           "		.aio_lio_opcode = IOCB_CMD_FDSYNC,"),
    Mutant("a syncer leaves its part of the kernel behind",
           "sync", "src/base/sync.c",
           """	if (syncer->context)
		syscall(SYS_io_destroy, syncer->context);
""",
           ""),
    Mutant("a kernel that will not sync is asked each time",
           "sync", "src/base/sync.c",
           """	syncer->is_refused = true;
""",
           ""),
    Mutant("a sync that was told is looked for for ever",
           "sync", "src/base/sync.c",
           """	(void)!read(fd, &one, sizeof(one));
	if (count == 0)""",
           "	if (count == 0)"),
    Mutant("the next version cannot speak to the service manager",
           "loop", "src/base/notify.c",
           """sd_notify(0, "READY=1")""",
           """sd_notify(1, "READY=1")"""),
]
